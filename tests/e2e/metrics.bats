# SPDX-License-Identifier: Apache-2.0
# What exoprof says of itself to Prometheus: that it is well formed, and true.

load helpers

# scrape FILE
scrape() {
	curl -sSf -o "$1" "${URL%/debug/pprof/}/metrics"
}

# value FILE NAME[{LABELS}]
value() {
	awk -v name="$2" '$1 == name { print $2; found = 1 } END { exit !found }' "$1"
}

# sum FILE REGEX: of all samples that match from their beginning on.
sum() {
	awk -v regex="^$2" '$1 ~ regex { sum += $2; found = 1 } END { printf "%.0f\n", sum; exit !found }' "$1"
}

fill() {
	value "$1" "exoprof_map_entries{map=\"$2\"}"
}

# Debian's own python3 has the parser.
lint() {
	/usr/bin/python3 "$BATS_TEST_DIRNAME/metrics_lint.py" "$@"
}

# Figures are a second old at most.
settle() {
	sleep 1.3
}

# count_map NAME: elements that exoprof's map of that name really has.
count_map() {
	local ids id
	ids=$(cat "/proc/$EXOPROF/fdinfo/"* 2> /dev/null | awk '$1 == "map_id:" { print $2 }' | sort -u | as_json)
	id=$(bpftool -j map show | jq --arg name "$1" --argjson ids "$ids" \
		'[.[] | select(.name == $name and (.id | IN($ids[])))] | first | .id')
	bpftool -j map dump id "$id" | jq length
}

# fills_are_true FILE MAP...: what FILE says of the maps is what they have.
fills_are_true() {
	local file=$1 map
	shift
	for map in "$@"; do
		echo "$map: $(fill "$file" "$map"), really $(count_map "$map")"
		[ "$(fill "$file" "$map")" -eq "$(count_map "$map")" ] || return 1
	done
}

# fills_become_true MAP...: by a scrape that is in m then. What an exec leaves is taken out by and by.
fills_become_true() {
	scrape m && fills_are_true m "$@"
}

# near A B: the same, or one less or more: a call may be under way.
near() {
	echo "$1, $2"
	[ "$1" -le $(($2 + 1)) ] && [ "$1" -ge $(($2 - 1)) ]
}

@test "Prometheus' parser takes it, and its counters only grow" {
	start_demo
	start_exoprof -p "$DEMO"
	start_load 4 /gc
	scrape first
	lint first
	grep -x 'exoprof_build_info{version="[0-9.]*"} 1' first
	fetch cpu.pb.gz 'profile?seconds=1'
	fetch heap.pb.gz heap
	settle
	scrape second
	lint first second
	not lint second first
	wait "$LOAD"
}

@test "events are the sum of their outcomes: the heap's probes have as many hits" {
	start_fed leak "$targets/leak"
	start_exoprof -p "$TARGET" --heap-rate 65536
	sleep 2
	kill -STOP "$TARGET"
	settle
	settle
	scrape m
	local events
	events=$(sum m 'exoprof_events_total{source="heap"')
	[ "$events" -gt 100000 ]
	near "$(sum m 'exoprof_heap_probe_hits_total{kind="(emulated|stepped)"')" "$events"
	# A stack each.
	near "$(sum m 'exoprof_stacks_total{source="heap"')" \
		"$(value m 'exoprof_events_total{source="heap",event="alloc",outcome="counted"}')"
	[ "$(value m 'exoprof_stacks_total{source="heap",end="complete"}')" -gt 100 ]
	[ "$(sum m 'exoprof_lost_samples_total')" -eq 0 ]
	kill -CONT "$TARGET"
}

@test "CPU ticks are the samples of the profile" {
	start_target burn
	start_exoprof -p "$TARGET"
	fetch cpu.pb.gz 'profile?seconds=2'
	settle
	scrape m
	near "$(sum m 'exoprof_events_total{source="cpu"')" "$(total cpu.pb.gz 1)"
	near "$(sum m 'exoprof_stacks_total{source="cpu"')" "$(total cpu.pb.gz 1)"
	[ "$(total cpu.pb.gz 1)" -gt 100 ]
	local hits
	hits=$(value m 'exoprof_symbolizer_lookups_total{result="hit"}')
	[ "$(value m 'exoprof_symbolizer_lookups_total{result="miss"}')" -gt 0 ]
	[ "$(value m 'exoprof_symbolizer_answers')" -gt 0 ]
	[ "$(value m 'exoprof_symbolizer_open_files')" -gt 0 ]
	[ "$(value m 'exoprof_symbolizer_memory_bytes')" -gt 10000 ]
	# The same addresses once more: from what is kept.
	fetch cpu.pb.gz 'profile?seconds=1'
	scrape m
	[ "$(value m 'exoprof_symbolizer_lookups_total{result="hit"}')" -gt "$hits" ]
}

