# SPDX-License-Identifier: Apache-2.0
# exoprof. `make help` lists the targets. Everything that is built is in build/.

VERSION := 0.1.0
BUILD := build
OBJ := $(BUILD)/obj
PREFIX := /usr/local
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/exoprof
UNITDIR = $(PREFIX)/lib/systemd/system
# Where zsh looks: Debian's own packages have them in vendor-completions.
ZSHDIR = $(PREFIX)/share/zsh/site-functions

CC := gcc
CLANG := clang
BPFTOOL := bpftool

# no: / is the index page, and node is not needed.
WEB := yes

V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

WARNINGS := -Wall -Wextra -Werror
CPPFLAGS := -D_GNU_SOURCE -MMD -MP
CFLAGS := -std=gnu11 -O2 -g $(WARNINGS)
EXOPROF_CPPFLAGS := -DEXOPROF_VERSION='"$(VERSION)"' -DH2O_USE_LIBUV=0 \
	-DWEB_FOLDER='"$(BUILD)/web"' -Iuserspace -Ibpf -I$(BUILD)/bpf -I$(BUILD)/proto
EXOPROF_LIBS := -lbpf -lseccomp -lcap-ng -ldw -lelf -lh2o-evloop -lssl -lcrypto -lprotobuf-c -lyajl -lz -llzma -lZydis -liberty \
	-lncursesw -ltinfo -lm -lpthread
# All functions are bound before main: symbol/demangle.c leaves libiberty by a jump out of a signal
# handler, which must not find the dynamic linker in the middle of binding one, with its lock held.
# What has been bound is read-only then.
EXOPROF_LDFLAGS := -Wl,-z,relro -Wl,-z,now
DEMO_LIBS := -lh2o-evloop -lssl -lcrypto -lpthread
# Their reports follow frame pointers.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

.PHONY: all check unit targets e2e e2e-asan coverage style lint fuzz demo install uninstall deb clean format help
all: $(BUILD)/exoprof $(BUILD)/demo-server

help:
	@echo 'make            build exoprof and demo-server'
	@echo 'make check      all tests; the end-to-end ones need root'
	@echo 'make unit       the unit tests only, no root needed'
	@echo 'make e2e        the end-to-end tests only'
	@echo 'make e2e-asan   the end-to-end tests with sanitizers'
	@echo "make coverage   which lines the tests execute, by folder; TESTS='life heap': of tests/e2e only these"
	@echo 'make lint       clang-tidy and cppcheck'
	@echo 'make fuzz       the fuzz targets: $(BUILD)/fuzz/fuzz_X tests/fuzz/corpus/X'
	@echo 'make demo       the walkthrough on demo-server (needs root)'
	@echo 'make install    to DESTDIR and PREFIX ($(PREFIX)); also BINDIR MANDIR DOCDIR UNITDIR ZSHDIR'
	@echo 'make uninstall  what make install with the same variables has installed'
	@echo 'make deb        Debian packages in $(BUILD)/ (scripts/test-deb tries them; needs root)'
	@echo 'make format     clang-format on all sources'
	@echo 'make clean      remove $(BUILD)/'
	@echo 'V=1             show the commands'
	@echo 'WEB=no          without the page at /, which npm builds'

# --- the kernel side: one object a source, linked into one skeleton ---------------------------------

