# SPDX-License-Identifier: Apache-2.0
# Beginnings and ends: of the target, of exoprof, of a client, of a recording.

load helpers

# no_failure FILE: of wrk, which tells of what failed and only then.
no_failure() {
	cat "$1"
	grep -q 'requests in' "$1"
	not grep -E 'Socket errors|Non-2xx' "$1"
}

rate_of() {
	awk '$1 == "Requests/sec:" { print $2 }' "$1"
}

# --- the target ends --------------------------------------------------------------------------------

@test "the target's end ends a profile early, and what was collected is served" {
	start_target burn
	start_exoprof -p "$TARGET"
	SECONDS=0
	fetch p.pb.gz 'profile?seconds=60' & local fetching=$!
	wait_for 10 is_sampling
	sleep 1
	end "$TARGET" KILL
	wait $fetching
	[ "$SECONDS" -lt 40 ]
	comments p.pb.gz | tee comments
	grep -q 'the target exited' comments
	[ "$(total p.pb.gz 1)" -gt 0 ]
	samples p.pb.gz | grep -q ';burn_a;middle;outer;main;'

	wait_for 10 grep -q "pid $TARGET has exited" exoprof.err
	[ "$(wc -l < exoprof.err)" -eq 1 ]
	run curl -sS -o body -w '%{http_code}' "${URL}profile?seconds=1"
	[ "$output" = 500 ]
	grep -q 'the target has exited' body
	run curl -sS "$URL"
	grep -q 'it has exited' <<< "$output"
	answer 200 /metrics
	grep -x 'exoprof_heap_followed 1' body
	grep -x 'exoprof_heap_probes_attached 0' body
	fetch heap.pb.gz heap
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
}

@test "the heap is served after the target is gone, names and all" {
	start_books books --ops 2000
	start_exoprof -p "$TARGET" --heap-rate 1
	do_books
	end "$TARGET" KILL
	wait_for 10 grep -q 'has exited' exoprof.err
	fetch heap.pb.gz heap
	equal_to_books heap.pb.gz books.out
}

# --- exoprof ends -----------------------------------------------------------------------------------

ends_well_by() {
	start_target burn
	start_exoprof -p "$TARGET"
	has_heap_probes
	curl -sS -o body -w '%{http_code}' "${URL}profile?seconds=60" > code & local fetching=$!
	wait_for 10 is_sampling
	end "$EXOPROF" "$1"
	wait $fetching
	[ "$STATUS" -eq 0 ]
	[ ! -s exoprof.err ]
	[ "$(cat code)" = 503 ]
	grep -q 'shutting down' body
	no_program_left
	kill -0 "$TARGET"
}

@test "SIGINT ends exoprof well: who waits gets 503, no probe is left" {
	ends_well_by INT
}

@test "SIGTERM ends exoprof well: who waits gets 503, no probe is left" {
	ends_well_by TERM
}

@test "kill -9 of exoprof under load: no request fails, nothing is left, the rate recovers" {
	start_demo
	start_exoprof -p "$DEMO"
	wrk -t1 -c8 -d3s "$DEMO_URL/gc" > during
	# One run over the kill: before it, at it, after it.
	start_load 4 /gc
	sleep 1.5
	kill -9 "$EXOPROF"
	wait_for 10 no_program_left
	local requests
	requests=$(stats .requests.gc)
	wait "$LOAD"
	[ "$(stats .requests.gc)" -gt "$requests" ]
	wrk -t1 -c8 -d3s "$DEMO_URL/gc" > after
	no_failure during
	no_failure load.out
	no_failure after
	echo "requests/s: $(rate_of during) with exoprof, $(rate_of after) after it was killed"
	between "$(jq -n "$(rate_of during) * 1.2")" "$(rate_of after)" 1000000
}

@test "twenty times attached and detached under load, no request fails" {
	start_demo
	start_load 600 /gc
	local i
	for i in $(seq 20); do
		start_exoprof_as "exoprof$i" -p "$DEMO"
		end "$EXOPROF"
		[ "$STATUS" -eq 0 ]
	done
	# wrk tells what it has got so far.
	kill -INT "$LOAD"
	wait "$LOAD" || true
	no_failure load.out
	[ "$(curl -sS "$DEMO_URL/fast")" = "fast response" ]
	no_program_left
}

@test "two at once on one target have the same heap" {
	start_demo
	start_exoprof_as first -p "$DEMO" --heap-rate 1
	local first=$URL
	start_exoprof_as second -p "$DEMO" --heap-rate 1 --heap-probes pair
	local second=$URL
	h2load -t1 -c4 -n 200 "$DEMO_URL/gc" | grep '^requests'
	local url
	for url in "$first" "$second"; do
		URL=$url
		fetch heap.pb.gz heap
		echo "$URL: $(by_leaf heap.pb.gz | grep '^gc_heavy_handler '), /stats: $(stats .gc.retained_bytes)"
		[ "$(by_leaf heap.pb.gz | awk '$1 == "gc_heavy_handler" { print $5 }')" -eq "$(stats .gc.retained_bytes)" ]
		[ "$(by_leaf heap.pb.gz | awk '$1 == "gc_heavy_handler" { print $3 }')" -eq "$(stats .gc.allocated_bytes)" ]
		fetch p.pb.gz 'profile?seconds=1'
	done
}

# --- others begin -----------------------------------------------------------------------------------

