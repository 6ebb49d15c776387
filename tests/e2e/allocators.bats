# SPDX-License-Identifier: Apache-2.0
# Allocators of all kinds, and every way into them, held against the books of programs that use them.

load helpers

libraries=/usr/lib/x86_64-linux-gnu
jemalloc=$libraries/libjemalloc.so.2
tcmalloc=$libraries/libtcmalloc_minimal.so.4
mimalloc=$libraries/libmimalloc.so.2.0

# The C library of this shell, as /proc has it.
libc() {
	awk '$6 ~ /\/libc\.so\.6$/ { print $6; exit }' /proc/self/maps
}

# is_of PROFILE NAME PATH: its comments say that the heap is that allocator's.
is_of() {
	comments "$1" | tee comments
	grep -F "heap: malloc, free and their kin of $2 ($(readlink -f "$3")), by " comments
}

# What a profile of the heap as it is now says.
heap_mentions() {
	fetch mentions.pb.gz heap && comments mentions.pb.gz | grep -F "$1"
}

# at_rate_1 NAME PATH [VARIABLE=VALUE...] PROGRAM: the program's allocator is the one in that file.
at_rate_1() {
	start_books "${@:3}" --ops 5000
	start_exoprof -p "$TARGET" --heap-rate 1
	do_books
	fetch heap.pb.gz heap
	is_of heap.pb.gz "$1" "$2"
	equal_to_books heap.pb.gz books.out
}

# linked_in NAME PROGRAM: the same with an allocator that is in the program's own file.
linked_in() {
	at_rate_1 "$1" "$targets/$2" "$2"
}

at_default_rate() {
	start_books "${@:3}" --ops 40000
	start_exoprof -p "$TARGET"
	do_books
	fetch heap.pb.gz heap
	is_of heap.pb.gz "$1" "$2"
	totals_within_4_sd heap.pb.gz
}

# --- one that is loaded -----------------------------------------------------------------------------

@test "glibc: at rate 1 every site of C++ has what the program's books say" {
	at_rate_1 glibc "$(libc)" books_cc
}

@test "jemalloc: at rate 1 every site has what the program's books say" {
	at_rate_1 jemalloc $jemalloc LD_PRELOAD=$jemalloc books
}

@test "jemalloc: at rate 1 every site of C++ has what the program's books say" {
	at_rate_1 jemalloc $jemalloc LD_PRELOAD=$jemalloc books_cc
}

@test "tcmalloc: at rate 1 every site has what the program's books say" {
	at_rate_1 tcmalloc $tcmalloc LD_PRELOAD=$tcmalloc books
}

@test "tcmalloc: at rate 1 every site of C++ has what the program's books say" {
	at_rate_1 tcmalloc $tcmalloc LD_PRELOAD=$tcmalloc books_cc
}

@test "mimalloc: at rate 1 every site has what the program's books say" {
	at_rate_1 mimalloc $mimalloc LD_PRELOAD=$mimalloc books
}

@test "mimalloc: at rate 1 every site of C++ has what the program's books say" {
	at_rate_1 mimalloc $mimalloc LD_PRELOAD=$mimalloc books_cc
}

@test "musl: at rate 1 every site has what the program's books say" {
	at_rate_1 musl /lib/ld-musl-x86_64.so.1 books.musl
}

@test "jemalloc: at the default rate the totals are within 4 standard deviations" {
	at_default_rate jemalloc $jemalloc LD_PRELOAD=$jemalloc books
}

@test "tcmalloc: at the default rate the totals are within 4 standard deviations" {
	at_default_rate tcmalloc $tcmalloc LD_PRELOAD=$tcmalloc books
}

@test "mimalloc: at the default rate the totals are within 4 standard deviations" {
	at_default_rate mimalloc $mimalloc LD_PRELOAD=$mimalloc books
}

@test "musl: at the default rate the totals are within 4 standard deviations" {
	at_default_rate musl /lib/ld-musl-x86_64.so.1 books.musl
}

# --- one that is linked in --------------------------------------------------------------------------

@test "jemalloc linked in: every site has what the program's books say" {
	linked_in jemalloc books.jemalloc
}

@test "jemalloc linked in: every site of C++ has what the program's books say" {
	linked_in jemalloc books_cc.jemalloc
}

@test "jemalloc linked in: so have the sites of mallocx and its kin" {
	linked_in jemalloc books_mallocx
}

@test "tcmalloc linked in: every site has what the program's books say" {
	linked_in tcmalloc books.tcmalloc
}

