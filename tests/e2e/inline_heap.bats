# SPDX-License-Identifier: Apache-2.0
# Heap profiles by code in the target (--heap-mode inline): the books are right, and whatever becomes
# of exoprof, the target goes on.

load helpers

heap_mode=inline
libraries=/usr/lib/x86_64-linux-gnu

# Each run of it was by a stub, and no other way.
by_stub() {
	comments "$1" | grep -q ', by a stub in its memory, since'
}

# Both end, and another program may be started.
leave() {
	end "$EXOPROF"
	is_as_before
	end "$TARGET"
	rm go
}

# at_rate_1 [VARIABLE=VALUE...] PROGRAM
at_rate_1() {
	start_books "$@" --ops 5000
	start_exoprof -p "$TARGET" --heap-rate 1
	do_books
	fetch heap.pb.gz heap
	fetch allocs.pb.gz allocs
	by_stub heap.pb.gz
	equal_to_books heap.pb.gz books.out
	equal_to_books allocs.pb.gz books.out
	leave
}

at_default_rate() {
	start_books "$@" --ops 40000
	start_exoprof -p "$TARGET"
	do_books
	fetch heap.pb.gz heap
	by_stub heap.pb.gz
	totals_within_4_sd heap.pb.gz
	leave
}

# Nothing is in its memory, and its code is as its files have it.
is_as_before() {
	not grep exoprof-inline "/proc/$TARGET/maps"
	code_intact
}

@test "at rate 1 every call site has what the program's books say, with each allocator" {
	local library
	at_rate_1 books
	for library in jemalloc.so.2 tcmalloc_minimal.so.4 mimalloc.so.2.0; do
		at_rate_1 LD_PRELOAD=$libraries/lib$library books
	done
	at_rate_1 books.musl
}

@test "at rate 1 every call site of C++ has what the program's books say, with each allocator" {
	local library
	at_rate_1 books_cc
	for library in jemalloc.so.2 tcmalloc_minimal.so.4 mimalloc.so.2.0; do
		at_rate_1 LD_PRELOAD=$libraries/lib$library books_cc
	done
}

@test "at rate 1 so has every one of a program that has its allocator in its own file" {
	local program
	for program in books.static books_cc.static books.jemalloc books_cc.jemalloc books_mallocx \
		books.tcmalloc books_cc.tcmalloc books.musl-static books.jemalloc-static \
		books_cc.tcmalloc-static; do
		at_rate_1 $program
	done
}

@test "at the default rate the totals are within 4 standard deviations, with each allocator" {
	local library
	at_default_rate books
	for library in jemalloc.so.2 tcmalloc_minimal.so.4 mimalloc.so.2.0; do
		at_default_rate LD_PRELOAD=$libraries/lib$library books
	done
	at_default_rate books.musl
}

@test "what is counted in the target is in the figures" {
	start_books books --ops 20000
	start_exoprof -p "$TARGET"
	do_books
	fetch heap.pb.gz heap
	comments heap.pb.gz > comments
	# Some functions call others, which the target counts, too.
	local calls
	calls=$(sed -n 's/^size //p' books.out | awk '{ sum += $2 } END { print sum }')
	grep -o '[0-9]* allocations sampled, [0-9]* passed over' comments |
		awk -v calls="$calls" '{ got = $1 + $4; print got " of " calls
			exit !(got > 0.99 * calls && got < 1.5 * calls) }'
	grep -E 'for the stub the target was stopped, for [0-9.]+ ms at a time at most' comments
}

# Its threads leave exoprof room to begin, and have the processors all other times.
start_nice_churn() {
	start_churn nice -n 19
}

stopped_as_before() {
	not grep exoprof-inline "/proc/$TARGET/maps"
	code_intact_stopped
}