BPF_SOURCES := $(wildcard bpf/*.bpf.c)
BPF_OBJECTS := $(BPF_SOURCES:bpf/%.c=$(BUILD)/bpf/%.o)
SKELETON := $(BUILD)/bpf/exoprof.skel.h
# The headers that linux/bpf.h needs are in a folder by machine, which clang does not look into when
# its target is bpf.
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 $(WARNINGS) -Ibpf \
	-I/usr/include/$(shell $(CC) -print-multiarch)

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c Makefile
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/bpf/exoprof.o: $(BPF_OBJECTS)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKELETON): $(BUILD)/bpf/exoprof.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name exoprof_bpf > $@.tmp && mv $@.tmp $@

# --- exoprof ----------------------------------------------------------------------------------------

PROTO_SOURCE := $(BUILD)/proto/profile.pb-c.c
PROTO_HEADER := $(BUILD)/proto/profile.pb-c.h

$(PROTO_SOURCE) $(PROTO_HEADER) &: userspace/export/profile.proto
	$(call say,PROTOC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(BUILD)/proto -Iuserspace/export $<

SOURCES := $(wildcard userspace/*.c userspace/*/*.c)
ASSEMBLY := $(wildcard userspace/*/*.S)
ASSEMBLY_OBJECTS := $(ASSEMBLY:%.S=$(OBJ)/%.o)
OBJECTS := $(SOURCES:%.c=$(OBJ)/%.o) $(ASSEMBLY_OBJECTS) $(OBJ)/proto/profile.pb-c.o

# Generated headers must be there before the first compilation; after it, the .d files know.
$(OBJECTS): | $(SKELETON) $(PROTO_HEADER)

$(OBJ)/userspace/%.o: userspace/%.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(EXOPROF_CPPFLAGS) $(CFLAGS) -c $< -o $@

# What is put into targets: data of exoprof's, which no sanitizer touches.
$(ASSEMBLY_OBJECTS): $(OBJ)/%.o: %.S Makefile
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(EXOPROF_CPPFLAGS) -c $< -o $@

$(OBJ)/proto/profile.pb-c.o: $(PROTO_SOURCE)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -I$(BUILD)/proto -c $< -o $@

# .incbin is no #include: the compiler's dependency file does not know.
FLAMEGRAPH_PARTS := userspace/export/flamegraph.js userspace/export/flamegraph.css
$(OBJ)/userspace/export/flamegraph.o: $(FLAMEGRAPH_PARTS)

# The page at /. Whether it is wanted, and can be had, is a file, so that it is built anew when that
# changes.
WEB_WANTED := $(BUILD)/web/wanted-$(WEB)$(if $(shell command -v npm),,-no-npm)
WEB_SOURCES := $(shell find userspace/serve/web -name node_modules -prune -o -type f -print)
WEB_PARTS := $(addprefix $(BUILD)/web/,index.html page.js page.css)

$(WEB_WANTED):
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $(@D)/wanted-* && touch $@

$(WEB_PARTS) &: $(WEB_SOURCES) $(WEB_WANTED) scripts/build-web
	$(call say,WEB,userspace/serve/web)
	$(Q)scripts/build-web $(BUILD) $(WEB)

$(OBJ)/userspace/serve/page.o: $(WEB_PARTS)

$(BUILD)/exoprof: $(OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $^ -o $@ $(EXOPROF_LDFLAGS) $(EXOPROF_LIBS)

# --- demo-server: as a release build is, without frame pointers ---------------------------------------

DEMO_OBJECTS := $(patsubst %.c,$(OBJ)/%.o,$(wildcard demo-server/*.c))

$(OBJ)/demo-server/%.o: demo-server/%.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DH2O_USE_LIBUV=0 $(CFLAGS) -fomit-frame-pointer -c $< -o $@

$(BUILD)/demo-server: $(DEMO_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $^ -o $@ $(DEMO_LIBS)

# --- unit tests: all of exoprof but its main, with sanitizers, as a library ---------------------------

ASAN_OBJECTS := $(patsubst %.c,$(BUILD)/asan/%.o,$(filter-out userspace/main.c,$(SOURCES))) \
	$(ASSEMBLY_OBJECTS) $(BUILD)/asan/proto/profile.pb-c.o
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

$(ASAN_OBJECTS): | $(SKELETON) $(PROTO_HEADER)

$(BUILD)/asan/%.o: %.c Makefile
	$(call say,CC-ASAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(EXOPROF_CPPFLAGS) $(CFLAGS) $(SANITIZE) -c $< -o $@

$(BUILD)/asan/proto/profile.pb-c.o: $(PROTO_SOURCE)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -I$(BUILD)/proto -c $< -o $@

$(BUILD)/asan/userspace/export/flamegraph.o: $(FLAMEGRAPH_PARTS)
$(BUILD)/asan/userspace/serve/page.o: $(WEB_PARTS)

$(BUILD)/asan/libexoprof.a: $(ASAN_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^

# The whole of exoprof with sanitizers (make e2e-asan, scripts/faults).
$(BUILD)/asan/userspace/main.o: | $(SKELETON)

$(BUILD)/asan/exoprof: $(BUILD)/asan/userspace/main.o $(BUILD)/asan/libexoprof.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) $^ -o $@ $(EXOPROF_LDFLAGS) $(EXOPROF_LIBS)

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/asan/libexoprof.a Makefile
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(EXOPROF_CPPFLAGS) $(CFLAGS) $(SANITIZE) $< -o $@ \
		$(BUILD)/asan/libexoprof.a $(EXOPROF_LDFLAGS) $(EXOPROF_LIBS) -lcmocka

# The fuzz targets (see below) on what earlier runs found.
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYS := $(addprefix $(BUILD)/fuzz/replay_,$(FUZZ_TARGETS:fuzz_%=%))

# In the copy of the page's sources that scripts/build-web makes.
PAGE_TESTS := $(BUILD)/web-src/test/run.mjs

unit: $(UNIT_TESTS) $(REPLAYS) $(WEB_PARTS)
	$(Q)scripts/run-tests unit $(UNIT_TESTS) $(PAGE_TESTS) $(REPLAYS)

# --- end-to-end tests: the real thing on real programs ------------------------------------------------

TARGETS := $(patsubst tests/targets/%.c,$(BUILD)/targets/%,$(wildcard tests/targets/*.c)) \
	$(patsubst tests/targets/%.cc,$(BUILD)/targets/%,$(wildcard tests/targets/*.cc)) \
	$(BUILD)/targets/waits-static

# Programs of known truth keep their frame pointers unless their name says otherwise.
$(BUILD)/targets/%: tests/targets/%.c Makefile
	$(call say,TARGET,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -O2 -g $(WARNINGS) -fno-omit-frame-pointer $< -o $@ -lpthread

$(BUILD)/targets/%: tests/targets/%.cc Makefile
	$(call say,TARGET,$<)
	$(Q)mkdir -p $(@D)
	$(Q)g++ $(CPPFLAGS) -std=gnu++17 -O2 -g $(WARNINGS) -fno-omit-frame-pointer $< -o $@

# Nothing in it has a name.
$(BUILD)/targets/waits-static: tests/targets/waits.c Makefile
	$(call say,TARGET,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O2 $(WARNINGS) -static -s $< -o $@ -lpthread

include tests/targets/names/Makefile.inc
include tests/targets/unwind/Makefile.inc
include tests/targets/books/Makefile.inc
include tests/targets/boxed/Makefile.inc
include tests/targets/pressure/Makefile.inc

# Write profiles made by hand: a picture that the browser test opens, text that pprof reads.
HAND_MADE := $(BUILD)/e2e/make_flamegraph $(BUILD)/e2e/make_text

$(HAND_MADE): $(BUILD)/e2e/%: tests/e2e/%.c $(BUILD)/asan/libexoprof.a
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(EXOPROF_CPPFLAGS) $(CFLAGS) $(SANITIZE) $< -o $@ \
		$(BUILD)/asan/libexoprof.a $(EXOPROF_LDFLAGS) $(EXOPROF_LIBS)

# Puts code into a program; as fast as exoprof is.
PUT_STUB := $(BUILD)/e2e/put_stub

$(PUT_STUB): tests/e2e/put_stub.c $(filter-out $(OBJ)/userspace/main.o,$(OBJECTS))
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(EXOPROF_CPPFLAGS) $(CFLAGS) $^ -o $@ $(EXOPROF_LDFLAGS) $(EXOPROF_LIBS)

# What the end-to-end tests profile.
E2E_TARGETS := $(TARGETS) $(UNWIND_TARGETS) $(BOOKS_TARGETS) $(BOXED_TARGETS) $(PRESSURE_TARGETS)

targets: all $(E2E_TARGETS)

# Lets one call fail (scripts/faults). It takes the place of functions that the compiler knows.
FAULT_SHIM := $(BUILD)/fault/libfault.so

# What those tests run, of which `make check` builds all.
E2E_NEEDS := all $(E2E_TARGETS) $(HAND_MADE) $(PUT_STUB) $(BUILD)/asan/exoprof $(FAULT_SHIM)

e2e: $(E2E_NEEDS)
	$(Q)scripts/run-tests e2e $(wildcard tests/e2e/*.bats)

$(FAULT_SHIM): tests/fault/fault.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -fno-builtin -fno-omit-frame-pointer $< -o $@

# The same on the build with sanitizers, as far as time and memory do not matter there: what they
# report fails the test. The first are part of `make check`.
SANITIZED_CORE := $(patsubst %,asan:tests/e2e/%.bats,text bad_input convert)
SANITIZED := $(patsubst %,asan:tests/e2e/%.bats,life cpu heap waits processes names jit allocators \
	http metrics flamegraph pprof top)

e2e-asan: all $(BUILD)/asan/exoprof $(E2E_TARGETS) $(HAND_MADE)
	$(Q)scripts/run-tests e2e-asan $(SANITIZED_CORE) $(SANITIZED)

# What the tests execute, by folder; TESTS: which of tests/e2e, if not those that scripts/coverage has.
TESTS :=

coverage: all $(E2E_TARGETS) $(HAND_MADE)
	$(Q)MAKE="$(MAKE)" scripts/coverage $(BUILD)/coverage $(TESTS)

# --- fuzzing: libFuzzer's targets, and the same as programs that run what earlier runs found ----------

# A target's own sources are compiled with it, so that libFuzzer sees their branches.
FUZZ_SOURCES_cfi := $(wildcard userspace/unwind/*.c userspace/reader/*.c) userspace/base/intern.c \
	userspace/base/clock.c userspace/base/resident.c userspace/target/proc.c
FUZZ_SOURCES_answers = $(FUZZ_SOURCES_symbolize) userspace/collect/file_rows.c
FUZZ_SOURCES_symbolize := $(wildcard userspace/unwind/*.c userspace/symbol/*.c userspace/base/*.c) \
	$(wildcard userspace/reader/*.c) \
	userspace/target/elf_file.c userspace/target/jit_file.c userspace/target/proc.c \
	userspace/target/process.c userspace/target/root.c userspace/target/file_id.c \
	userspace/target/patience.c $(wildcard userspace/privilege/*.c)
FUZZ_SOURCES_demangle := userspace/symbol/demangle.c
FUZZ_SOURCES_perf_map := userspace/symbol/perf_map.c
FUZZ_SOURCES_kallsyms := userspace/symbol/kallsyms.c userspace/symbol/symtab.c
FUZZ_SOURCES_maps := userspace/target/maps.c userspace/target/elf_file.c userspace/target/files.c \
	userspace/target/process.c userspace/target/root.c userspace/target/vdso.c \
	userspace/target/jit_file.c userspace/target/proc.c userspace/target/opening.c \
	userspace/target/file_id.c userspace/target/patience.c $(wildcard userspace/base/*.c)
FUZZ_SOURCES_import := $(wildcard userspace/import/*.c userspace/export/*.c userspace/base/*.c) \
	userspace/profile/builder.c userspace/profile/diff.c userspace/profile/profile.c $(PROTO_SOURCE)
FUZZ_SOURCES_http := userspace/serve/query.c userspace/serve/negotiation.c userspace/serve/addresses.c \
	userspace/serve/profile_query.c $(wildcard userspace/export/*.c userspace/base/*.c) \
	userspace/profile/kind.c userspace/profile/profile.c userspace/profile/builder.c \
	userspace/profile/diff.c $(PROTO_SOURCE)
FUZZ_SOURCES_linker := userspace/target/linker.c
FUZZ_SOURCES_code := userspace/target/prologue.c userspace/unwind/stack_effect.c
FUZZ_SOURCES_elf_file := userspace/target/elf_file.c userspace/target/allocator.c userspace/target/prologue.c \
	userspace/target/root.c userspace/target/file_id.c $(wildcard userspace/base/*.c)
FUZZ_SOURCES_terminal := userspace/top/text.c
# demangle must be able to tell its own code from malloc()'s.
FUZZ_FLAGS_demangle = -shared-libsan -Wl,-rpath,$(shell $(CLANG) -print-runtime-dir)

.SECONDEXPANSION:
$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $$(FUZZ_SOURCES_$$*) $(wildcard tests/fuzz/*.h) \
		$(wildcard userspace/*/*.h) bpf/wire.h
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-Iuserspace -Ibpf -I$(BUILD)/proto -Itests/fuzz $(FUZZ_FLAGS_$*) $< $(FUZZ_SOURCES_$*) -o $@ $(EXOPROF_LDFLAGS) $(EXOPROF_LIBS)

