# SPDX-License-Identifier: Apache-2.0
# What is installed: files, manual page, completions, the package, and the unit's privileges.

load helpers

unit=$root/scripts/systemd/exoprof@.service

# The unit sees neither homes nor /tmp, and a user without rights may not get to where this is: what
# they run is copied to where services have their files.
publish() {
	PUBLIC=$(mktemp -d /run/exoprof-test.XXXXXX)
	chmod 755 "$PUBLIC"
	cp "$exoprof" "$targets/burn" "$unit" "$BATS_TEST_DIRNAME/under_unit.py" "$PUBLIC"
	exoprof=$PUBLIC/exoprof
	UNDER_UNIT=(/usr/bin/python3 -B "$PUBLIC/under_unit.py" "$PUBLIC/${unit##*/}")
}

teardown() {
	stop_all
	if [ -n "${PUBLIC:-}" ]; then rm -r "$PUBLIC"; fi
}

options_of() {
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/help_options.py" "$@"
}

@test "the manual page and the completions have the options of --help, and no others" {
	options_of help "$exoprof" > help.txt
	[ "$(wc -l < help.txt)" -gt 100 ]
	diff help.txt <(options_of man "$root/docs/exoprof.1")
	diff help.txt <(options_of bash "$root/scripts/completions/exoprof.bash")
	diff help.txt <(options_of fish "$root/scripts/completions/exoprof.fish")
	diff help.txt <(options_of zsh "$root/scripts/completions/_exoprof")
}

@test "the manual page is sound" {
	run -0 mandoc -T lint -W warning "$root/docs/exoprof.1"
	[ -z "$output" ]
	MANWIDTH=80 run -0 --separate-stderr man --warnings -E UTF-8 -l "$root/docs/exoprof.1"
	[ -z "$stderr" ]
	[[ $output == *CAP_CHECKPOINT_RESTORE* ]]
}

# complete_bash WORD...: what bash offers for the last one, in COMPREPLY's order.
complete_bash() {
	run -0 --separate-stderr bash -c '. "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		$(complete -p exoprof | sed "s/.*-F //; s/ .*//") exoprof "${!#}" "${COMP_WORDS[-2]}"
		printf "%s\n" "${COMPREPLY[@]}"' "$root/scripts/completions/exoprof.bash" "$@"
	[ -z "$stderr" ]
}

@test "bash completes commands, processes, kinds, formats and files" {
	complete_bash exoprof re
	[ "$output" = record ]
	start_target burn
	complete_bash exoprof -p "${TARGET::-1}"
	grep -qx "$TARGET" <<< "$output"
	cp "$targets/burn" './only one'
	start only './only one'
	complete_bash exoprof top --name only
	[ "$output" = 'only\ one' ]
	complete_bash exoprof record --type = t
	[ "$output" = threadcreate ]
	complete_bash exoprof top --type ''
	[ "${lines[*]}" = 'cpu heap allocs block mutex' ]
	complete_bash exoprof diff --format fl
	[ "$output" = flamegraph ]
	touch one.pb.gz
	complete_bash exoprof convert one.
	[ "$output" = one.pb.gz ]
	complete_bash exoprof run --no-heap -- wh
	grep -qx which <<< "$output"
	# One that takes a number offers nothing.
	complete_bash exoprof record -d ''
	[ -z "$output" ]
}

@test "make install installs what make uninstall removes" {
	local to=(DESTDIR="$PWD/there" PREFIX=/opt/x UNITDIR=/etc/units)
	run -0 make -s -C "$root" install "${to[@]}"
	run -0 there/opt/x/bin/exoprof --version
	[ -s there/opt/x/share/man/man1/exoprof.1 ]
	grep -qx 'ExecStart=/opt/x/bin/exoprof serve .*' there/etc/units/exoprof@.service
	[ ! -e there/opt/x/bin/demo-server ]
	touch there/opt/x/share/somebody-else
	run -0 make -s -C "$root" uninstall "${to[@]}"
	run -0 find there ! -type d
	[ "$output" = there/opt/x/share/somebody-else ]
	run -0 find there -name 'exoprof*'
	[ -z "$output" ]
}