@test "it comes and goes, and the target goes on" {
	local i
	start_nice_churn
	for ((i = 0; i < "${TIMES:-10}"; i++)); do
		start_exoprof -p "$TARGET"
		end "$EXOPROF"
		[ "$STATUS" -eq 0 ]
		cat exoprof.err >> said
		not grep exoprof-inline "/proc/$TARGET/maps"
	done
	not grep -v 'it was stopped for' said
	awk '{ sum += $7; if ($7 > most) most = $7 }
		END { printf "stopped for %.1f ms at most, %.1f ms on average\n", most, sum / NR; exit NR != '"$i"' }' said >&3
	stopped_as_before
	is_unharmed
}

@test "kill -9 at any moment: the target goes on, and detach takes out what is left" {
	local i left=0
	THREADS=8 start_nice_churn
	for ((i = 0; i < "${TIMES:-12}"; i++)); do
		start exoprof "$exoprof" -p "$TARGET" --heap-mode inline --listen 127.0.0.1:0
		if ((i % 2)); then wait_for 20 grep -q profiling exoprof.out; fi
		sleep "$(printf '0.%03d' $((RANDOM % 400)))"
		kill -KILL "$STARTED"
		wait "$STARTED" || true
		if grep -q exoprof-inline "/proc/$TARGET/maps"; then left=$((left + 1)); fi
		"$exoprof" detach -p "$TARGET"
		stopped_as_before
	done
	echo "$left of $i times there was something to take out"
	[ "$left" -ge "$((i / 3))" ]
	is_unharmed
}

@test "what a killed exoprof has left the next one takes over" {
	start_books books --ops 2000
	start_exoprof -p "$TARGET" --heap-rate 1
	kill -KILL "$EXOPROF"
	wait "$EXOPROF" || true
	grep exoprof-inline "/proc/$TARGET/maps"
	start_exoprof_as second -p "$TARGET" --heap-rate 1
	do_books
	fetch heap.pb.gz heap
	by_stub heap.pb.gz
	equal_to_books heap.pb.gz books.out
	kill -KILL "$EXOPROF"
	wait "$EXOPROF" || true
	# Also one that has no use for it.
	heap_mode=uprobe start_exoprof_as third -p "$TARGET" --heap-rate 1
	grep 'by session uprobes\|by uprobes and uretprobes' third.out
	end "$EXOPROF"
	is_as_before
}

@test "detach: where there is nothing, and where an exoprof is at work" {
	start_idle
	run -0 "$exoprof" detach -p "$TARGET"
	[ "$output" = "pid $TARGET: nothing of exoprof's is in it" ]
	start_exoprof -p "$TARGET"
	run -1 "$exoprof" detach -p "$TARGET"
	echo "$output"
	grep "an exoprof is attached to it" <<< "$output"
	end "$EXOPROF"
	is_as_before
}

@test "where it cannot be uprobes do it, and that is said" {
	start_idle
	start strace strace -f -o trace -e trace=none -p "$TARGET"
	wait_for 10 grep -q attached strace.err
	start_exoprof -p "$TARGET"
	grep 'its heap is followed by uprobes, not by a stub: another process traces it' exoprof.err
	fetch heap.pb.gz heap
	comments heap.pb.gz | grep '(not by a stub: another process traces it)'
}

# What a profile of the heap as it is now says.
heap_mentions() {
	fetch mentions.pb.gz heap && comments mentions.pb.gz | grep -F "$1"
}

@test "after an exec the new program has one of its own" {
	start_fed books "$targets/execs"
	start_exoprof -p "$TARGET" --heap-rate 1
	printf 1 >&4
	wait_for 10 grep -qx allocated books.out
	fetch before.pb.gz heap
	by_stub before.pb.gz
	by_site before.pb.gz | tee sites
	grep -x 'site_before 50 50000 50 50000' sites
	printf 1 >&4
	wait_for 10 grep -qx executed books.out
	wait_for 10 heap_mentions 'executed another program'
	wait_for 10 grep -q exoprof-inline "/proc/$TARGET/maps"
	do_books
	fetch heap.pb.gz heap
	by_stub heap.pb.gz
	equal_to_books heap.pb.gz books.out
	end "$EXOPROF"
	is_as_before
}