@test "CPU maps are as full as it says, and empty afterwards" {
	start_target burn
	start_exoprof -p "$TARGET"
	fetch cpu.pb.gz 'profile?seconds=5' & local fetching=$!
	sleep 1.5
	kill -STOP "$TARGET"
	settle
	scrape m
	fills_are_true m cpu_counts cpu_stacks
	[ "$(fill m cpu_stacks)" -gt 1 ]
	[ "$(value m exoprof_profile_requests_in_flight)" -eq 1 ]
	wait $fetching
	settle
	scrape m
	fills_are_true m cpu_counts cpu_stacks
	[ "$(fill m cpu_stacks)" -eq 0 ]
	[ "$(value m exoprof_profile_requests_in_flight)" -eq 0 ]
	kill -CONT "$TARGET"
}

@test "heap maps are as full as it says, also when an exec has emptied them" {
	start_fed books "$targets/execs"
	start_exoprof -p "$TARGET" --heap-rate 1
	printf 1 >&4
	wait_for 10 grep -qx allocated books.out
	wait_for 10 fills_become_true heap_live heap_stats heap_stacks
	[ "$(fill m heap_live)" -ge 50 ]
	printf 1 >&4
	wait_for 10 grep -qx executed books.out
	wait_for 10 fills_become_true heap_live heap_stats heap_stacks
	[ "$(fill m heap_live)" -lt 50 ]
	printf 1 >&4
	wait_for 10 grep -qx end books.out
	wait_for 10 fills_become_true heap_live heap_stats heap_stacks
	[ "$(fill m heap_live)" -ge 900 ]
}

@test "of processes and their unwind rows it says how many there are" {
	start_fed family "$targets/family"
	start_exoprof -p "$TARGET" --follow-children
	printf 1 >&4
	wait_for 10 grep -qx grown family.out
	# Or children come and go.
	kill -STOP "$TARGET"
	settle
	scrape m
	fills_are_true m processes eras
	[ "$(value m exoprof_processes)" -eq "$(count_map processes)" ]
	[ "$(value m exoprof_processes)" -gt 1 ]
	[ "$(fill m unwind_blocks)" -eq "$(count_map unwind_blocks)" ]
	[ "$(value m exoprof_unwind_files)" -gt 1 ]
	[ "$(value m exoprof_unwind_rows)" -gt 10000 ]
	[ "$(value m exoprof_unwind_memory_bytes)" -eq $((262144 * $(fill m unwind_blocks))) ]
	between 1 "$(fill m mapping_pool)" 65536
	between 1 "$(fill m unwind_pages)" 65536
	between 1 "$(fill m unwind_rules)" 65536
	kill -CONT "$TARGET"
}

@test "what exoprof itself takes is what /proc says" {
	start_idle
	start_exoprof -p "$TARGET"
	settle
	scrape m
	between "$(jq -n "$(cpu_seconds "$EXOPROF") - 0.3")" "$(value m process_cpu_seconds_total)" \
		"$(jq -n "$(cpu_seconds "$EXOPROF") + 0.02")"
	between 0.8 "$(jq -n "$(value m process_resident_memory_bytes) / 1024 / \
		$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$EXOPROF/status")")" 1.25
	# Without the scrape's own connection, which may be there or not.
	between "$(($(ls "/proc/$EXOPROF/fd" | wc -l) - 2))" "$(value m process_open_fds)" \
		"$(($(ls "/proc/$EXOPROF/fd" | wc -l) + 2))"
	[ "$(value m process_max_fds)" -eq "$(awk '/^Max open files/ { print $4 }' "/proc/$EXOPROF/limits")" ]
	# ps knows it to the second.
	between -2 "$(jq -n "$(value m process_start_time_seconds) - \
		($(date +%s) - $(ps -o etimes= -p "$EXOPROF"))")" 2
}