switches() {
	cat /proc/"$EXOPROF"/task/*/status | awk '/ctxt_switches/ { sum += $2 } END { print sum }'
}

# Each of them maps code a dozen times, which the kernel tells of.
@test "a machine that starts programs all the time wakes an idle exoprof fifty times a second at most" {
	start_idle
	start_exoprof -p "$TARGET" --no-offcpu
	local before started=0 end=$((SECONDS + 4))
	before=$(switches)
	while [ "$SECONDS" -lt "$end" ]; do
		/bin/true
		started=$((started + 1))
	done
	echo "$started programs started, $(($(switches) - before)) switches"
	[ "$started" -gt 100 ]
	# A wake is two switches at most, where somebody else is to run; and there is the look each second.
	[ $(($(switches) - before)) -lt 600 ]
}

# --- a client ends ----------------------------------------------------------------------------------

@test "a client that hangs up in mid-profile harms nobody" {
	start_target burn
	start_exoprof -p "$TARGET"
	curl -sS -o body "${URL}profile?seconds=4" & local fetching=$!
	wait_for 10 is_sampling
	fetch other.pb.gz 'profile?seconds=2' & local other=$!
	sleep 0.5
	kill -9 $fetching
	wait $fetching || true
	wait $other
	[ "$(total other.pb.gz 1)" -gt 0 ]
	wait_for 10 not is_sampling
	fetch heap.pb.gz heap
	[ ! -s exoprof.err ]
}

# hang_up CURL_OPTION
hang_up() {
	start_target burn
	start_exoprof -p "$TARGET"
	curl -sS "$1" -o body "${URL}profile?seconds=60" & local fetching=$!
	wait_for 10 is_sampling
	kill -9 $fetching
	wait $fetching || true
	wait_for 10 not is_sampling
	fetch p.pb.gz 'profile?seconds=1'
	[ "$(total p.pb.gz 1)" -gt 0 ]
}

@test "over HTTP/1 a client that hangs up stops the sampling" {
	hang_up --http1.1
}

@test "over HTTP/2 a client that hangs up stops the sampling" {
	hang_up --http2-prior-knowledge
}

# --- record -----------------------------------------------------------------------------------------

@test "record: CPU in each format, by the file's ending" {
	start_target burn
	run -0 --separate-stderr "$exoprof" record -p "$TARGET" --type cpu -d 1 -o c.pb.gz
	echo "$stderr"
	[ -z "$output" ]
	[[ "$stderr" == "exoprof: wrote c.pb.gz ("* ]]
	go tool pprof -top c.pb.gz | grep burn_a
	run -0 "$exoprof" record -p "$TARGET" -d 1 -o c.folded
	grep -q ';outer;middle;burn_a [0-9]*$' c.folded
	run -0 "$exoprof" record -p "$TARGET" -d 1 -o c.svg
	grep -q '<svg' c.svg
	grep -q burn_a c.svg
}

@test "record: heap in each format, by the file's ending" {
	# Something is kept each second, of a slow machine's few requests, too, and of no machine's too many.
	start_demo --gc-keep-every 1
	start load bash -c 'while curl -sS -o gc "$1"; do sleep 0.1; done' load "$DEMO_URL/gc"
	LOAD=$STARTED
	run -0 "$exoprof" record -p "$DEMO" --type heap --heap-rate 4096 -d 1 -o h.pb.gz
	go tool pprof -top h.pb.gz | grep gc_heavy_handler
	run -0 "$exoprof" record -p "$DEMO" --type heap --heap-rate 4096 -d 1 -o h.folded
	grep -q 'gc_heavy_handler [0-9]*$' h.folded
	run -0 "$exoprof" record -p "$DEMO" --type allocs --heap-rate 4096 -d 1 -o h.svg
	grep -q gc_heavy_handler h.svg
	kill "$LOAD"
	wait "$LOAD" || true
}

@test "record: --format beats the file's ending, - is standard output" {
	start_target burn
	run -0 "$exoprof" record -p "$TARGET" -d 1 --format folded -o c.svg
	grep -q ';burn_a [0-9]*$' c.svg
	"$exoprof" record -p "$TARGET" -d 1 --format folded -o - > out 2> err
	grep -q ';burn_a [0-9]*$' out
	[ ! -s err ]
}

@test "record: Ctrl-C ends early and writes what there is, by the default name" {
	start_target burn
	start record "$exoprof" record -p "$TARGET" -d 60
	EXOPROF=$STARTED
	wait_for 10 is_sampling
	sleep 1
	end "$EXOPROF" INT
	cat record.err
	[ "$STATUS" -eq 0 ]
	[ "$(total cpu.pb.gz 1)" -gt 0 ]

	start record "$exoprof" record -p "$TARGET" --type heap --format folded -d 60
	EXOPROF=$STARTED
	wait_for 10 has_heap_probes
	end "$EXOPROF" INT
	[ "$STATUS" -eq 0 ]
	[ -e heap.folded ]
}

@test "record: the target's end ends it, and what there is is written" {
	start_target burn
	start record "$exoprof" record -p "$TARGET" -d 60 -o c.pb.gz
	EXOPROF=$STARTED
	wait_for 10 is_sampling
	sleep 1
	end "$TARGET" KILL
	wait_for 10 has_ended "$EXOPROF"
	wait "$EXOPROF"
	[ "$(total c.pb.gz 1)" -gt 0 ]
}

@test "record: a file of before is replaced whole, not written over in place" {
	start_target burn
	head -c 1000000 /dev/zero > c.pb.gz
	run -0 "$exoprof" record -p "$TARGET" -d 1 -o c.pb.gz
	gzip -t c.pb.gz
	[ "$(wc -c < c.pb.gz)" -lt 100000 ]
}

@test "check says that exoprof works here" {
	run -0 "$exoprof" check
	echo "$output"
	[ "${lines[-1]}" = "exoprof works here." ]
	not grep -q FAIL <<< "$output"
}
