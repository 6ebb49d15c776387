# SPDX-License-Identifier: Apache-2.0
# CPU profiles of programs whose truth is known.

load helpers

# Values of one sample type by leaf: "NAME VALUE" lines.
cpu_by_leaf() {
	samples "$1" | awk '{ split($3, frames, ";"); sum[frames[2]] += $2 }
		END { for (leaf in sum) printf "%s %.0f\n", leaf, sum[leaf] }'
}

value_of() {
	awk -v name="$1" '$1 == name { print $2; found = 1 } END { if (!found) print 0 }'
}

@test "shares of CPU time are those of the work that was done" {
	start_target burn
	start_exoprof -p "$TARGET" --no-heap
	local before after
	before=$(cpu_seconds "$TARGET")
	fetch p.pb.gz 'profile?seconds=3'
	after=$(cpu_seconds "$TARGET")

	local leaves a b other
	leaves=$(cpu_by_leaf p.pb.gz)
	echo "$leaves"
	a=$(value_of burn_a <<< "$leaves")
	b=$(value_of burn_b <<< "$leaves")
	other=$(value_of burn_other <<< "$leaves")
	# 3 : 1, within 10 percentage points
	between 0.65 "$(jq -n "$a / ($a + $b)")" 0.85
	[ "$other" -gt 0 ]

	# Each CPU second is 99 samples. The process ran a little before and after the profile, too.
	between 0.5 "$(jq -n "$(total p.pb.gz 1) / 99 / ($after - $before)")" 1.1
	[ "$(raw_field p.pb.gz Period)" -eq $((1000000000 / 99)) ]
	[ "$(total p.pb.gz 2)" -eq $(($(total p.pb.gz 1) * (1000000000 / 99))) ]

	go tool pprof -top p.pb.gz > top
	cat top
	grep -q '^Type: cpu' top
	grep -q 'burn_a$' top
}

@test "stacks go from main to the function that burns, in both threads" {
	start_target burn
	start_exoprof -p "$TARGET" --no-heap
	fetch p.folded 'profile?seconds=1&format=folded'
	cat p.folded
	grep -q ';main;outer;middle;burn_a [0-9]*$' p.folded
	grep -q ';main;outer;middle;burn_b [0-9]*$' p.folded
	grep -q 'second_thread;burn_other [0-9]*$' p.folded
}

@test "a target that makes system calls has kernel frames above its own" {
	start_target syscalls
	start_exoprof -p "$TARGET" --no-heap
	fetch p.pb.gz 'profile?seconds=2'
	samples p.pb.gz > stacks
	cat stacks
	# From leaf to root: kernel, then the caller in the program.
	grep -q ';[^;]*\(read_zero\|read_iter_zero\|vfs_read\)[^;]*;.*entry_SYSCALL_64.*;' stacks
	top p.pb.gz cpu > top
	grep -q 'vfs_read' top
	go tool pprof -raw p.pb.gz | grep -q '\[kernel'
}

@test "two profiles at once and a heap in between are all answered, each in its time" {
	start_target burn
	start_exoprof -p "$TARGET"
	fetch a.pb.gz 'profile?seconds=3' & local a=$!
	fetch b.pb.gz 'profile?seconds=3' & local b=$!
	sleep 1
	fetch heap.pb.gz heap
	# Both are still under way.
	kill -0 $a
	kill -0 $b
	wait $a
	wait $b
	local file
	for file in a b; do
		go tool pprof -top $file.pb.gz | grep burn_a
		between 2.9 "$(raw_field $file.pb.gz Duration | tr -d s)" 4.5
		[ "$(total $file.pb.gz 1)" -gt 0 ]
	done
	go tool pprof -top heap.pb.gz
}

@test "a hundred profiles at once are all answered" {
	start_target burn
	start_exoprof -p "$TARGET" --no-heap --max-profiles 100
	seq 100 | xargs -P 100 -I{} curl -sS -o {}.pb.gz -w '%{http_code}\n' "${URL}profile?seconds=1" > codes
	[ "$(grep -cx 200 codes)" -eq 100 ]
	gzip -t {1..100}.pb.gz
	[ "$(total 1.pb.gz 1)" -gt 0 ]
	[ "$(total 100.pb.gz 1)" -gt 0 ]
	wait_for 10 not is_sampling
}