$(BUILD)/fuzz/replay_%: tests/fuzz/fuzz_%.c $(BUILD)/asan/libexoprof.a $(wildcard tests/fuzz/*.h)
	$(call say,REPLAY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(EXOPROF_CPPFLAGS) -D_GNU_SOURCE -DFUZZ_MAIN -Itests/fuzz $(CFLAGS) $(SANITIZE) $< -o $@ \
		$(BUILD)/asan/libexoprof.a $(EXOPROF_LDFLAGS) $(EXOPROF_LIBS)

fuzz: $(addprefix $(BUILD)/fuzz/,$(FUZZ_TARGETS))

# --- benchmarks (scripts/bench) -----------------------------------------------------------------------

BENCH := $(BUILD)/bench
BENCH_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -D_GNU_SOURCE

$(BENCH)/deep-nofp: tests/bench/deep.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -fomit-frame-pointer -fno-optimize-sibling-calls $< -o $@ -lpthread

$(BENCH)/deep-fp: tests/bench/deep.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -fno-omit-frame-pointer -fno-optimize-sibling-calls $< -o $@ -lpthread

$(BENCH)/%.skel.h: tests/bench/%.bpf.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $(BENCH)/$*.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $(BENCH)/$*.bpf.o name $*_bpf > $@

$(BENCH)/fpstack $(BENCH)/floor: $(BENCH)/%: tests/bench/%.c $(BENCH)/%.skel.h
	$(Q)$(CC) $(BENCH_CFLAGS) -I$(BENCH) $< -o $@ -lbpf

# chain: a release build's stack, without frame pointers.
$(BENCH)/mallocs $(BENCH)/chain: $(BENCH)/%: tests/bench/%.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -fomit-frame-pointer $< -o $@

# names: exoprof's own symbolizer. rows: what reads its unwind rows.
$(BENCH)/names $(BENCH)/rows: $(BENCH)/%: tests/bench/%.c $(filter-out %/main.o,$(OBJECTS))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) $(EXOPROF_CPPFLAGS) $^ -o $@ $(EXOPROF_LDFLAGS) $(EXOPROF_LIBS)

$(BENCH)/switches: tests/bench/switches.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -fomit-frame-pointer $< -o $@ -lpthread

# Of scripts/load.
$(BENCH)/slow_link: tests/bench/slow_link.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) $< -o $@

$(BENCH)/llvm: tests/bench/llvm.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) $< -o $@ -l:libLLVM-14.so.1

# --- the rest ---------------------------------------------------------------------------------------

FORMATTED := $(wildcard bpf/*.[ch] userspace/*.[ch] userspace/*/*.[ch] demo-server/*.[ch] \
	tests/*/*.[ch] tests/*/*/*.[ch])

