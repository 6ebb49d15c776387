# SPDX-License-Identifier: Apache-2.0
# Much of one thing: threads, mappings, births, loads, execs, forks, stacks. Whatever there is too much
# of, every request ends, what is lost is counted, and all else is right (tests/targets/pressure.c).

load helpers

# Requests must end; how soon depends on who else uses the machine.
PATIENCE=120
RSS_MAX_MIB=600

# start_pressure MODE [ARGUMENT...]: told by descriptor 4. TARGET is its pid.
start_pressure() {
	mkfifo go
	exec 4<> go
	STDIN=go start pressure "$targets/pressure" "$@"
	TARGET=$STARTED
	wait_for "$PATIENCE" grep -qx ready pressure.out
}

# attach [OPTION...]: says how long that took.
attach() {
	local began
	began=$(date +%s%N)
	start exoprof "$exoprof" -p "$TARGET" --frequency 499 --listen 127.0.0.1:0 "$@"
	EXOPROF=$STARTED
	if ! wait_for "$PATIENCE" grep -q profiling exoprof.out; then
		cat exoprof.err >&2
		return 1
	fi
	URL=$(grep -o 'https\?://[^ ,]*' exoprof.out | head -n 1)
	echo "# attached after $(ms_since "$began") ms, $(takes)" >&3
	printf g >&4
}

ms_since() { echo $((($(date +%s%N) - $1) / 1000000)); }

# What exoprof itself takes.
takes() {
	awk -v ORS=' ' '/^VmHWM/ { print int($2 / 1024) " MiB at most," }' "/proc/$EXOPROF/status"
	echo "$(cpu_seconds "$EXOPROF") s of CPU time, $(ls "/proc/$EXOPROF/fd" | wc -l) descriptors"
}

# ask NAME PATH: within PATIENCE; says how long it took.
ask() {
	local began status
	began=$(date +%s%N)
	status=$(curl -sS --max-time "$PATIENCE" -o "$1" -w '%{http_code}' "$URL$2")
	echo "# $2: $status after $(ms_since "$began") ms, $(($(stat -c %s "$1") / 1024)) KiB; $(takes)" >&3
	[ "$status" = 200 ] || say_and_fail "$2 gives $status: $(head -c 300 "$1")"
}

ask_all() {
	ask cpu.pb.gz 'profile?seconds=4'
	ask heap.pb.gz heap
	ask threads.txt 'goroutine?debug=2'
	ask block.pb.gz block
	ask cpu.svg 'profile?seconds=1&format=flamegraph'
	ask metrics.txt ../../metrics
}

# The target does what it did: its main thread's count goes on.
goes_on() {
	local before
	printf '?' >&4
	wait_for 30 grep -q ^cycles pressure.out
	before=$(grep -c ^cycles pressure.out)
	sleep 0.5
	printf '?' >&4
	wait_for 30 more_cycles "$before"
	grep ^cycles pressure.out | tail -n 2 | sed 's/[^0-9 ]//g' | awk 'NR == 1 { before = $1 } END { exit $1 <= before }'
}

more_cycles() { [ "$(grep -c ^cycles pressure.out)" -gt "$1" ]; }

# Of the main thread, which has nothing to do with all the rest: burn_a three times burn_b. Of n
# samples a share p is off by sqrt(p * (1 - p) / n) by chance.
main_shares() {
	samples "$1" | awk '
		/[ ;]main;/ && /[ ;]burn_a;/ { a += $1 }
		/[ ;]main;/ && /[ ;]burn_b;/ { b += $1 }
		END {
			n = a + b
			if (n < 50) { print "only " n " samples of main"; exit 1 }
			sd = sqrt(0.75 * 0.25 / n)
			printf "burn_a: %.3f of %d, truth 0.75: %+.1f sd\n", a / n, n, (a / n - 0.75) / sd
			exit !(a / n > 0.75 - 4 * sd - 0.02 && a / n < 0.75 + 4 * sd + 0.02)
		}'
}

# finish: the target ends what it does and says its books, in pressure.out.
finish() {
	printf s >&4
	wait_for "$PATIENCE" grep -qx end pressure.out
}

# all_allocated PROFILE: as many objects of 100 bytes as the target says, or what is missing is
# counted as lost. Of others there are none of that size.
all_allocated() {
	local truth
	truth=$(sed -n 's/^allocated \([0-9]*\) .*/\1/p' pressure.out)
	comments "$1" | grep '^heap:'
	samples "$1" | awk -v truth="$truth" -v lost="$(heap_lost "$1")" '
		$2 == 100 * $1 { objects += $1 }
		END { print objects, "allocated, truth", truth, "lost", lost; exit !(objects <= truth && objects + lost >= truth && objects) }'
}

