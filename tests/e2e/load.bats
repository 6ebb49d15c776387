#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# scripts/load: what it prints is so, and nothing of it stays.

load helpers

# Those tests that start it do so by this: its processes inherit a mark, its files have one place.
start_loading() {
	mkdir -p tmp
	start load env --default-signal=INT MARK="$BATS_TEST_TMPDIR" TMPDIR="$BATS_TEST_TMPDIR/tmp" \
		"$root/scripts/load" "$@"
	LOAD=$STARTED
}

load_ends_well() {
	wait_for 120 has_ended "$LOAD"
	cat load.out load.err
	wait "$LOAD"
}

nothing_left() {
	local marked
	# grep's status is not to be had: some process ends while it looks.
	marked=$(grep -lsF "MARK=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ || true)
	[ -z "$marked" ] || say_and_fail "left: $marked"
	not grep -F "exoprof-load-$LOAD-" <(ip netns list)
	not ip link show link0
	[ -z "$(ls tmp)" ] || say_and_fail "left: $(ls tmp)"
}

# field CONDITION LOAD EXOPROF NAME: of the tab-separated lines in load.out.
field() {
	awk -F '\t' -v condition="$1" -v load="$2" -v exoprof="$3" -v name="$4" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		NR > 1 && $1 == condition && $2 == load && $3 == exoprof { print $at; found++ }
		END { exit !at || found != 1 }' load.out
}

@test "load: three conditions, each without exoprof and with it; distance shows, and nothing is left" {
	start_loading --duration 2 --rounds 1 --endpoint fast --tsv
	load_ends_well
	[ "$(wc -l < load.out)" -eq 7 ]
	local with condition
	for with in no yes; do
		# A round trip is 40 ms on average, or 100 ms, and the rest comes on top.
		between 39.5 "$(field wan /fast $with p50_ms)" 400
		between 100 "$(field lossy /fast $with p50_ms)" 1000
		between 0.01 "$(field lan /fast $with p50_ms)" 30
		between "$(field lossy /fast $with requests_per_second)" \
			"$(field wan /fast $with requests_per_second)" \
			"$(field lan /fast $with requests_per_second)"
		# 16 connections, each of which asks again after 35 ms or later.
		between 40 "$(field wan /fast $with requests_per_second)" 457
		# TCP repeats what is lost: after 200 ms at the earliest (Linux' least), or later.
		between 200 "$(field lossy /fast $with max_ms)" 2500
		for condition in lan wan lossy; do
			[ "$(field $condition /fast $with errors)" -eq 0 ]
		done
	done
	between 0.01 "$(field lan /fast yes ratio)" 3
	nothing_left
}

@test "load: a table, with HTTP/2 beside slow clients, one's own condition and a CPU profile" {
	start_loading --duration 1 --rounds 1 --endpoint fast --mix fast=9,gc=1 --http2 --slow-clients 10 \
		--cpu-profile --no-heap --conditions near=10:0:0:0
	load_ends_well
	for name in /fast fast=9,gc=1; do
		grep -E "^\| near \| $name \| [0-9]+ / [0-9]+ \| [0-9.]+ \|( [0-9.]+ / [0-9.]+ \|){4} 0 / 0 \|\$" load.out
	done
	grep -F 'near: round trip 10 ms +- 0, 0% loss and 0 Mbit/s each way' load.out
	grep -F 'exoprof serve --no-heap, a CPU profile being taken' load.out
	grep -F '10 slow clients' load.out
	nothing_left
}

@test "load: only drives a server that runs, by the weights of the mix; percentiles are of what was sent" {
	start_demo --slow-min 200 --slow-max 201
	start_loading --duration 2 --mix fast=8,slow=2 --url "$DEMO_URL" --slow-clients 4 --tsv
	load_ends_well
	# Some 300 requests; the slow clients' own are fast ones, and few.
	between 0.1 "$(stats '.requests | .slow / (.fast + .slow)')" 0.3
	[ "$(stats .requests.gc)" -eq 0 ]
	# Eight of ten are done at once; wrk by itself would make up some for each slow one.
	between 0.01 "$(field - fast=8,slow=2 no p50_ms)" 20
	between 200 "$(field - fast=8,slow=2 no p90_ms)" 300
	nothing_left
}

@test "load: slow clients get their answers in the end, the server holds out" {
	start_demo
	start slow python3 "$root/scripts/load.d/slow_clients.py" "$DEMO_URL" 20
	# 60 bytes in 3 seconds; those who read a byte at a time take 10 and more.
	sleep 6
	[ "$(stats .requests.fast)" -ge 20 ]
	end "$STARTED"
	cat slow.out slow.err
	[ "$(cut -d ' ' -f 1 slow.out)" -ge 10 ]
	grep -F ', 0 connections' slow.out
}

@test "load: nothing is left after Ctrl-C, or where a measurement fails" {
	start_loading --duration 600 --conditions wan --endpoint fast
	wait_for 60 pgrep -P "$LOAD" wrk
	ip netns list | grep -F "exoprof-load-$LOAD-client"
	end "$LOAD" INT
	[ "$STATUS" -eq 130 ]
	nothing_left

	start_loading --duration 600 --conditions wan --endpoint fast
	wait_for 60 pgrep -P "$LOAD" wrk
	kill "$(pgrep -P "$LOAD" wrk)"
	wait_for 15 has_ended "$LOAD"
	run ! wait "$LOAD"
	grep '^load: wrk' load.err
	nothing_left
}

@test "load: what it does not take, and that it needs root, in one line" {
	# In a user namespace, where root is nobody, and still gets to where this is.
	run ! unshare --user "$root/scripts/load"
	[ "$output" = 'load: needs root, for network namespaces and BPF programs (try sudo scripts/load)' ]
	local options
	for options in '--duration 0' '--duration' '--mix fast=0' '--mix fast' '--endpoint stats' \
		'--conditions lan,moon' '--conditions far=1:2' '--slow-clients 100000' '--frobnicate'; do
		# shellcheck disable=SC2086
		run ! "$root/scripts/load" $options
		echo "$options: $output"
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == 'load: '* ]]
	done
}
