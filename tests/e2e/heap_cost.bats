# SPDX-License-Identifier: Apache-2.0
# What following the heap costs: that it is said, that it is kept within the budget, and what becomes
# of it where another tool is in the way.

load helpers

# metric NAME[{LABELS}]
metric() {
	curl -sS "${URL%/debug/pprof/}/metrics" | awk -v name="$1" '$1 == name { print $2 }'
}

hits() {
	metric 'exoprof_heap_probe_hits_total{kind="emulated"}'
}

@test "what the probes cost is in the profile, on the page and in the metrics" {
	start_demo
	start_exoprof -p "$DEMO"
	start_load 5 /gc
	sleep 3
	fetch heap.pb.gz heap
	comments heap.pb.gz | tee comments
	grep -E '^heap: probes: [1-9][0-9]* hits a second over the last [0-9]+ s, [1-9][0-9]* ns each, [0-9]+\.[0-9]% of the target'"'"'s CPU time$' comments
	grep -E '^heap: measured at the attach: [1-9][0-9]* ns a hit, ' comments
	curl -sS "$URL" | grep -E 'its probes take [1-9][0-9]*\.[0-9]% of the target'"'"'s CPU time'
	local before
	before=$(hits)
	sleep 1.5
	[ "$(hits)" -gt "$before" ]
	[ "$(metric exoprof_heap_followed)" = 1 ]
	[ "$(metric exoprof_heap_probes_attached)" = 1 ]
	between 0.01 "$(metric exoprof_heap_probe_cpu_ratio)" 1
	# A trap is dearer than 50 ns, and cheaper than 100 us, anywhere.
	between 5e-8 "$(metric 'exoprof_heap_probe_hit_seconds{kind="emulated"}')" 1e-4
	between 5e-8 "$(metric 'exoprof_heap_probe_hit_seconds{kind="stepped"}')" 1e-4
	between 1e-8 "$(metric 'exoprof_heap_probe_hit_seconds{kind="return"}')" 1e-4
	wait "$LOAD"
}

# The leak calls malloc and free some 200,000 times a second each.
probes_are_off() {
	[ "$(metric exoprof_heap_probes_attached)" = 0 ]
}

probes_are_on() {
	[ "$(metric exoprof_heap_probes_attached)" = 1 ]
}

@test "--heap-budget: probes that cost more come off, and are tried again later" {
	start_fed leak "$targets/leak"
	start_exoprof -p "$TARGET" --heap-budget 1
	[ "$(heap_links)" -gt 0 ]
	wait_for 20 probes_are_off
	# What tells of an exec stays.
	[ "$(count_links "$EXOPROF" '^heap_(session|entry|return)')" -eq 0 ]
	fetch off.pb.gz heap
	comments off.pb.gz | tee comments
	grep -E 'heap: probes took [0-9.]+% of the target.s CPU time, over the budget of 1\.0%: they were taken off at .* tried again 30 s after' comments
	# What was known is still served, and does not change.
	[ "$(total off.pb.gz 2)" -gt 0 ]
	sleep 1
	fetch later.pb.gz heap
	diff <(samples off.pb.gz | sort) <(samples later.pb.gz | sort)
	[ "$(total off.pb.gz 4)" -gt 0 ]

	wait_for 40 probes_are_on
	sleep 2
	fetch on.pb.gz heap
	comments on.pb.gz | tee comments
	grep -E 'taken off at .* until .* \(1 time' comments
	# Allocations add up; of what was in use before nothing is known any more.
	[ "$(total on.pb.gz 2)" -gt "$(total off.pb.gz 2)" ]
	[ "$(total on.pb.gz 4)" -ge 0 ]
}

@test "--heap-budget: probes within it stay" {
	start_idle
	start_exoprof -p "$TARGET" --heap-budget 5
	sleep 8
	probes_are_on
	fetch heap.pb.gz heap
	comments heap.pb.gz > comments
	not grep budget comments
}

@test "where another tool's probe is in the way, that is said, and tried until it is gone" {
	# A libc of their own: in the machine's the kernel may still have somebody's probe in its books, long after
	# who had it is gone.
	own_libc
	start_fed books env LD_LIBRARY_PATH="$PWD/lib" "$targets/books"
	local books=$TARGET
	mkfifo rival_go
	exec 5<> rival_go
	STDIN=rival_go start rival env LD_LIBRARY_PATH="$PWD/lib" "$targets/rival"
	local rival=$STARTED
	wait_for 10 grep -qx ready rival.out
	start_exoprof -p "$books" --heap-rate 1
	grep -E "no heap profile of pid $books: cannot probe glibc .*another tool's probes are in the way" exoprof.err
	[ "$(curl -sS -o body -w '%{http_code}' "${URL}heap")" = 500 ]
	grep "another tool" body
	end "$rival"
	wait_for 10 curl -sSf -o heap.pb.gz "${URL}heap"
	do_books
	fetch heap.pb.gz heap
	equal_to_books heap.pb.gz books.out
}