@test "tcmalloc linked in: every site of C++ has what the program's books say" {
	linked_in tcmalloc books_cc.tcmalloc
}

@test "static, glibc: every site has what the program's books say" {
	linked_in glibc books.static
}

@test "static, glibc: every site of C++ has what the program's books say" {
	linked_in glibc books_cc.static
}

@test "static, musl: every site has what the program's books say" {
	linked_in musl books.musl-static
}

@test "static, jemalloc: every site has what the program's books say" {
	linked_in jemalloc books.jemalloc-static
}

@test "static, jemalloc: every site of C++ has what the program's books say" {
	linked_in jemalloc books_cc.jemalloc-static
}

@test "static, jemalloc: so have the sites of mallocx and its kin" {
	linked_in jemalloc books_mallocx.jemalloc-static
}

@test "static, tcmalloc: every site has what the program's books say" {
	linked_in tcmalloc books.tcmalloc-static
}

@test "static, tcmalloc: every site of C++ has what the program's books say" {
	linked_in tcmalloc books_cc.tcmalloc-static
}

# --- what operator new throws -----------------------------------------------------------------------

# exceptions LIBRARY [OPTION...]: the program does under exoprof what it does without.
exceptions() {
	echo 1 | LD_PRELOAD=$1 "$targets/throws" | tee alone.out
	grep -E '^[1-9][0-9]* thrown, [1-9][0-9]* given$' alone.out
	start_fed throws env LD_PRELOAD="$1" "$targets/throws"
	start_exoprof -p "$TARGET" --heap-rate 1 "${@:2}"
	printf 1 >&4
	wait_for 10 grep thrown throws.out
	diff alone.out throws.out
	fetch heap.pb.gz heap
	comments heap.pb.gz > comments
}

@test "exceptions of jemalloc's operator new reach the program" {
	exceptions $jemalloc
	grep 'not in it: .* calls of operator new' comments
}

@test "exceptions of tcmalloc's operator new reach the program" {
	exceptions $tcmalloc
	grep 'not in it: .* calls of operator new' comments
}

@test "exceptions of operator new reach the program by pairs of probes: it is not followed, and that is said" {
	exceptions $jemalloc --heap-probes pair
	grep 'operator new of jemalloc .* is not followed' comments
	grep 'operator new of jemalloc .* is not followed' exoprof.err
}

@test "exceptions of libstdc++'s operator new reach the program" {
	exceptions ""
}

# --- what the program has changed -------------------------------------------------------------------

@test "a function that the program has hooked is left alone, and that is said" {
	start_fed patched "$targets/patched"
	start_exoprof -p "$TARGET" --heap-rate 1
	grep 'of glibc .* 1 left alone, whose code the program has changed' exoprof.err
	printf 1 >&4
	wait_for 10 grep -qx 'hooked 100' patched.out
	fetch heap.pb.gz heap
	comments heap.pb.gz | grep 'whose code the program has changed'
	by_site heap.pb.gz | tee sites
	grep -x 'site_malloc 100 100000 100 100000' sites
	not grep site_calloc sites
}

# --- one that comes later ---------------------------------------------------------------------------

@test "an allocator that is loaded later is followed from then on" {
	start_books GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 late --ops 5000
	start_exoprof -p "$TARGET" --heap-rate 1
	printf 1 >&4
	wait_for 10 grep -qx loaded books.out
	wait_for 10 heap_mentions "also followed: jemalloc ($jemalloc)"
	do_books
	fetch heap.pb.gz heap
	# Which the dynamic linker still binds nobody's malloc to.
	is_of heap.pb.gz glibc "$(libc)"
	equal_to_books heap.pb.gz books.out
}

@test "after an exec the heap is the new program's" {
	start_fed books "$targets/execs"
	start_exoprof -p "$TARGET" --heap-rate 1
	printf 1 >&4
	wait_for 10 grep -qx allocated books.out
	fetch before.pb.gz heap
	by_site before.pb.gz | tee sites
	grep -x 'site_before 50 50000 50 50000' sites
	printf 1 >&4
	wait_for 10 grep -qx executed books.out
	wait_for 10 heap_mentions 'executed another program'
	do_books
	fetch heap.pb.gz heap
	comments heap.pb.gz | grep 'executed another program'
	equal_to_books heap.pb.gz books.out
}

# --- one that is named ------------------------------------------------------------------------------

