# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by each row of scripts/torture. A row says what it is (`row`), does its fault again and again
# (`repeat`), and says what happened (`happened`), its only line on stdout. Whatever fails on the way
# ends it with 1, and the reason on stderr. What the end-to-end tests start things with is there, too:
# start_demo, start_exoprof, end, fetch, ... (tests/e2e/helpers.bash).

# Without pipefail, as bats runs the helpers.
set -Eeu

row_name=$(basename "$0")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BATS_TEST_DIRNAME=$(cd "$here/../../tests/e2e" && pwd)
BATS_TEST_TMPDIR=$(mktemp -d)
export BATS_TEST_TMPDIR
bats_require_minimum_version() { :; }
# shellcheck source=tests/e2e/helpers.bash
. "$BATS_TEST_DIRNAME/helpers.bash"

# All that this row starts, and what that starts, has this in its environment.
export TORTURE_ROW=$$-$RANDOM

exec 6>&1 1>&2
trap row_ended EXIT
trap 'echo "${BASH_SOURCE[0]##*/}:$LINENO failed: $BASH_COMMAND" >&2' ERR
trap 'echo "$row_name: out of time" >&2; exit 1' TERM INT
setup

# row TIMES SECONDS WHAT: TIMES, unless the environment says how often; not begun again once SECONDS,
# or the seconds that scripts/torture has for it, are over, however few times that makes.
row() {
	times=${TIMES:-$1}
	limit_s=$2
	if [ "${TIMES:-}" ] || [ "${TORTURE_SECONDS:-$limit_s}" -lt "$limit_s" ]; then
		limit_s=${TORTURE_SECONDS:-1000000}
	fi
	what=$3
	done_times=0
	began_s=$SECONDS
}

# repeat COMMAND...: I counts, from 0.
repeat() {
	for ((I = 0; I < times; I++)); do
		[ "$I" -eq 0 ] || [ $((SECONDS - began_s)) -lt "$limit_s" ] || break
		"$@"
		done_times=$((done_times + 1))
	done
}

# happened TEXT...: the row.
happened() {
	printf '%s\t%s\t%s\t%s\n' "$row_name" "$what" "$done_times" "$*" >&6
}

row_ended() {
	local status=$?
	trap - ERR
	set +e
	if [ "$status" -ne 0 ]; then
		# What they had to say.
		tail -n 5 "$BATS_TEST_TMPDIR"/*.err 2> /dev/null
	fi
	if ! stop_all; then status=1; fi
	if ! wait_for 5 no_exoprof_left; then
		no_exoprof_left
		status=1
	fi
	cd / && rm -rf "$BATS_TEST_TMPDIR"
	exit "$status"
}

# --- what is left -----------------------------------------------------------------------------------

exoprofs() {
	local environ pid
	for environ in $(grep -lsz "^TORTURE_ROW=$TORTURE_ROW\$" /proc/[0-9]*/environ || true); do
		pid=${environ//[!0-9]/}
		[[ "$(readlink "/proc/$pid/exe")" != "$exoprof"* ]] || echo "$pid"
	done
}

no_exoprof_left() {
	local pids
	pids=$(exoprofs)
	[ -z "$pids" ] || say_and_fail "exoprof is left: $pids"
}

