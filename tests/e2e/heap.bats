# SPDX-License-Identifier: Apache-2.0
# Heap profiles held against the books of the program itself.

load helpers

# As equal_to_books, where each site calls glibc itself, or strdup does.
leaves_equal_to_books() {
	books "$2" > expected
	by_leaf "$1" | sed 's/^\(__\)\{0,1\}strdup /site_strdup /' | grep '^site_' | sort > actual
	diff expected actual
}

books_at_rate_1() {
	start_books books --ops 10000
	start_exoprof -p "$TARGET" --heap-rate 1 --heap-probes "$1"
	do_books
	fetch heap.pb.gz heap
	fetch allocs.pb.gz allocs
	comments heap.pb.gz
	equal_to_books heap.pb.gz books.out
	equal_to_books allocs.pb.gz books.out
	leaves_equal_to_books heap.pb.gz books.out
}

# Where the kernel has none (before 6.13) exoprof says so.
has_session_probes() {
	grep -q '^ok *session uprobes' "$BATS_FILE_TMPDIR/check" && return
	start_idle
	run -1 "$exoprof" -p "$TARGET" --listen 127.0.0.1:0 --heap-probes session
	grep 'the kernel has no session uprobes' <<< "$output"
	return 1
}

@test "at rate 1 every call site has what the program's books say, by session probes" {
	if ! has_session_probes; then return; fi
	books_at_rate_1 session
	comments heap.pb.gz | grep -q 'by session uprobes'
}

@test "at rate 1 every call site has what the program's books say, by pairs of probes" {
	books_at_rate_1 pair
	comments heap.pb.gz | grep -q 'by uprobes and uretprobes'
}

# folded_sum FUNCTION FILE: of the stacks that it is in.
folded_sum() {
	awk -v frame=";$1;" '{ value = $NF; sub(/ [^ ]*$/, ";"); if (index($0, frame)) sum += value }
		END { printf "%.0f", sum }' "$2"
}

@test "folded stacks and pprof -top say the same as the books" {
	start_books books --ops 2000
	start_exoprof -p "$TARGET" --heap-rate 1
	do_books
	fetch heap.folded 'heap?format=folded'
	fetch allocs.folded 'allocs?format=folded'
	fetch heap.pb.gz heap
	local site alloc_objects alloc_bytes inuse_objects inuse_bytes
	top heap.pb.gz inuse_space bytes > top
	cat top
	books books.out > expected
	while read -r site alloc_objects alloc_bytes inuse_objects inuse_bytes; do
		[ "$(folded_sum "$site" heap.folded)" = "$inuse_bytes" ]
		[ "$(folded_sum "$site" allocs.folded)" = "$alloc_bytes" ]
		[ "$(awk -v name="$site" '$6 == name { print $4 }' top)" = "${inuse_bytes}B" ]
	done < expected
}

default_rate_within_4_sd() {
	start_books books --ops 80000
	start_exoprof -p "$TARGET" --heap-probes "$1"
	do_books
	fetch heap.pb.gz heap
	[ "$(raw_field heap.pb.gz Period)" -eq $default_rate ]
	totals_within_4_sd heap.pb.gz
}

@test "at the default rate the totals are within 4 standard deviations, by session probes" {
	if ! has_session_probes; then return; fi
	default_rate_within_4_sd session
}

@test "at the default rate the totals are within 4 standard deviations, by pairs of probes" {
	default_rate_within_4_sd pair
}

@test "run: the heap profile of a whole life equals the books" {
	"$exoprof" run --listen 127.0.0.1:0 --heap-rate 1 -o x.pb.gz -- "$targets/books" --now --ops 5000 > books.out 2> run.err
	cat run.err
	equal_to_books x.pb.gz books.out
	# What the command writes to its standard output comes through, and nothing else.
	[ "$(head -c 5 books.out)" = "site " ]
	[ "$(tail -n 1 books.out)" = "end" ]
	not grep -v -E '^(site|size) |^end$' books.out
}

