# SPDX-License-Identifier: Apache-2.0
# What exoprof gives up once it is attached: its threads' rights are what the kernel says they are, and
# all its work is still done. That nothing is refused in normal work every test of this suite checks
# (stop_all).

load helpers

user=(setpriv --reuid=65533 --regid=65533 --clear-groups)
six=-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search,+checkpoint_restore,+syslog

# Bits of capabilities, as in linux/capability.h.
dac_read_search=$((1 << 2)) kill=$((1 << 5)) sys_ptrace=$((1 << 19)) sys_admin=$((1 << 21))
syslog=$((1 << 34)) perfmon=$((1 << 38)) bpf=$((1 << 39)) checkpoint_restore=$((1 << 40))
collect=$((bpf | perfmon | sys_ptrace | dac_read_search | checkpoint_restore))
names=$((dac_read_search | syslog))
all_six=$((collect | syslog))

# Kernels of Debian and Ubuntu may want more (docs/reference.md, Rights).
if events_take_admin; then
	collect=$((collect | sys_admin)) all_six=$((all_six | sys_admin))
	six+=,+sys_admin
fi
with_six=("${user[@]}" --inh-caps=$six --ambient-caps=$six --bounding-set=$six)

teardown() {
	stop_all
	if [ -n "${PUBLIC:-}" ]; then rm -r "$PUBLIC"; fi
}

# A user without rights may not get to where this is.
publish() {
	PUBLIC=$(mktemp -d /run/exoprof-test.XXXXXX)
	chmod 755 "$PUBLIC"
	cp "$exoprof" "$PUBLIC"
	chmod 711 "$BATS_TEST_TMPDIR"
}

# start_as NAME COMMAND...: exoprof, as the command runs it.
start_as() {
	local name=$1
	shift
	start "$name" "$@"
	EXOPROF=$STARTED
	wait_for 60 grep -q profiling "$name.out" || { cat "$name.err" >&2; return 1; }
	URL=$(grep -o 'https\?://[^ ,]*' "$name.out" | head -n 1)
}

