# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# How tests/targets/pressure.c is started, asked about and compared with what it says: for pressure.bats
# and for rows of scripts/torture, which have loaded helpers.bash.

# Requests must end; how soon depends on who else uses the machine.
PATIENCE=120
RSS_MAX_MIB=600
# Of all requests so far.
SLOWEST_MS=0

# note TEXT...: for who watches; bats has descriptor 3 for that.
note() {
	if { true >&3; } 2> /dev/null; then echo "# $*" >&3; else echo "$*" >&2; fi
}

# start_pressure MODE [ARGUMENT...]: told by descriptor 4. TARGET is its pid.
start_pressure() {
	[ -p go ] || mkfifo go
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
	note "attached after $(ms_since "$began") ms, $(takes)"
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
	[ "$(ms_since "$began")" -le "$SLOWEST_MS" ] || SLOWEST_MS=$(ms_since "$began")
	note "$2: $status after $(ms_since "$began") ms, $(($(stat -c %s "$1") / 1024)) KiB; $(takes)"
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

# The target ends what it does, and what it says is what the heap profile, heap.pb.gz, has.
heap_tells_all() {
	finish
	ask heap.pb.gz heap
	all_allocated heap.pb.gz
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

all_done() {
	printf '?' >&4
	sleep 0.5
	grep -q "done $1\$" pressure.out
}

# done_at_least NUMBER: so often has the target done it.
done_at_least() {
	printf '?' >&4
	sleep 0.2
	[ "$(sed -n 's/^cycles .* done \([0-9]*\)$/\1/p' pressure.out | tail -n 1)" -ge "$1" ]
}

# metric NAME: now.
metric() {
	curl -sS --max-time "$PATIENCE" "${URL%/debug/pprof/}/metrics" | awk -v name="$1" '$1 == name { print $2 }'
}

metric_at_least() { [ "$(metric "$1")" -ge "$2" ]; }

metric_is() { [ "$(metric "$1")" -eq "$2" ]; }

# KiB of kernel memory for rows.
unwinding() {
	note "$(curl -sS "${URL%/debug/pprof/}/metrics" | awk '/^exoprof_unwind/ { printf "%s %s, ", $1, $2 }
		/unwind_pages/ { printf "pages %s, ", $2 }')$(takes)"
	echo $(($(metric exoprof_unwind_memory_bytes) / 1024))
}

# most_is_whole PROFILE FUNCTION CALLER SHARE: of the stacks of that function of tests/targets/pressure/plugin.c,
# where only rows tell who called what; CALLER leads to the library.
most_is_whole() {
	samples "$1" | awk -v inner="$2" -v caller="$3" -v share="$4" '
		$0 ~ "[ ;]" inner ";" { all += $1 }
		$0 ~ "[ ;]" inner ";lib_burn;site_library;" caller ";" { whole += $1 }
		END { print whole + 0, "whole of", all + 0, inner; exit !(all >= 20 && whole >= share * all) }'
}

# lost_stacks PROFILE: some had no room, and are counted: in the metrics, too.
lost_stacks() {
	comments "$1"
	[ "$(awk '/^exoprof_/ && /heap|alloc/ && /full|lost/ { sum += $2 } END { print sum + 0 }' metrics.txt)" -gt 0 ]
}

# A process that executes itself again and again says the how manieth time it is.
start_execs() {
	start pressure "$targets/pressure" execs 0
	TARGET=$STARTED
	exec 4> /dev/null
	wait_for "$PATIENCE" grep -qx ready pressure.out
	wait_for "$PATIENCE" grep -q '[0-9]' pressure.out
}

execs_go_on() {
	local before
	before=$(tail -n 1 pressure.out)
	wait_for "$PATIENCE" eval '[ "$(tail -n 1 pressure.out)" -gt '"$before"' ]'
}

# without_news SECONDS: exoprof does not look meanwhile, and what the kernel has to tell fills its ring.
without_news() {
	kill -STOP "$EXOPROF"
	sleep "$1"
	kill -CONT "$EXOPROF"
}