# Allocations that are in no profile, by its comments.
heap_lost() {
	comments "$1" | sed -n 's/^heap: .* lost: \([0-9]*\) .*/\1/p' | awk '{ n += $1 } END { print n + 0 }'
}

is_well() {
	awk -v most="$RSS_MAX_MIB" '/^VmHWM/ { exit $2 / 1024 > most }' "/proc/$EXOPROF/status" ||
		say_and_fail "it takes too much: $(takes)"
	goes_on
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	cat exoprof.err
	goes_on
}

@test "10,000 threads" {
	start_pressure threads 10000
	attach
	ask_all
	main_shares cpu.pb.gz
	# Each has its block, and says where it waits.
	[ "$(grep -c '^goroutine ' threads.txt)" -ge 10003 ]
	[ "$(grep -c '^site_waits' threads.txt)" -ge 9990 ]
	ask wall.pb.gz 'wall?seconds=1'
	samples wall.pb.gz | awk '/[ ;]site_waits;/ { ns += $2 } END { print ns / 1e9, "s waited"; exit ns < 9000e9 * 0.9 }'
	is_well
}

@test "5,000 mapped libraries, and 5,000 pages of code that is in no file" {
	start_pressure mappings 5000 "$targets/pressure-library.so"
	[ "$(grep -c ' r-xp ' "/proc/$TARGET/maps")" -ge 10000 ]
	attach --heap-rate 1
	ask_all
	main_shares cpu.pb.gz
	# What the libraries do has their functions' names.
	samples cpu.pb.gz | awk '/site_library;/ { all += $1; if (/[ ;]lib_burn;/) named += $1 }
		END { print named, "of", all; exit !(named >= 0.9 * all && named) }'
	finish
	ask heap.pb.gz heap
	all_allocated heap.pb.gz
	is_well
}

@test "threads are born and die, a thousand a second" {
	start_pressure births
	attach --heap-rate 1
	ask_all
	main_shares cpu.pb.gz
	finish
	ask heap.pb.gz heap
	all_allocated heap.pb.gz
	is_well
}

@test "libraries are loaded and unloaded all the time" {
	local libraries=() i
	for i in 1 2 3 4 5; do
		cp "$targets/pressure-library.so" "lib$i.so"
		libraries+=("$PWD/lib$i.so")
	done
	start_pressure loads "${libraries[@]}"
	attach --heap-rate 1
	ask_all
	main_shares cpu.pb.gz
	finish
	ask heap.pb.gz heap
	all_allocated heap.pb.gz
	is_well
}

@test "a process that forks all the time" {
	start_pressure forks
	attach --follow-children
	ask_all
	main_shares cpu.pb.gz
	is_well
}

@test "a process that executes itself all the time" {
	start pressure "$targets/pressure" execs 0
	TARGET=$STARTED
	exec 4> /dev/null
	wait_for 10 grep -qx ready pressure.out
	attach
	local before
	before=$(tail -n 1 pressure.out)
	ask_all
	# Each program's few samples are somebody's: its own, or counted as of no known place.
	comments cpu.pb.gz
	samples cpu.pb.gz | awk '{ all += $1; if (/[ ;]burn_b;/) named += $1; if (/truncated|\[lost/) cut += $1 }
		END { print named, "named and", cut, "cut short of", all; exit !(all > 50 && named) }'
	[ "$(tail -n 1 pressure.out)" -gt "$before" ]
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	before=$(tail -n 1 pressure.out)
	sleep 1
	[ "$(tail -n 1 pressure.out)" -gt "$before" ]
}

@test "more stacks than there is room for" {
	start_pressure stacks 300000
	attach --heap-rate 1
	wait_for "$PATIENCE" all_done 300000
	ask_all
	main_shares cpu.pb.gz
	finish
	ask heap.pb.gz heap
	comments heap.pb.gz
	all_allocated heap.pb.gz
	[ "$(awk '/^exoprof_/ && /heap/ && /full|lost/ { sum += $2 } END { print sum + 0 }' metrics.txt)" -gt 0 ]
	is_well
}

all_done() {
	printf '?' >&4
	sleep 0.5
	grep -q "done $1\$" pressure.out
}