format:
	$(Q)clang-format -i --style=file $(FORMATTED)

style:
	$(Q)clang-format --dry-run --Werror --style=file $(FORMATTED)
	$(Q)scripts/check-walls

# What clang-tidy (.clang-tidy) and cppcheck find, a file anew when its object is. Of the ways through a
# function the analyzer follows as many as end in 50,000 states: with its own 225,000 it takes three
# times as long, and found the same.
LINT := $(BUILD)/lint
LINTED := $(patsubst %.c,$(LINT)/%.ok,$(SOURCES) $(wildcard demo-server/*.c) $(BPF_SOURCES))
LINT_HEADERS := $(wildcard tests/lint/headers/*.h tests/lint/headers/*/*.h)
NICE := nice
TIDY := $(NICE) clang-tidy --quiet
TIDY_FLAGS := -Xclang -analyzer-config -Xclang max-nodes=50000

$(LINT)/bpf/%.ok: bpf/%.c $(BUILD)/bpf/%.o .clang-tidy
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(TIDY) $< -- $(TIDY_FLAGS) $(BPF_CFLAGS) >$@.log 2>&1 || { cat $@.log; exit 1; }
	$(Q)touch $@

$(LINT)/%.ok: %.c $(OBJ)/%.o .clang-tidy $(LINT_HEADERS)
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(TIDY) $< -- $(TIDY_FLAGS) -Itests/lint/headers -std=gnu11 -D_GNU_SOURCE \
		$(EXOPROF_CPPFLAGS) >$@.log 2>&1 || { cat $@.log; exit 1; }
	$(Q)touch $@

CPPCHECK := $(NICE) cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --std=c11 \
	--suppressions-list=tests/lint/cppcheck.txt --include=tests/lint/cppcheck.h \
	-D_GNU_SOURCE -D__x86_64__ -DEXOPROF_VERSION='""' -DWEB_FOLDER='""' -Iuserspace -Ibpf

# By folder, so that make has them checked side by side.
CPPCHECKED := $(addprefix $(LINT)/cppcheck-,userspace demo-server bpf tests)

$(CPPCHECKED): $(LINT)/cppcheck-%: $(FORMATTED) $(wildcard tests/lint/*.*) Makefile
	$(call say,CPPCHECK,$*)
	$(Q)mkdir -p $(@D)
	$(Q)$(CPPCHECK) $*
	$(Q)touch $@

lint: $(LINTED) $(CPPCHECKED)

check: style lint $(UNIT_TESTS) $(REPLAYS) $(E2E_NEEDS)
	$(Q)scripts/run-tests all $(UNIT_TESTS) $(PAGE_TESTS) $(REPLAYS) $(wildcard tests/e2e/*.bats) \
		$(SANITIZED_CORE)

demo: all
	$(Q)scripts/demo

# Mode, source, target.
INSTALLED = \
	'755 $(BUILD)/exoprof $(BINDIR)/exoprof' \
	'644 docs/exoprof.1 $(MANDIR)/man1/exoprof.1' \
	'644 $(BUILD)/exoprof@.service $(UNITDIR)/exoprof@.service' \
	'644 scripts/completions/exoprof.bash $(PREFIX)/share/bash-completion/completions/exoprof' \
	'644 scripts/completions/_exoprof $(ZSHDIR)/_exoprof' \
	'644 scripts/completions/exoprof.fish $(PREFIX)/share/fish/vendor_completions.d/exoprof.fish' \
	'644 README.md $(DOCDIR)/README.md' \
	'644 docs/ARCHITECTURE.md $(DOCDIR)/ARCHITECTURE.md' \
	'644 scripts/kubernetes/sidecar.yaml $(DOCDIR)/examples/kubernetes/sidecar.yaml' \
	'644 scripts/kubernetes/daemonset.yaml $(DOCDIR)/examples/kubernetes/daemonset.yaml' \
	'644 scripts/kubernetes/Dockerfile $(DOCDIR)/examples/kubernetes/Dockerfile'

install: all
	$(Q)sed 's|/usr/bin/|$(BINDIR)/|' scripts/systemd/exoprof@.service > $(BUILD)/exoprof@.service
	$(Q)set -e; for file in $(INSTALLED); do \
		set -- $$file; \
		install -D -m $$1 $$2 "$(DESTDIR)$$3"; \
	done

uninstall:
	$(Q)set -e; for file in $(INSTALLED); do \
		set -- $$file; \
		rm -f "$(DESTDIR)$$3"; \
	done
	$(Q)for folder in $(DOCDIR)/examples/kubernetes $(DOCDIR)/examples $(DOCDIR); do \
		rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$folder" 2>/dev/null || true; \
	done

deb: all
	$(Q)MAKE="$(MAKE)" scripts/deb/build $(VERSION) $(BUILD)

clean:
	$(Q)rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(ASAN_OBJECTS:.o=.d) $(DEMO_OBJECTS:.o=.d) $(BPF_OBJECTS:.o=.d) \
	$(addsuffix .d,$(UNIT_TESTS) $(TARGETS))