@test "--allocator: the one that is named, whichever the program uses" {
	start_books LD_PRELOAD=$jemalloc books --ops 1000
	start_exoprof -p "$TARGET" --heap-rate 1 --allocator "$(libc)"
	do_books
	fetch heap.pb.gz heap
	is_of heap.pb.gz glibc "$(libc)"
	not grep jemalloc comments
	by_site heap.pb.gz > sites
	not grep '^site_malloc ' sites
}

@test "--allocator: by names with a prefix" {
	start_books LD_PRELOAD=$mimalloc books --ops 1000
	start_exoprof -p "$TARGET" --heap-rate 1 --allocator "$mimalloc:mi_"
	do_books
	fetch heap.pb.gz heap
	comments heap.pb.gz | grep -F "($mimalloc)"
	# These are the same functions as those without a prefix.
	books books.out | grep -E '^site_(malloc|calloc) ' > expected
	by_site heap.pb.gz | grep -E '^site_(malloc|calloc) ' | diff expected -
}

@test "--allocator: a file that the target has not mapped is an error" {
	start_idle
	run -1 "$exoprof" -p "$TARGET" --listen 127.0.0.1:0 --allocator $tcmalloc
	echo "$output"
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == "exoprof: "*"$tcmalloc"* ]]
	run -1 "$exoprof" -p "$TARGET" --listen 127.0.0.1:0 --allocator /nowhere/liballoc.so:my_
	echo "$output"
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == "exoprof: "*"/nowhere/liballoc.so"* ]]
}

@test "--allocator: for run the file must be there, and may be mapped later" {
	run -1 --separate-stderr "$exoprof" run --listen 127.0.0.1:0 --allocator /nowhere/liballoc.so:my_ -- echo started
	echo "$output; $stderr"
	[ "$output" = "" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == "exoprof: "*"/nowhere/liballoc.so"* ]]
	run -0 --separate-stderr "$exoprof" run --listen 127.0.0.1:0 --allocator $tcmalloc -- echo started
	echo "$output; $stderr"
	[ "$output" = started ]
	[[ "${stderr_lines[0]}" == "exoprof: no heap profile of pid "*"$tcmalloc"* ]]
}

# --- what one looks for -----------------------------------------------------------------------------

@test "a leak is what two heaps differ by" {
	start_fed leak "$targets/leak"
	start_exoprof -p "$TARGET"
	fetch first.pb.gz heap
	sleep 3
	fetch second.pb.gz heap
	printf 1 >&4
	wait_for 10 grep leaked leak.out
	cat leak.out
	go tool pprof -top -sample_index=inuse_space -diff_base first.pb.gz second.pb.gz > top
	cat top
	[ "$(awk '$1 == "flat" { getline; print $6 }' top)" = site_leaky ]
}

@test "what was allocated before the attach is in the heap if asked for" {
	# Of its resident memory little has been given back: there are fewer operations than slots.
	local truth
	start_books books --slots 16384 --ops 3000 --touch
	do_books
	truth=$(books books.out | awk '{ sum += $5 } END { print sum }')
	[ "$truth" -gt 50000000 ]
	start_exoprof -p "$TARGET"
	fetch with.pb.gz 'heap?preattach=1'
	by_leaf with.pb.gz | tee leaves
	between $((truth / 2)) "$(awk '$1 == "[allocated_before_attach]" { print $5 }' leaves)" $((truth * 2))

	fetch without.pb.gz heap
	comments without.pb.gz | tee comments
	grep 'allocated before attach' comments
	by_leaf without.pb.gz > leaves
	not grep -F '[allocated' leaves
}

# --- the estimate -----------------------------------------------------------------------------------

# relative_error PROFILE BOOKS: of the bytes allocated, all sites together.
relative_error() {
	awk 'NR == FNR { truth += $3; next } { estimate += $3 } END { printf "%.6f\n", estimate / truth - 1 }' \
		<(books "$2") <(by_site "$1")
}

@test "the mean error of 20 runs at the default rate is under 1%" {
	# One run's relative standard deviation is at most sqrt(R / T), with T bytes allocated at a mean
	# gap of R: 1.1% for 4.4 GB. The mean of 20 has 0.25%.
	local seed
	for seed in {1..20}; do
		"$exoprof" run --listen 127.0.0.1:0 -o x.pb.gz -- "$targets/books" --now --ops 100000 --seed "$seed" \
			> books.out 2> run.err || { cat run.err; return 1; }
		relative_error x.pb.gz books.out | tee -a errors
	done
	books books.out | awk '{ sum += $3 } END { print "allocated", sum }'
	between -0.01 "$(awk '{ sum += $1 } END { print sum / NR }' errors)" 0.01
}