@test "run: a child of the command has a heap of its own, which is not counted" {
	"$exoprof" run --listen 127.0.0.1:0 --heap-rate 1 -o x.pb.gz -- "$targets/forks"
	by_leaf x.pb.gz | tee leaves
	grep -x 'site_parent 10 10000 10 10000' leaves
	not grep site_child leaves
}

@test "run: the exit status is the command's" {
	run "$exoprof" run --listen 127.0.0.1:0 -- sh -c 'echo out; exit 7'
	echo "$output"
	[ "$status" -eq 7 ]
	run "$exoprof" run --listen 127.0.0.1:0 -- sh -c 'kill -SEGV $$'
	[ "$status" -eq $((128 + 11)) ]
	run "$exoprof" run --listen 127.0.0.1:0 -- true
	[ "$status" -eq 0 ]
}

@test "run: SIGTERM reaches the command, whose answer to it counts" {
	start run "$exoprof" run --listen 127.0.0.1:0 -- sh -c 'trap "echo got it; exit 9" TERM; echo ready; while :; do sleep 0.1; done'
	wait_for 10 grep -q ready run.out
	wait_for 10 grep -q profiling run.err
	end "$STARTED"
	cat run.out run.err
	[ "$STATUS" -eq 9 ]
	[ "$(cat run.out)" = "ready
got it" ]
}

@test "run: a command that is not there is 127, one that cannot be run is 126" {
	run -127 "$exoprof" run --listen 127.0.0.1:0 -- ./nothing
	echo "$output"
	[ "$status" -eq 127 ]
	[[ "$output" == "exoprof: cannot run ./nothing: No such file or directory"* ]]
	[ "${#lines[@]}" -eq 1 ]
	echo "just text" > text
	run "$exoprof" run --listen 127.0.0.1:0 -- ./text
	echo "$output"
	[ "$status" -eq 126 ]
	[[ "$output" == "exoprof: cannot run ./text: Permission denied"* ]]
	[ "${#lines[@]}" -eq 1 ]
}

# share_of_gc FILE: of inuse_space, percent, with all that it called.
share_of_gc() {
	samples "$1" | awk '{ total += $4; if ($5 ~ /;gc_heavy_handler;/) gc += $4 }
		END { printf "%.4f\n", 100 * gc / total }'
}

gc_flat() {
	by_leaf "$1" | awk '$1 == "gc_heavy_handler" { print $5 }'
}

@test "at rate 1 what /gc retains is what /stats says, to the byte" {
	start_demo
	start_exoprof -p "$DEMO" --heap-rate 1
	wrk -t1 -c8 -d2s "$DEMO_URL/gc"
	wait_for 10 is_quiet
	fetch heap.pb.gz heap
	top heap.pb.gz inuse_space bytes | head
	echo "/stats: $(stats .gc.retained_bytes), share $(share_of_gc heap.pb.gz) %"
	[ "$(stats .gc.retained_bytes)" -gt 1000000 ]
	[ "$(gc_flat heap.pb.gz)" -eq "$(stats .gc.retained_bytes)" ]
	[ "$(by_leaf heap.pb.gz | awk '$1 == "gc_heavy_handler" { print $3 }')" -eq "$(stats .gc.allocated_bytes)" ]
	between 99 "$(share_of_gc heap.pb.gz)" 100
	[ "$(top heap.pb.gz inuse_space | awk '$6 == "gc_heavy_handler" { print ($5 + 0 >= 99) }')" = 1 ]
}

# wrk hangs up on what it is still waiting for.
is_quiet() {
	local before
	before=$(stats .gc.allocated_blocks)
	sleep 0.5
	[ "$(stats .gc.allocated_blocks)" -eq "$before" ]
}

@test "at the default rate what /gc retains is within 5% of what /stats says" {
	# One 10 KiB block a request, retained. Of N blocks the relative standard deviation is
	# sqrt((1 - p) / (p N)), p = 1 - exp(-10240 / 524288): with 411,000 of them 5% is 4.5 of it.
	# Only a page of each block is ever touched.
	local blocks=411000
	start_demo --gc-min-alloc 1 --gc-max-alloc 2
	start_exoprof -p "$DEMO"
	h2load -t1 -c8 -m32 -n $blocks "$DEMO_URL/gc" | grep -E '^(finished|requests|status)'
	fetch heap.pb.gz heap
	grep VmRSS "/proc/$DEMO/status"
	echo "/stats: $(stats .gc.retained_bytes), profile: $(gc_flat heap.pb.gz), share $(share_of_gc heap.pb.gz) %"
	[ "$(stats .gc.retained_blocks)" -eq $blocks ]
	between 0.95 "$(jq -n "$(gc_flat heap.pb.gz) / $(stats .gc.retained_bytes)")" 1.05
	between 99 "$(share_of_gc heap.pb.gz)" 100
}

@test "a heap over some seconds is a difference, smaller than the whole" {
	start_demo
	start_exoprof -p "$DEMO"
	start_load 6 /gc
	sleep 2
	fetch delta.pb.gz 'heap?seconds=2'
	fetch whole.pb.gz heap
	wait "$LOAD"
	local delta whole
	delta=$(total delta.pb.gz 2)
	whole=$(total whole.pb.gz 2)
	echo "delta $delta of $whole"
	[ "$delta" -gt 0 ]
	[ "$delta" -lt "$whole" ]
	between 1.9 "$(raw_field delta.pb.gz Duration | tr -d s)" 4
	go tool pprof -top delta.pb.gz
}

@test "a difference is negative where memory was given back" {
	start_books books --ops 10000
	start_exoprof -p "$TARGET" --heap-rate 1
	do_books
	fetch delta.pb.gz 'heap?seconds=3' & local fetching=$!
	sleep 1
	printf 1 >&4
	wait $fetching
	grep -x 'given back' books.out
	by_site delta.pb.gz | tee actual
	# Nothing new, and what there was is gone.
	books books.out | awk '{ print $1, 0, 0, -$4, -$5 }' | diff - actual
	go tool pprof -top delta.pb.gz

	fetch after.pb.gz heap
	books books.out | awk '{ print $1, $2, $3, 0, 0 }' | diff - <(by_site after.pb.gz)
}

@test "heap shows what is in use, allocs what was allocated" {
	start_demo
	start_exoprof -p "$DEMO" --heap-rate 4096
	wrk -t1 -c8 -d1s "$DEMO_URL/gc"
	fetch heap.pb.gz heap
	fetch allocs.pb.gz allocs
	go tool pprof -top heap.pb.gz | grep '^Type: inuse_space'
	go tool pprof -top allocs.pb.gz | grep '^Type: alloc_space'
	go tool pprof -raw heap.pb.gz | grep -x 'alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes'
	go tool pprof -raw allocs.pb.gz | grep -E '^alloc_objects/count alloc_space/bytes\[dflt\] inuse_objects/count inuse_space/bytes'
	# The bulk of what /gc allocates it frees.
	[ "$(total heap.pb.gz 2)" -gt $((20 * $(total heap.pb.gz 4))) ]
}

@test "/fast and /slow leave the heap small" {
	start_demo --slow-max 20
	start_exoprof -p "$DEMO" --heap-rate 1
	wrk -t1 -c8 -d1s "$DEMO_URL/fast"
	wrk -t1 -c8 -d1s "$DEMO_URL/slow"
	wait_for 10 is_quiet
	fetch heap.pb.gz heap
	echo "allocated $(total heap.pb.gz 2), in use $(total heap.pb.gz 4)"
	[ "$(stats .requests.fast)" -gt 100 ]
	between 0 "$(total heap.pb.gz 4)" 1000000
}