# Ids of maps that neither a process holds nor a program uses: pinned by somebody, or leaked. The blocks of
# unwind_blocks are held by that.
maps_left() {
	local maps used held id
	# In this order: what others load meanwhile is held by the time of the later looks.
	maps=$(bpftool -j map show | jq -r '.[] | select(.name != "unwind_block") | .id' | sort -u)
	used=$(bpftool -j prog show | jq -r '.[].map_ids[]?')
	held=$(cat /proc/[0-9]*/fdinfo/* 2> /dev/null | awk '$1 == "map_id:" { print $2 }')
	for id in $(comm -23 <(echo "$maps") <(printf '%s\n' "$used" "$held" | sort -u)); do
		# Freed since?
		if bpftool map show id "$id" > /dev/null 2>&1; then echo "$id"; fi
	done
}

no_map_left() {
	local left
	left=$(maps_left)
	[ -z "$left" ] || say_and_fail "BPF maps are left: $left"
}

# The target's code is as its files have it: no breakpoint is in it.
code_intact() {
	python3 "$here/code_intact.py" "$1"
}

# unharmed PID: it runs, not stopped, without anything of exoprof in it or in the kernel.
unharmed() {
	wait_for 10 no_program_left
	wait_for 10 no_map_left
	wait_for 10 code_intact "$1"
	grep -q '^State:[[:space:]][RSD]' "/proc/$1/status" ||
		say_and_fail "the target: $(grep '^State' "/proc/$1/status")"
	grep -qx 'TracerPid:[[:space:]]0' "/proc/$1/status"
}

# --- load, and whether all of it was served -----------------------------------------------------------

# loaded_demo: a server under load until load_served. It keeps nothing, so that it always does the same.
loaded_demo() {
	start_demo --gc-keep-every 0
	start_load 3600 /gc
	sleep 0.5
}

# load_served: ends the load. FAILED is what wrk says of requests that failed, SERVED how many there were.
load_served() {
	end "$LOAD" INT
	grep -q 'requests in' load.out
	if grep -E 'Socket errors|Non-2xx' load.out; then return 1; fi
	SERVED=$(awk '/requests in/ { print $1 }' load.out)
	RATE=$(awk '$1 == "Requests/sec:" { print $2 }' load.out)
	[ "$SERVED" -gt 0 ]
}

# sleep_up_to MS: a random time.
sleep_up_to() {
	local ms=$((RANDOM * 32768 + RANDOM))
	ms=$((ms % $1))
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

# rate SECONDS: of the requests that the server answers.
rate() {
	local before
	before=$(stats .requests.gc)
	sleep "$1"
	echo $((($(stats .requests.gc) - before) / $1))
}

# --- requests that are under way ----------------------------------------------------------------------

# profile_begun [PATH]: once exoprof is ready, a request of a minute that requests_over waits for.
profile_begun() {
	wait_for 60 grep -q profiling exoprof.out
	URL=$(grep -o 'https\?://[^ ,]*' exoprof.out | head -n 1)
	curl -sS -o answer -w '%{http_code}' "$URL${1:-profile?seconds=60}" > code 2> curl.err &
	REQUEST=$!
}

# Whatever the answer is, there is an end.
requests_over() {
	[ "${REQUEST:-}" ] || return 0
	wait_for 20 has_ended "$REQUEST"
	wait "$REQUEST" || true
	REQUEST=
}

# one_line FILE: what went wrong is told once, and by exoprof.
one_line() {
	[ "$(wc -l < "$1")" -eq 1 ] && grep -q '^exoprof: ' "$1" || say_and_fail "not one line: $(cat "$1")"
}

# answers: exoprof serves each kind of profile.
answers() {
	local path
	for path in 'profile?seconds=1' heap goroutine block 'wall?seconds=1'; do
		fetch answer "$path"
		[ -s answer ] || say_and_fail "$path is empty"
	done
}

# ended_well: exoprof, on request; ended_silently: it had nothing to say, either.
ended_well() {
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ] || say_and_fail "ended with $STATUS"
}

ended_silently() {
	ended_well
	[ ! -s exoprof.err ] || say_and_fail "exoprof said: $(cat exoprof.err)"
}

# --- neighbours ---------------------------------------------------------------------------------------

# start_own_books [OPTION...]: with the libc that own_libc has made.
start_own_books() {
	start_books LD_LIBRARY_PATH="$BATS_TEST_TMPDIR/lib" books "$@"
}

end_books() {
	end "$TARGET"
	exec 4>&-
	rm -f go
}

# Once it has said that it is there; its probe is in place a moment later.
start_bpftrace() {
	start bpftrace bpftrace -e "BEGIN { printf(\"begun\n\") } uprobe:$LIBC:malloc { @mallocs = count(); }"
	BPFTRACE=$STARTED
	wait_for 60 grep -q begun bpftrace.out
	sleep 0.3
}