# A line each: the thread's name, its five sets, whether it gains none, whether it is filtered.
rights() {
	local task
	for task in "/proc/$1/task"/*; do
		awk -v name="$(< "$task/comm")" '
			/^Cap|^NoNewPrivs:|^Seccomp:/ { text = text " " $2 }
			END { print name text }' "$task/status"
	done | sort
}

# right_line NAME CAPABILITIES BOUNDING: as rights() has it for a thread that keeps these.
right_line() {
	printf '%s %016x %016x %016x %016x %016x 1 2\n' "$1" 0 "$2" "$2" "$3" 0
}

# expected_rights BOUNDING MAIN [COLLECT]
expected_rights() {
	{
		right_line exoprof "$2" "$1"
		right_line exoprof-collect "${3:-$collect}" "$1"
		right_line exoprof-http 0 "$1"
		right_line exoprof-names $names "$1"
		right_line exoprof-links 0 "$1"
		right_line exoprof-watch 0 "$1"
	} | sort
}

# has_rights PID BOUNDING MAIN [COLLECT]: its threads get there on their own.
has_rights() {
	expected_rights "${@:2}" > expected
	if wait_for 20 has_expected_rights "$1"; then return; fi
	rights "$1" | diff expected -
}

has_expected_rights() {
	diff expected <(rights "$1")
}

# No thread was refused anything, and all are filtered.
nothing_refused() {
	fetch metrics.txt ../../metrics
	grep -qx 'exoprof_unfiltered_threads 0' metrics.txt
	[ "$(grep -c '^exoprof_refused_system_calls_total{.*} 0$' metrics.txt)" -eq 7 ]
}

@test "root's exoprof keeps what each thread's work takes, and nothing in reserve" {
	start_idle
	start_exoprof -p "$TARGET"
	has_rights "$EXOPROF" 0 0
	nothing_refused
	grep -qE '^Max core file size +0 +0 ' "/proc/$EXOPROF/limits"
}

@test "with six capabilities a user's exoprof keeps the same" {
	publish
	start_idle
	start_as exoprof "${with_six[@]}" "$PUBLIC/exoprof" -p "$TARGET" --listen 127.0.0.1:0
	has_rights "$EXOPROF" $all_six 0
	# Its memory is nobody's: not even its own user's.
	[ "$(stat -c %u "/proc/$EXOPROF/fd")" -eq 0 ]
}

@test "CAP_SYS_ADMIN stays where each probe takes it, and nowhere else" {
	start_demo
	start_exoprof -p "$DEMO" --heap-probes pair
	has_rights "$EXOPROF" 0 0 $((collect | sys_admin))
	curl -s "$DEMO_URL/gc" > /dev/null
	fetch heap.pb.gz heap
	end "$EXOPROF"
	start_exoprof_as heapless -p "$DEMO" --heap-probes pair --no-heap
	has_rights "$EXOPROF" 0 0
}

@test "where a capability is missing the one that stands in for it stays" {
	local caps=-all,+sys_admin,+sys_ptrace,+dac_override
	start_demo
	start_as exoprof setpriv --inh-caps=-all --bounding-set=$caps "$exoprof" -p "$DEMO" --listen 127.0.0.1:0
	has_rights "$EXOPROF" $((sys_admin | sys_ptrace | 1 << 1)) 0 $((sys_admin | sys_ptrace | 1 << 1)) ||
		diff <(rights "$EXOPROF" | grep collect) <(right_line exoprof-collect \
			$((sys_admin | sys_ptrace | 1 << 1)) $((sys_admin | sys_ptrace | 1 << 1)))
	fetch cpu.pb.gz 'profile?seconds=1'
	fetch threads.pb.gz goroutine
}

# What a user without root and with no more than the six sees, of another user's program, when
# everything is asked for.
@test "a user's exoprof does all its work in its sandbox" {
	local socket=exoprof-test-$$
	publish
	start demo setpriv --reuid=1001 --regid=1001 --clear-groups "$demo_server" --listen 127.0.0.1:0
	DEMO=$STARTED
	wait_for 10 grep -q 'listening on' demo.out
	DEMO_URL=$(grep -o 'http://[^ ]*' demo.out)
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -days 2 -subj /CN=x \
		-addext subjectAltName=IP:127.0.0.1 2> /dev/null
	chmod 644 key
	start_as exoprof "${with_six[@]}" "$PUBLIC/exoprof" -p "$DEMO" --follow-children \
		--heap-rate 1 --listen 127.0.0.1:0 --listen "unix:@$socket"
	start_load 20 /gc
	fetch page '../../'
	fetch index ''
	fetch cpu.pb.gz 'profile?seconds=2'
	top cpu.pb.gz cpu | grep gc_heavy_handler
	fetch heap.pb.gz heap
	top heap.pb.gz alloc_space | grep gc_heavy_handler
	for kind in allocs block mutex goroutine threadcreate; do
		fetch "$kind.pb.gz" "$kind"
		go tool pprof -raw "$kind.pb.gz" > /dev/null 2>&1
		[ "$kind" = threadcreate ] || fetch "$kind.txt" "$kind?debug=1"
	done
	samples goroutine.pb.gz | grep ';main;'
	fetch wall.pb.gz 'wall?seconds=1'
	[ "$(total wall.pb.gz 1)" -gt 0 ]
	fetch graph.html 'profile?seconds=1&format=flamegraph'
	fetch status.json ../../api/status
	jq -e '.self.rss_bytes > 1000000 and .targets[0].alive' status.json
	for kind in profile heap; do
		[ "$(curl -s -o snapshot.json -w '%{http_code}' -X POST \
			"${URL%/debug/pprof/}/api/snapshots?profile=$kind&seconds=1")" = 201 ]
	done
	fetch tree.json "../../api/snapshots/1?format=tree"
	curl -s --abstract-unix-socket "$socket" http://x/debug/pprof/cmdline | grep -q demo
	nothing_refused
	grep -q '^process_open_fds [1-9]' metrics.txt
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	has_rights_over_tls
}

has_rights_over_tls() {
	start_as secure "${with_six[@]}" "$PUBLIC/exoprof" -p "$DEMO" --no-heap \
		--tls-cert "$PWD/certificate" --tls-key "$PWD/key" --listen 127.0.0.1:0
	curl -sS --cacert certificate "${URL}cmdline" | grep -q demo
	curl -sS --cacert certificate --http1.1 "${URL}goroutine" > threads.pb.gz
	go tool pprof -raw threads.pb.gz > /dev/null 2>&1
	has_rights "$EXOPROF" $all_six 0
}

@test "what comes after the drop is followed: children, what they execute, libraries" {
	publish
	start_fed family "$targets/family"
	start_as exoprof "${with_six[@]}" "$PUBLIC/exoprof" -p "$TARGET" --follow-children \
		--heap-rate 1 --listen 127.0.0.1:0
	has_rights "$EXOPROF" $all_six 0
	printf 1 >&4
	wait_for 10 grep -qx grown family.out
	fetch cpu.pb.gz 'profile?seconds=2'
	samples cpu.pb.gz | grep burn_worker
	samples cpu.pb.gz | grep burn_executed
	nothing_refused
}

@test "record, run and top give up their rights, and write what they are asked for" {
	start_target burn
	start record "$exoprof" record -p "$TARGET" -d 5 -o record.pb.gz
	wait_for 60 grep -q '^Seccomp:.*2' "/proc/$STARTED/status"
	rights "$STARTED" | grep -qx "$(right_line exoprof 0 0)"
	wait "$STARTED"
	top record.pb.gz cpu | grep burn_
	start run "$exoprof" run -o run.pb.gz -- "$targets/leak" 1
	wait "$STARTED"
	[ -s run.pb.gz ]
	start top "$exoprof" top -p "$TARGET" --plain --iterations 4 --delay 1
	wait_for 60 grep -q '^Seccomp:.*2' "/proc/$STARTED/status"
	wait "$STARTED"
	grep burn_ top.out
}

@test "a command that exoprof runs has the rights that its user has" {
	cat > command << 'END'
grep -E '^(Cap|NoNewPrivs|Seccomp:|SigBlk)' /proc/self/status
ulimit -c
stat -c %u /proc/self/fd
sleep 1
END
	ulimit -c 1000
	bash command > alone.txt
	"$exoprof" run --no-heap --listen 127.0.0.1:0 -- bash command > under.txt
	diff alone.txt under.txt
}

@test "a signal reaches a command that has become another user's" {
	start run "$exoprof" run --no-heap --listen 127.0.0.1:0 -- \
		setpriv --reuid=1001 --regid=1001 --clear-groups sleep 1000
	EXOPROF=$STARTED
	wait_for 60 grep -q profiling run.err
	wait_for 60 grep -q '^Seccomp:.*2' "/proc/$EXOPROF/status"
	rights "$EXOPROF" | grep -qx "$(right_line exoprof $kill 0)"
	end "$EXOPROF"
	[ "$STATUS" -eq $((128 + 15)) ]
}

# By a debugger in the event loop's thread: as if a request had taken it over.
@test "a system call that a thread has no business with is refused, counted and told of" {
	local thread task
	start_idle
	start_exoprof -p "$TARGET"
	for task in "/proc/$EXOPROF/task"/*; do
		if [ "$(< "$task/comm")" = exoprof-http ]; then thread=${task##*/}; fi
	done
	gdb -nx -batch -p "$thread" -ex 'handle SIGSYS nostop noprint pass' \
		-ex 'print ((long (*)(long, ...))syscall)(59, 0, 0, 0)' > gdb.txt 2>&1
	grep -x '$1 = -1' gdb.txt
	fetch metrics.txt ../../metrics
	grep -x 'exoprof_refused_system_calls_total{thread="exoprof-http"} 1' metrics.txt
	grep '^exoprof: refused exoprof-http system call 59,' exoprof.err
	: > exoprof.err
}

@test "the sandbox can be switched off, which is said and measured" {
	start_idle
	EXOPROF_SANDBOX=off start_exoprof -p "$TARGET"
	grep -x 'exoprof: EXOPROF_SANDBOX is off: .*' exoprof.err
	fetch metrics.txt ../../metrics
	grep -x 'exoprof_unfiltered_threads [1-9]' metrics.txt
	[ "$(rights "$EXOPROF" | awk '{ print $7, $8 }' | sort -u)" = "0 0" ]
	EXOPROF_SANDBOX=off run -0 "$exoprof" check
	[[ $output == *'EXOPROF_SANDBOX is set'* ]]
}
