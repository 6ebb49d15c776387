# SPDX-License-Identifier: Apache-2.0
# The process that reads the targets' files for names: what it may do, and what becomes of a profile
# where it is killed, held up, or cannot be had.

load helpers

nursery_of() { pgrep -P "$1" -x exoprof-nursery; }
worker_of() { pgrep -P "$(nursery_of "$1")" -x exoprof-worker; }

# An answer that takes the worker to read a few of the target's addresses, and so is there.
start_worker() {
	fetch threads.pb.gz goroutine
	WORKER=$(worker_of "$EXOPROF")
	NURSERY=$(nursery_of "$EXOPROF")
}

restarts() {
	curl -sSf "${URL%/debug/pprof/}/metrics" |
		awk -v name="exoprof_symbolizer_restarts_total{reason=\"$1\"}" '$1 == name { print $2 }'
}

is_recording() { [ "$(count_links "$1" '^cpu_')" -gt 0 ]; }

lost() {
	comments "$1" | sed -n 's/^\([0-9]*\) addresses have no name because .*/\1/p'
}

@test "who reads the targets' files has no capability, no user, no system call but what reading takes" {
	start_target burn
	start_exoprof -p "$TARGET"
	start_worker
	fetch p.pb.gz 'profile?seconds=1'
	has_burn_stacks p.pb.gz
	cat "/proc/$WORKER/status"
	for pid in "$NURSERY" "$WORKER"; do
		[ "$(process_status "$pid" CapInh CapPrm CapEff CapBnd CapAmb | sort -u)" = 0000000000000000 ]
		[ "$(process_status "$pid" Uid Gid | sort -u)" = '65534 65534 65534 65534' ]
		[ -z "$(process_status "$pid" Groups | tr -d ' ')" ]
		[ "$(process_status "$pid" NoNewPrivs)" = 1 ]
		# Nobody's other processes may not look into it.
		[ "$(stat -c %u "/proc/$pid/maps")" = 0 ]
		grep -q '^Max core file size  *0  *0 ' "/proc/$pid/limits"
	done
	[ "$(process_status "$WORKER" Seccomp)" = 2 ]
	# It has what it reads, and whom it answers.
	ls -l "/proc/$WORKER/fd"
	not grep -vE '^total|/dev/null$|socket:|/statm$|burn$|\.so(\.[0-9]+)*$|\.debug$|vdso' <(ls -l "/proc/$WORKER/fd")
	not grep -qE 'bpf|perf_event' <(ls -l "/proc/$NURSERY/fd")
	[ "$(restarts died)" -eq 0 ]
	[ "$(restarts hung)" -eq 0 ]
	[ "$(restarts malformed)" -eq 0 ]
	curl -sSf "${URL%/debug/pprof/}/metrics" | grep -E '^exoprof_(symbolizer|workers)' | tee metrics
	[ "$(awk '$1 == "exoprof_workers_resident_bytes" { print $2 }' metrics)" -gt 1000000 ]
	[ ! -s exoprof.err ]
}

@test "a worker that is killed between two profiles is replaced, and nothing is lost" {
	start_target burn
	start_exoprof -p "$TARGET"
	start_worker
	kill -KILL "$WORKER"
	fetch p.pb.gz 'profile?seconds=1'
	has_burn_stacks p.pb.gz
	[ -z "$(lost p.pb.gz)" ]
	[ "$(restarts died)" -eq 1 ]
	[ "$(worker_of "$EXOPROF")" != "$WORKER" ]
	# Nothing is said of what nobody misses.
	[ ! -s exoprof.err ]
}

@test "a worker that is killed while it is asked costs one name, and the next profile has it" {
	start_target burn
	start_exoprof -p "$TARGET"
	start_worker
	kill -STOP "$WORKER"
	fetch p.pb.gz 'profile?seconds=1' & local fetching=$!
	sleep 2.5
	kill -KILL "$WORKER"
	wait $fetching
	[ "$(lost p.pb.gz)" = 1 ]
	[ "$(restarts died)" -eq 1 ]
	cat exoprof.err
	[ "$(wc -l < exoprof.err)" -eq 1 ]
	grep -q 'reading .* for names, the process that does so died at 0x' exoprof.err
	fetch p.pb.gz 'profile?seconds=1'
	has_burn_stacks p.pb.gz
	[ -z "$(lost p.pb.gz)" ]
}

@test "a worker that hangs does not hold a profile up for long" {
	start_target burn
	start_exoprof -p "$TARGET"
	start_worker
	kill -STOP "$WORKER"
	SECONDS=0
	fetch p.pb.gz 'profile?seconds=1'
	[ "$SECONDS" -le 16 ]
	[ "$(lost p.pb.gz)" = 1 ]
	[ "$(restarts hung)" -eq 1 ]
	is_gone "$WORKER"
	grep -q 'gave no answer' exoprof.err
	fetch p.pb.gz 'profile?seconds=1'
	has_burn_stacks p.pb.gz
}

@test "without a process to fork workers from addresses stay addresses" {
	start_target burn
	start_exoprof -p "$TARGET"
	start_worker
	kill -KILL "$NURSERY"
	wait_for 5 is_gone "$WORKER"
	SECONDS=0
	for _ in 1 2; do
		fetch p.pb.gz 'profile?seconds=1'
		[ "$(lost p.pb.gz)" -gt 0 ]
		samples p.pb.gz | grep -q ';\[burn+0x[0-9a-f]*\];'
	done
	[ "$SECONDS" -le 10 ]
	cat exoprof.err
	[ "$(wc -l < exoprof.err)" -eq 1 ]
	grep -q 'addresses stay addresses' exoprof.err
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
}

# A nursery that is stopped is another user's, whom exoprof has given up the right to kill: it ends once
# it goes on.
@test "no process is left, however exoprof ends, and whatever state the others are in" {
	start_target burn
	for signal in TERM INT KILL; do
		for stopped in "" WORKER NURSERY; do
			start_exoprof -p "$TARGET"
			start_worker
			[ -z "$stopped" ] || kill -STOP "${!stopped}"
			end "$EXOPROF" $signal
			[ "$stopped" != NURSERY ] || kill -CONT "$NURSERY"
			wait_for 5 is_gone "$NURSERY"
			wait_for 5 is_gone "$WORKER"
		done
	done
}

@test "record: Ctrl-C in a terminal, which all of the group get, does not cost the names" {
	start_target burn
	start recorder setsid "$exoprof" record -p "$TARGET" -d 60 --type cpu -o p.pb.gz
	# It samples: there is something to name.
	wait_for 60 is_recording "$STARTED"
	sleep 1
	kill -INT -- "-$STARTED"
	wait_for 15 has_ended "$STARTED"
	has_burn_stacks p.pb.gz
	[ -z "$(lost p.pb.gz)" ]
}