# Not the file that its parent has mapped.
has_its_own() {
	local inode
	inode=$(awk '/exoprof-inline/ { print $5 }' "/proc/$TARGET/maps")
	grep exoprof-inline "/proc/$1/maps" | not grep -w "$inode"
}

member() {
	awk -v name="$1" '$1 == name { print $2 }' family.out
}

# A fork gives the child what its parent has, and an exec takes it away.
@test "--follow-children: each child has one of its own, and in the end none" {
	start_fed family "$targets/family"
	start_exoprof -p "$TARGET" --follow-children --heap-rate 1
	grep exoprof-inline "/proc/$TARGET/maps"
	grep exoprof-inline "/proc/$(member eldest)/maps"
	printf 1 >&4
	wait_for 10 grep -qx grown family.out
	local pid
	for pid in "$(member forked)" "$(member executed)"; do
		wait_for 10 grep exoprof-inline "/proc/$pid/maps"
		wait_for 5 has_its_own "$pid"
	done
	fetch heap.pb.gz heap
	by_site heap.pb.gz | tee sites
	end "$EXOPROF"
	for pid in "$TARGET" "$(member eldest)" "$(member forked)" "$(member executed)"; do
		kill -0 "$pid"
		not grep exoprof-inline "/proc/$pid/maps"
		TARGET=$pid code_intact
	done
}

@test "without --follow-children what a child has of it stays until detach" {
	start_fed family "$targets/family"
	start_exoprof -p "$TARGET" --heap-rate 1
	printf 1 >&4
	wait_for 10 grep -qx grown family.out
	grep exoprof-inline "/proc/$(member forked)/maps"
	end "$EXOPROF"
	is_as_before
	kill -0 "$(member forked)"
	"$exoprof" detach -p "$TARGET" --follow-children
	not grep exoprof-inline "/proc/$(member forked)/maps"
	TARGET=$(member forked) code_intact
}

# At rate 1 every call goes by what a sampled one does: many samples are behind the stub.
@test "CPU stacks go through it whole, and do not show it" {
	THREADS=4 start_nice_churn
	start_exoprof -p "$TARGET" --heap-rate 1
	sleep 1
	fetch cpu.folded 'profile?seconds=3&format=folded'
	fetch cpu.pb.gz 'profile?seconds=3'
	not grep exoprof-inline cpu.folded
	not go_comments_mention cpu.pb.gz exoprof-inline
	awk '{ all += $NF } /;(malloc|calloc|realloc|free|_int_malloc|_int_free|__libc_[a-z]*)[; ]/ { inside += $NF }
		/\[truncated|\[unknown|\[no stack/ { cut += $NF }
		END { print all, inside, cut + 0; exit !(inside > all / 20) || cut > all / 100 }' cpu.folded
	# Its children allocate, too, and are no business of exoprof's.
	end "$EXOPROF"
	is_unharmed
}

go_comments_mention() {
	go tool pprof -raw "$1" | grep -q "$2"
}

@test "gdb comes and goes while it is there, and perf sees stacks" {
	THREADS=4 start_nice_churn
	start_exoprof -p "$TARGET"
	local i
	for ((i = 0; i < 3; i++)); do
		gdb -q -nx -batch -p "$TARGET" -ex 'thread apply all backtrace 30' > gdb.out 2>&1
		grep -c '^Thread ' gdb.out
		# Of a thread that is in the stub itself it shows no more.
		[ "$(grep -cE ' in (clone3|main) \(' gdb.out)" -ge $(($(grep -c '^Thread ' gdb.out) - 1)) ]
	done
	perf record -q -e cpu-clock -F 199 --call-graph dwarf,16384 -o perf.data -p "$TARGET" -- sleep 2
	perf script -i perf.data -F ip,sym 2> perf.err | awk -v RS= '
		{ all++ } /churn\(void\*\)|clone3|_start/ { whole++ }
		END { print whole " of " all; exit !(all > 100 && whole > 0.9 * all) }'
	grep exoprof-inline "/proc/$TARGET/maps"
	end "$EXOPROF"
	stopped_as_before
	is_unharmed
}