@test "windows that overlap have their own counts" {
	start_target burn
	start_exoprof -p "$TARGET" --no-heap
	# The target is stopped but for a second that lies in both windows.
	kill -STOP "$TARGET"
	fetch long.pb.gz 'profile?seconds=5' & local long=$!
	sleep 1
	fetch short.pb.gz 'profile?seconds=4' & local short=$!
	sleep 0.8
	kill -CONT "$TARGET"
	sleep 1
	kill -STOP "$TARGET"
	fetch never.pb.gz 'profile?seconds=1' & local never=$!
	wait $long
	wait $short
	wait $never
	kill -CONT "$TARGET"
	echo "long $(total long.pb.gz 1), short $(total short.pb.gz 1), never $(total never.pb.gz 1)"
	[ "$(total long.pb.gz 1)" -gt 0 ]
	[ "$(total short.pb.gz 1)" -eq "$(total long.pb.gz 1)" ]
	[ "$(total never.pb.gz 1)" -eq 0 ]
}

@test "a window that begins before another has more in it" {
	start_target burn
	start_exoprof -p "$TARGET" --no-heap
	fetch long.pb.gz 'profile?seconds=4' & local long=$!
	sleep 2
	fetch short.pb.gz 'profile?seconds=1' & local short=$!
	wait $short
	wait $long
	echo "long $(total long.pb.gz 1), short $(total short.pb.gz 1)"
	[ "$(total short.pb.gz 1)" -gt 0 ]
	[ "$(total long.pb.gz 1)" -gt "$(total short.pb.gz 1)" ]
}

samples_on_each_cpu() {
	[ "$(cpu_links)" -eq "$(getconf _NPROCESSORS_ONLN)" ]
}

@test "sampling runs only while somebody asks" {
	start_target burn
	start_exoprof -p "$TARGET" --no-heap
	[ "$(cpu_links)" -eq 0 ]
	fetch p.pb.gz 'profile?seconds=2' & local fetching=$!
	wait_for 10 samples_on_each_cpu
	wait $fetching
	[ "$(cpu_links)" -eq 0 ]
}

@test "an idle target gives a valid profile without samples" {
	start idle sleep 1000
	start_exoprof -p "$STARTED"
	fetch p.pb.gz 'profile?seconds=1'
	go tool pprof -top p.pb.gz
	go tool pprof -raw p.pb.gz | grep -q '^samples/count cpu/nanoseconds'
	[ "$(samples p.pb.gz | wc -l)" -eq 0 ]
	fetch p.folded 'profile?seconds=1&format=folded'
	[ ! -s p.folded ]
}

@test "a profile comes as pprof, folded stacks and flame graph" {
	start_target burn
	start_exoprof -p "$TARGET"
	fetch p.pb.gz 'profile?seconds=1&format=pprof'
	fetch p.folded 'profile?seconds=1&format=folded'
	fetch p.svg 'profile?seconds=1&format=flamegraph'
	gzip -t p.pb.gz
	go tool pprof -top p.pb.gz
	# Every line a stack and a number.
	[ -s p.folded ]
	not grep -vE '^[^ ].* [0-9]+$' p.folded
	grep -q '<svg' p.svg
	grep -q 'burn_a' p.svg
}

@test "--frequency is honoured" {
	start_target burn
	start_exoprof -p "$TARGET" --no-heap --frequency 500
	fetch p.pb.gz 'profile?seconds=1'
	[ "$(raw_field p.pb.gz Period)" -eq 2000000 ]
	[ "$(total p.pb.gz 2)" -eq $(($(total p.pb.gz 1) * 2000000)) ]
	# Well above what 99 Hz on two CPUs could give even if the machine is busy.
	local seconds
	seconds=$(raw_field p.pb.gz Duration | tr -d s)
	echo "$(total p.pb.gz 1) samples in $seconds s"
	[ "$(total p.pb.gz 1)" -le "$(jq -n "$seconds * 500 * 2 * 1.1 | ceil")" ]
	comments p.pb.gz | grep -q '500 Hz'
}

@test "go tool pprof fetches from a server that was started long before, without an option" {
	start_demo
	start_load 8 /gc
	sleep 2
	start_exoprof -p "$DEMO"
	go tool pprof -top "${URL}profile?seconds=5" > cpu.top
	go tool pprof -top "${URL}heap" > heap.top
	wait "$LOAD"
	cat cpu.top heap.top
	grep -q '^Type: cpu' cpu.top
	grep -q 'gc_heavy_handler' cpu.top
	grep -q '^Type: inuse_space' heap.top
	grep -q 'gc_heavy_handler' heap.top
}
