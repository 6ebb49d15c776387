# SPDX-License-Identifier: Apache-2.0
# The process that reads the targets' files for unwind rows: what it may do, and what becomes of stacks
# where it is killed, held up, or cannot be had.

load helpers

# A library whose rows take it some time, 0.9 of the 1.5 million of it and what it needs. Whoever builds
# exoprof has it.
slow=/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1

nursery_of() { pgrep -P "$1" -x exoprof-nursery; }
reader_of() { pgrep -P "$(nursery_of "$1")" -x exoprof-rows; }

# begin_exoprof [OPTION...]: does not wait until it profiles.
begin_exoprof() {
	start exoprof "$exoprof" "$@" --listen 127.0.0.1:0
	EXOPROF=$STARTED
}

await_exoprof() {
	wait_for 60 grep -q profiling exoprof.out
	URL=$(grep -o 'https\?://[^ ,]*' exoprof.out | head -n 1)
}

# catch_reader SIGNAL: sent to the process as it reads the slow library. READER is its pid.
catch_reader() {
	local deadline=$((SECONDS + 60))
	until READER=$(reader_of "$EXOPROF") && ls -l "/proc/$READER/fd" 2> /dev/null | grep -q "${slow##*/}" &&
		kill "-$1" "$READER"; do
		[ "$SECONDS" -lt "$deadline" ] || say_and_fail "nobody reads $slow"
	done
}

# value NAME: of a metric.
value() { curl -sSf "${URL%/debug/pprof/}/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }

restarts() { value "exoprof_unwind_restarts_total{reason=\"$1\"}"; }

unread() {
	comments "$1" | sed -n 's/^\([0-9]*\) files have no unwind rows because .*/\1/p'
}

start_slow_burn() {
	start target env LD_PRELOAD="$slow" "$targets/burn"
	TARGET=$STARTED
	wait_for 10 grep -q ready target.out
}

@test "who reads rows has no capability, no user, no system call but what reading takes, and soon is gone" {
	start_slow_burn
	begin_exoprof -p "$TARGET"
	catch_reader STOP
	cat "/proc/$READER/status"
	[ "$(process_status "$READER" CapInh CapPrm CapEff CapBnd CapAmb | sort -u)" = 0000000000000000 ]
	[ "$(process_status "$READER" Uid Gid | sort -u)" = '65534 65534 65534 65534' ]
	[ -z "$(process_status "$READER" Groups | tr -d ' ')" ]
	[ "$(process_status "$READER" NoNewPrivs)" = 1 ]
	[ "$(process_status "$READER" Seccomp)" = 2 ]
	[ "$(stat -c %u "/proc/$READER/maps")" = 0 ]
	grep -q '^Max core file size  *0  *0 ' "/proc/$READER/limits"
	grep -q '^Max data size  *2147483648 ' "/proc/$READER/limits"
	# The file, and whom it answers.
	ls -l "/proc/$READER/fd"
	not grep -vE '^total|/dev/null$|socket:|libLLVM' <(ls -l "/proc/$READER/fd")
	kill -CONT "$READER"
	await_exoprof
	[ -z "$(reader_of "$EXOPROF")" ]
	fetch p.pb.gz 'profile?seconds=1'
	has_burn_stacks p.pb.gz
	[ -z "$(unread p.pb.gz)" ]
	[ "$(value exoprof_unwind_rows)" -gt 1000000 ]
	[ "$(restarts died)" -eq 0 ]
	[ "$(restarts hung)" -eq 0 ]
	[ "$(restarts malformed)" -eq 0 ]
	[ ! -s exoprof.err ]
}

@test "a reader of rows that is killed in the middle of a file is replaced, and nothing is lost" {
	start_slow_burn
	begin_exoprof -p "$TARGET"
	catch_reader KILL
	await_exoprof
	fetch p.pb.gz 'profile?seconds=1'
	has_burn_stacks p.pb.gz
	[ -z "$(unread p.pb.gz)" ]
	[ "$(value exoprof_unwind_rows)" -gt 1000000 ]
	[ "$(restarts died)" -eq 1 ]
	[ "$(value exoprof_unwind_failed_files_total)" -eq 0 ]
	# Nothing is said of what nobody misses.
	[ ! -s exoprof.err ]
}

@test "a file over which it dies again has no rows, and all others have theirs" {
	start_slow_burn
	begin_exoprof -p "$TARGET"
	catch_reader KILL
	catch_reader KILL
	await_exoprof
	fetch p.pb.gz 'profile?seconds=1'
	has_burn_stacks p.pb.gz
	[ "$(unread p.pb.gz)" = 1 ]
	[ "$(value exoprof_unwind_rows)" -gt 10000 ]
	[ "$(value exoprof_unwind_rows)" -lt 1000000 ]
	[ "$(restarts died)" -eq 2 ]
	[ "$(value exoprof_unwind_failed_files_total)" -eq 1 ]
	cat exoprof.err
	[ "$(wc -l < exoprof.err)" -eq 1 ]
	grep -q 'reading .*libLLVM.* for unwind rows, the process that does so died; ' exoprof.err
	# It is remembered: nobody tries again.
	start_slow_burn
	fetch threads.pb.gz goroutine
	[ "$(restarts died)" -eq 2 ]
}

@test "a file that keeps it busy does not hold exoprof up for long" {
	start_slow_burn
	begin_exoprof -p "$TARGET"
	catch_reader STOP
	SECONDS=0
	await_exoprof
	[ "$SECONDS" -le 25 ]
	is_gone "$READER"
	fetch p.pb.gz 'profile?seconds=1'
	has_burn_stacks p.pb.gz
	[ "$(unread p.pb.gz)" = 1 ]
	[ "$(restarts hung)" -eq 1 ]
	[ "$(restarts died)" -eq 0 ]
	[ "$(value exoprof_unwind_failed_files_total)" -eq 1 ]
	grep -q 'libLLVM.* gave no answer in time' exoprof.err
}

@test "without a process to fork readers from new files have no rows, and it is said" {
	mkfifo go
	start target bash -c "read -r < go; exec '$targets/burn'"
	TARGET=$STARTED
	start_exoprof -p "$TARGET"
	kill -KILL "$(nursery_of "$EXOPROF")"
	echo > go
	wait_for 10 grep -q ready target.out
	fetch p.pb.gz 'profile?seconds=1'
	[ "$(unread p.pb.gz)" = 1 ]
	[ "$(value exoprof_unwind_failed_files_total)" -eq 1 ]
	# It has frame pointers.
	samples p.pb.gz | tee samples
	grep -q ';burn_a;middle;outer;' samples
	cat exoprof.err
	grep -q 'no process that could read files for unwind rows' exoprof.err
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
}
