# SPDX-License-Identifier: Apache-2.0
# The time of day is set, and the machine sleeps, in the middle of a profile: for machines that are
# one's own (scripts/vm-matrix), and refused elsewhere.

load ../e2e/helpers

setup_file() {
	if [ "${EXOPROF_TEST_OWN_MACHINE:-}" != yes ]; then
		echo "these tests set the machine's clock: they are for scripts/vm-matrix" >&2
		return 1
	fi
}

# shift_clock DAYS: by so many.
shift_clock() {
	date -s "@$(($(date +%s) + $1 * 86400))" > /dev/null
}

# seconds_of FILE: how long its window was; none is in a file that is none.
seconds_of() {
	raw_field "$1" Duration | sed 's/s$//'
}

# A connection that is kept, on descriptor 5: ask PATH gives the status line, or nothing.
connect() {
	local authority=${URL#http://}
	authority=${authority%%/*}
	exec 5<> "/dev/tcp/${authority%:*}/${authority#*:}"
	HOST=$authority
}

ask() {
	local line length=0
	printf 'GET %s HTTP/1.1\r\nHost: %s\r\n\r\n' "$1" "$HOST" >&5 || return 0
	IFS= read -r -t 60 -u 5 line || return 0
	echo "$line"
	while IFS= read -r -t 60 -u 5 line && [ "$line" != $'\r' ]; do
		[[ ${line,,} != content-length:* ]] || length=${line//[!0-9]/}
	done
	head -c "$length" <&5 > /dev/null
}

# jump DAYS: in the middle of a profile, and back again.
jump() {
	start_target burn
	start_exoprof -p "$TARGET"
	curl -sS -o p.pb.gz -w '%{http_code}' "${URL}profile?seconds=12" > code & local fetching=$!
	wait_for 10 is_sampling
	sleep 2
	shift_clock "$1"
	answer 200 /healthz
	fetch heap.pb.gz heap
	sleep 3
	shift_clock $((-$1))
	answer 200 /healthz
	wait $fetching
	[ "$(cat code)" = 200 ]
	between 12 "$(seconds_of p.pb.gz)" 25
	samples p.pb.gz | grep -q ';burn_a;'
	fetch again.pb.gz 'profile?seconds=1'
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	[ ! -s exoprof.err ]
}

@test "the clock goes a year ahead and back: windows keep their length, requests end" {
	jump 365
}

@test "the clock goes a year back and ahead: windows keep their length, requests end" {
	jump -365
}

@test "what becomes of connections when the clock jumps" {
	start_target burn
	start_exoprof -p "$TARGET"
	connect
	ask /healthz | grep -q ' 200 '
	shift_clock 365
	sleep 2
	# h2o 2.2 takes it for one that was idle for a year, and closes it; the next one is as ever.
	echo "# kept, a year ahead: $(ask /healthz)" >&3
	connect
	ask /healthz | grep -q ' 200 '
	shift_clock -365
	sleep 2
	echo "# kept, a year back: $(ask /healthz)" >&3
	connect
	ask /healthz | grep -q ' 200 '
	# One that idles: closed after ten seconds, whatever the clock was set to meanwhile.
	shift_clock -365
	sleep 15
	echo "# idle for 15 s, a year back: $(ask /healthz)" >&3
	answer 200 /healthz
	shift_clock 365
}

# sleep_machine SECONDS: all but the last step, which nothing in a virtual machine without a desktop would wake it
# from: tasks are frozen, devices off, clocks stand still; for so long the kernel counts, and wakes up
# (Documentation/power/basic-pm-debugging.rst).
sleep_machine() {
	grep -q '\[deep\]' /sys/power/mem_sleep
	echo "$1" > /sys/module/suspend/parameters/pm_test_delay
	echo core > /sys/power/pm_test
	echo mem > /sys/power/state
}

# By how many seconds the clock that sleeps with the machine is behind the one that does not.
slept() {
	python3 -c 'import time; print(time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic())'
}

@test "the machine sleeps in the middle of a profile, and all goes on" {
	start_target burn
	start_exoprof -p "$TARGET"
	connect
	ask /healthz | grep -q ' 200 '
	curl -sS -o p.pb.gz -w '%{http_code}' "${URL}profile?seconds=8" > code & local fetching=$!
	wait_for 10 is_sampling
	sleep 2
	sleep_machine 20
	between 10 "$(slept)" 1000
	wait $fetching
	[ "$(cat code)" = 200 ]
	# What was slept through is no part of it.
	between 8 "$(seconds_of p.pb.gz)" 20
	samples p.pb.gz | grep -q ';burn_a;'
	echo "# kept, 20 s asleep: $(ask /healthz)" >&3
	fetch again.pb.gz 'profile?seconds=1'
	fetch answer goroutine
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	[ ! -s exoprof.err ]
}