# In a copy that belongs to somebody without root, where everything is built.
@test "make deb makes packages without root, and lintian has nothing against them" {
	local user=(setpriv --reuid=65533 --regid=65533 --clear-groups) deb
	run -0 make -s -C "$root" all
	mkdir -p there/build
	cp -a "$root"/{Makefile,README.md,bpf,demo-server,docs,scripts,userspace,tests} there
	cp -a "$root"/build/{bpf,proto,obj,exoprof,demo-server} there/build
	chown -R 65533:65533 there
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
	SOURCE_DATE_EPOCH=1700000000 run -0 "${user[@]}" make -s -C there deb
	deb=there/build/exoprof_*_amd64.deb
	exoprof_and_version $deb
	run -0 dpkg-deb --contents $deb
	grep -q ' root/root .* \./usr/bin/exoprof$' <<< "$output"
	not grep -q demo-server <<< "$output"
	run -0 dpkg-deb --field $deb Depends
	[[ $output == *libbpf1* && $output == *libc6* && $output == *libh2o-evloop* ]]
	dpkg-deb --extract $deb main
	dpkg-deb --extract there/build/exoprof-dbgsym_*.deb debug
	[ -z "$(nm main/usr/bin/exoprof 2> /dev/null)" ]
	gdb_finds_lines
	run -0 "${user[@]}" lintian --fail-on error,warning there/build/*.deb
	# The same bytes again.
	sha256sum there/build/*.deb > sums
	sleep 1
	SOURCE_DATE_EPOCH=1700000000 run -0 "${user[@]}" make -s -C there deb
	sha256sum -c sums
}

exoprof_and_version() {
	[ "$(dpkg-deb --field "$1" Package Version | paste -sd ' ')" = "Package: exoprof Version: $("$exoprof" --version | cut -d ' ' -f 2)" ]
}

gdb_finds_lines() {
	gdb -nx -batch -iex "set debug-file-directory $PWD/debug/usr/lib/debug" -ex 'info line main' \
		main/usr/bin/exoprof | grep -q 'userspace/main.c'
}

@test "the examples for Kubernetes have the unit's capabilities and this version" {
	local version
	version=$("$exoprof" --version | cut -d ' ' -f 2)
	for file in sidecar daemonset; do
		/usr/bin/python3 - "$root/scripts/kubernetes/$file.yaml" > "$file.txt" << 'END'
import sys, yaml
for document in yaml.safe_load_all(open(sys.argv[1], encoding="utf-8")):
    spec = document.get("spec", {})
    for container in spec.get("template", document).get("spec", {}).get("containers", []):
        if container["name"] == "exoprof":
            added = container["securityContext"]["capabilities"]["add"]
            print(container["image"], *sorted("CAP_" + name for name in added))
END
		diff "$file.txt" - <<< "exoprof:$version $(of_unit CapabilityBoundingSet)"
	done
	[ "$(of_unit CapabilityBoundingSet)" = "$(of_unit AmbientCapabilities)" ]
}

# Sorted: capabilities.
of_unit() {
	sed -n "s/^$1=//p" "$unit" | tr ' ' '\n' | sort | paste -sd ' '
}

# start_limited COMMAND...: exoprof, as COMMAND runs it.
start_limited() {
	start limited "$@" --listen 127.0.0.1:0
	EXOPROF=$STARTED
	wait_for 20 grep -q profiling limited.out || { cat limited.err >&2; return 1; }
	URL=$(grep -o 'http://[^ ,]*' limited.out)
}

# start_hidden: TARGET is a program of another user's that is deleted, and was for that user alone.
start_hidden() {
	mkfifo go
	exec 4<> go
	install -d -m 700 -o 1001 hidden
	install -m 700 -o 1001 "$targets/leak" hidden/leak
	STDIN=go start target setpriv --reuid=1001 --regid=1001 --clear-groups hidden/leak
	TARGET=$STARTED
	wait_for 10 grep -q ready target.out
	rm -r hidden
}

# By `samples`, so that a function need not be the one that calls malloc.
heap_has() {
	fetch heap.pb.gz heap && samples heap.pb.gz | grep -q ";$1;"
}

# At the moment of a look it may run.
waits_in_kernel() {
	fetch threads.folded 'goroutine?format=folded'
	grep -q ';main;.*;do_syscall_64;' threads.folded
}

@test "by the unit a user without root has CPU, heap, waits and names of another user's deleted program" {
	chmod 711 "$BATS_TEST_TMPDIR"
	publish
	start_hidden
	start_limited "${UNDER_UNIT[@]}" "$exoprof" serve -p "$TARGET" --heap-rate 1
	grep '^Uid:' "/proc/$EXOPROF/status" | grep -qv '\b0\b'
	# Of these its threads keep what each needs, the first one none.
	grep -q "^CapBnd:.*$(printf '%016x' $((1 << 39 | 1 << 38 | 1 << 19 | 1 << 2 | 1 << 40 | 1 << 34 | 1 << 21)))" \
		"/proc/$EXOPROF/status"
	grep -q '^Seccomp:.*2' "/proc/$EXOPROF/status"
	printf 1 >&4
	wait_for 20 heap_has site_leaky
	wait_for 20 waits_in_kernel
	fetch block.pb.gz block
	[ "$(total block.pb.gz 2)" -gt 0 ]
	fetch cpu.pb.gz 'profile?seconds=1'
	comments cpu.pb.gz | grep 'cpu-clock\|cycles'
}

@test "three capabilities are enough for CPU and heap of a program that everybody may read" {
	local three=-all,+bpf,+perfmon,+sys_ptrace$(events_caps)
	chmod 711 "$BATS_TEST_TMPDIR"
	publish
	start_target burn
	start_demo
	start_limited setpriv --reuid=65533 --regid=65533 --clear-groups --no-new-privs \
		--inh-caps=$three --ambient-caps=$three --bounding-set=$three "$exoprof" -p "$DEMO"
	grep -q 'heap of glibc' limited.out
	curl -s "$DEMO_URL/gc" > /dev/null
	wait_for 20 heap_has gc_heavy_handler
	start_load 4 /gc
	fetch p.pb.gz 'profile?seconds=2'
	top p.pb.gz cpu | grep gc_heavy_handler
}

@test "without CAP_SYS_PTRACE another user's process is refused" {
	local two=-all,+bpf,+perfmon,+dac_read_search$(events_caps)
	publish
	start_target burn
	run -1 --separate-stderr setpriv --reuid=65533 --regid=65533 --clear-groups --inh-caps=$two \
		--ambient-caps=$two --bounding-set=$two "$exoprof" record -p "$TARGET" -d 1 -o p.pb.gz
	[[ $stderr == *"cannot attach to pid $TARGET: Permission denied"*'needs CAP_SYS_PTRACE'* ]]
	# Its own is not.
	start own setpriv --reuid=65533 --regid=65533 --clear-groups "$PUBLIC/burn"
	wait_for 10 grep -q ready own.out
	setpriv --reuid=65533 --regid=65533 --clear-groups --inh-caps=$two --ambient-caps=$two \
		--bounding-set=$two "$exoprof" record -p "$STARTED" -d 1 -o - > p.pb.gz
	top p.pb.gz cpu | grep burn_
}

@test "check says what a user lacks" {
	local three=-all,+bpf,+perfmon,+sys_ptrace$(events_caps)
	publish
	run -0 setpriv --reuid=65533 --regid=65533 --clear-groups --inh-caps=$three \
		--ambient-caps=$three --bounding-set=$three "$exoprof" check
	[[ $output == *'needs CAP_DAC_READ_SEARCH'* && $output == *'needs CAP_SYSLOG'* ]]
	run -0 setpriv --reuid=65533 --regid=65533 --clear-groups --inh-caps=$three,+dac_read_search \
		--ambient-caps=$three,+dac_read_search --bounding-set=$three,+dac_read_search "$exoprof" check
	[[ $output == *'needs CAP_CHECKPOINT_RESTORE'* ]]
	run -1 setpriv --reuid=65533 --regid=65533 --clear-groups "$exoprof" check
	[[ $output == *'FAIL  CAP_BPF'* && $output == *'needs CAP_BPF'* ]]
	run -0 "${UNDER_UNIT[@]}" "$exoprof" check
	[[ $output == *'ok    CAP_DAC_READ_SEARCH'* && $output == *'ok    names of kernel functions'* ]]
}

@test "systemd understands the unit" {
	cp "$unit" exoprof@.service
	# What it names must be there.
	sed -i "s|/usr/bin/exoprof|$exoprof|; /^Documentation=/d" exoprof@.service
	run -0 --separate-stderr systemd-analyze verify ./exoprof@nginx.service
	[ -z "$stderr" ]
	# 0 to 100, in tenths; what root does by default has 96.
	run -0 systemd-analyze --offline=1 --threshold=30 security ./exoprof@.service
}
