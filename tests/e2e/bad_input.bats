# SPDX-License-Identifier: Apache-2.0
# What cannot be done is said in one clear line, and harms nobody.

load helpers

# refused STATUS TEXT COMMAND...: ends with the status and one line on stderr that has the text. argp
# adds a line that begins with "Try".
refused() {
	local expected=$1 text=$2
	shift 2
	run --separate-stderr timeout 20 "$@"
	echo "=> $status, out: $output, err: $stderr"
	[ "$status" -eq "$expected" ] || return 1
	[ -z "$output" ] || return 1
	[ "$(grep -vc '^Try ' <<< "$stderr")" -eq 1 ] || return 1
	[[ "$stderr" == exoprof* ]] || return 1
	grep -qF -- "$text" <<< "$stderr"
}

@test "a pid that is no process' is refused" {
	refused 1 'pid 99999999: no such process' "$exoprof" -p 99999999
	refused 1 'pid 2147483647: no such process' "$exoprof" serve -p 2147483647
	refused 1 'pid 99999999: no such process' "$exoprof" record -p 99999999 -o x.pb.gz
}

@test "a pid that is no number, or out of range, is a usage error" {
	local pid
	for pid in x 0 -5 99999999999 99999999999999999999 '' '12 ' 1.5 0x10; do
		refused 2 "'$pid' is not a number from 1 to" "$exoprof" "--pid=$pid"
	done
	refused 2 'Give its pid with -p' "$exoprof" serve
	refused 2 'Give its pid with -p' "$exoprof" record
}

@test "a kernel thread is refused" {
	refused 1 'pid 2: it is a kernel thread' "$exoprof" -p 2
}

@test "exoprof itself is refused" {
	refused 1 'that is exoprof itself' sh -c "exec '$exoprof' -p \$\$"
}

@test "the id of a thread is refused" {
	start_target burn
	local thread
	thread=$(ls "/proc/$TARGET/task" | sort -n | tail -n 1)
	[ "$thread" != "$TARGET" ]
	refused 1 "pid $thread: it is the id of a thread" "$exoprof" -p "$thread"
	kill -0 "$TARGET"
}

zombie_of() {
	ZOMBIE=$(pgrep -P "$1") && grep -q '^State:.*Z' "/proc/$ZOMBIE/status"
}

@test "a zombie is refused" {
	start parent sh -c 'sleep 0 & exec sleep 1000'
	wait_for 10 zombie_of "$STARTED"
	zombie_of "$STARTED"
	refused 1 "pid $ZOMBIE: no such process" "$exoprof" -p "$ZOMBIE"
}

@test "without arguments exoprof tells how it is used" {
	run -2 "$exoprof"
	[[ "$output" == "Usage: exoprof"* ]]
	run -0 "$exoprof" --help
	[[ "$output" == "Usage: exoprof"* ]]
}

@test "unknown commands, options and arguments are usage errors" {
	refused 2 "no command 'profile'" "$exoprof" profile
	refused 2 "'--nosuch'" "$exoprof" -p $$ --nosuch
	refused 2 "'--duration'" "$exoprof" serve -p $$ --duration 3
	refused 2 "what is 'extra'" "$exoprof" -p $$ extra
	refused 2 'which command' "$exoprof" run
}

@test "bad values of options are usage errors that name the option" {
	start_idle
	local value
	for value in 0 x 1T -1 999999999999999G ''; do
		refused 2 "--heap-rate: '$value'" "$exoprof" -p "$TARGET" "--heap-rate=$value"
	done
	for value in 0 -1 100000 x; do
		refused 2 "--frequency: '$value'" "$exoprof" -p "$TARGET" "--frequency=$value"
	done
	refused 2 "--heap-probes: 'some'" "$exoprof" -p "$TARGET" --heap-probes some
	for value in x 0 -1 100.1 5% nan inf ''; do
		refused 2 "--heap-budget: '$value'" "$exoprof" -p "$TARGET" "--heap-budget=$value"
	done
	for value in 0 31M x 1T ''; do
		refused 2 "--symbol-memory: '$value'" "$exoprof" -p "$TARGET" "--symbol-memory=$value"
	done
	refused 2 "--format: 'gif'" "$exoprof" record -p "$TARGET" --format gif
	refused 2 "--type: 'disk'" "$exoprof" record -p "$TARGET" --type disk
	refused 2 "--duration: '0'" "$exoprof" record -p "$TARGET" --duration 0
	kill -0 "$TARGET"
}

@test "a place to listen at that is none is refused" {
	start_idle
	local place
	for place in garbage 127.0.0.1: 127.0.0.1:65536 127.0.0.1:99999 127.0.0.1:-1 127.0.0.1:http; do
		refused 2 "--listen: '$place': " "$exoprof" -p "$TARGET" --listen "$place"
	done
	kill -0 "$TARGET"
}

@test "a port in use is refused before the target is touched" {
	start_demo
	local place=${DEMO_URL#http://}
	refused 1 "cannot listen on $place: Address already in use" "$exoprof" -p "$DEMO" --listen "$place"
	refused 1 "cannot listen on $place: Address already in use" "$exoprof" run --listen "$place" -- touch ran
	[ ! -e ran ]
	[ "$(curl -sS "$DEMO_URL/fast")" = "fast response" ]
}

@test "a file that cannot be written is refused at once" {
	start_idle
	refused 1 'cannot write nowhere/x.pb.gz: No such file or directory' "$exoprof" record -p "$TARGET" -o nowhere/x.pb.gz
	refused 1 "cannot write $PWD: Is a directory" "$exoprof" record -p "$TARGET" -o "$PWD"
	refused 1 'cannot write nowhere/x.pb.gz: No such file or directory' "$exoprof" run --listen 127.0.0.1:0 -o nowhere/x.pb.gz -- touch ran
	[ ! -e ran ]
	kill -0 "$TARGET"
}

@test "a profile that was not taken leaves no file" {
	refused 1 'no such process' "$exoprof" record -p 99999999
	refused 1 'no such process' "$exoprof" record -p 99999999 -o x.svg
	ls
	[ ! -e cpu.pb.gz ]
	[ ! -e x.svg ]
}

# Where anybody may read and run it, unlike the working copy, perhaps.
copy_for_all() {
	PLACE=$(mktemp -d /tmp/exoprof-e2e.XXXXXX)
	cp "$exoprof" "$PLACE/exoprof"
	chmod -R 755 "$PLACE"
}

@test "who is not root is told what is needed" {
	copy_for_all
	start root sleep 1000
	local root_pid=$STARTED
	start nobody setpriv --reuid=65534 --regid=65534 --clear-groups sleep 1000
	local own_pid=$STARTED pid
	for pid in $own_pid $root_pid; do
		refused 1 "cannot attach to pid $pid: " \
			setpriv --reuid=65534 --regid=65534 --clear-groups "$PLACE/exoprof" -p "$pid"
		grep -qE 'CAP_BPF|sudo|root' <<< "$stderr"
	done
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$PLACE/exoprof" check
	echo "$output"
	[ "$status" -eq 1 ]
	grep -q '^FAIL  CAP_BPF' <<< "$output"
	grep -qx 'exoprof does not work here as it is.' <<< "$output"
	rm -r "$PLACE"
}

# --- HTTP -----------------------------------------------------------------------------------------

@test "HTTP: an unknown profile is 404, and pprof shows why" {
	start_idle
	start_exoprof -p "$TARGET"
	answer 404 /debug/pprof/nosuch
	is_error 'Unknown profile'
	answer 404 /debug/pprof/heap/x
	is_error 'Unknown profile'
	answer 404 /debug/pprof/heapx
	answer 404 /favicon.ico
	run go tool pprof -top "${URL}nosuch"
	[ "$status" -ne 0 ]
	grep -q 'Unknown profile' <<< "$output"
}

@test "HTTP: bad parameters are 400, and what the contract lets pass is taken for the default" {
	start_idle
	start_exoprof -p "$TARGET"
	local path
	for path in 'heap?seconds=x' 'heap?seconds=-1' 'heap?seconds=0' 'allocs?seconds=1.5' \
		'heap?seconds=99999999' 'heap?seconds=99999999999999999999' 'profile?seconds=99999999'; do
		answer 400 "/debug/pprof/$path"
		is_error seconds
	done
	answer 400 '/debug/pprof/heap?seconds=1&debug=1'
	is_error 'seconds and debug'
	for path in 'heap?preattach=2' 'heap?preattach=x' 'heap?preattach=1&seconds=1'; do
		answer 400 "/debug/pprof/$path"
		is_error preattach
	done
	for path in 'heap?format=x' 'allocs?format=' 'profile?seconds=1&format=gif'; do
		answer 400 "/debug/pprof/$path"
		is_error format
	done
	# 30 seconds; curl gives up before (28), which is no harm.
	for path in 'profile?seconds=-1' 'profile?seconds=x' 'profile'; do
		run -28 curl -sS --max-time 1 "$URL$path"
	done
	answer 200 /debug/pprof/heap
}

@test "HTTP: only GET and HEAD" {
	start_idle
	start_exoprof -p "$TARGET"
	local method
	for method in POST PUT DELETE OPTIONS; do
		answer 405 /debug/pprof/heap -X $method
		has 'allow: GET, HEAD'
		is_error 'GET and HEAD'
	done
	answer 405 /debug/pprof/ -X POST
	answer 405 /debug/pprof/cmdline --data x
}

@test "HTTP: every answer has its headers" {
	start_idle
	start_exoprof -p "$TARGET"
	answer 200 '/debug/pprof/profile?seconds=1'
	has 'content-type: application/octet-stream'
	has 'content-disposition: attachment; filename="profile"'
	answer 200 /debug/pprof/heap
	has 'content-type: application/octet-stream'
	has 'content-disposition: attachment; filename="heap"'
	answer 200 '/debug/pprof/heap?gc=1'
	answer 200 /debug/pprof/allocs
	has 'content-disposition: attachment; filename="allocs"'
	answer 200 '/debug/pprof/heap?seconds=1'
	has 'content-disposition: attachment; filename="heap-delta"'
	answer 200 '/debug/pprof/heap?format=folded'
	has 'content-type: text/plain; charset=utf-8'
	answer 200 '/debug/pprof/profile?seconds=1&format=flamegraph'
	has 'content-type: image/svg+xml.*'
	answer 200 '/debug/pprof/heap?format=speedscope'
	has 'content-type: application/json'
	jq -e '.profiles | length == 4' body
	answer 200 /debug/pprof/
	has 'content-type: text/html; charset=utf-8'
	answer 200 /debug/pprof/cmdline
	has 'content-type: text/plain; charset=utf-8'
}

@test "HTTP: HEAD answers as GET would, at once and without a body" {
	start_idle
	start_exoprof -p "$TARGET"
	local path
	for path in heap allocs 'profile?seconds=30' cmdline ''; do
		answer 200 "/debug/pprof/$path" --head --max-time 5
	done
	answer 404 /debug/pprof/nosuch --head
}

@test "HTTP: cmdline is the target's, NUL-separated" {
	start idle bash -c 'exec -a "a name with blanks" sleep 1000'
	wait_for 10 grep -q blanks "/proc/$STARTED/cmdline"
	start_exoprof -p "$STARTED"
	answer 200 /debug/pprof/cmdline
	printf 'a name with blanks\0001000' | cmp - body
}

@test "HTTP: the index shows a hostile command line as text" {
	start idle bash -c 'exec -a "<script>alert(\"1&2\")</script>" sleep 1000'
	wait_for 10 grep -q script "/proc/$STARTED/cmdline"
	start_exoprof -p "$STARTED"
	answer 200 /debug/pprof/
	not grep -q '<script' body
	grep -qF '&lt;script&gt;alert(&quot;1&amp;2&quot;)&lt;/script&gt; 1000' body
	grep -q 'href="heap"' body
}

@test "HTTP: the index without its last slash leads to the index" {
	start_idle
	start_exoprof -p "$TARGET"
	answer 301 /debug/pprof
	has 'location: /debug/pprof/'
	answer 200 /debug/pprof --location
	grep -q '<h1>/debug/pprof/</h1>' body
}

@test "HTTP/2 works without an upgrade" {
	start_target burn
	start_exoprof -p "$TARGET"
	answer 200 /debug/pprof/heap --http2-prior-knowledge
	grep -q '^HTTP/2 200' head
	has 'content-type: application/octet-stream'
	gzip -t body
	answer 200 '/debug/pprof/profile?seconds=1' --http2-prior-knowledge
	go tool pprof -top body | grep burn_a
	answer 404 /debug/pprof/nosuch --http2-prior-knowledge
}

@test "HTTP: what is no request at all does no harm" {
	start_idle
	start_exoprof -p "$TARGET"
	local port=${URL#http://127.0.0.1:}
	port=${port%%/*}
	head -c 20000 /dev/zero | timeout 5 bash -c "cat > /dev/tcp/127.0.0.1/$port" || true
	printf 'GET\r\n\r\n' | timeout 5 bash -c "cat > /dev/tcp/127.0.0.1/$port" || true
	run curl -sS -o body -w '%{http_code}' "${URL}heap?$(head -c 100000 /dev/zero | tr '\0' x)"
	echo "$output"
	answer 200 /debug/pprof/heap
}

@test "record: a heap that cannot be followed is refused in one line, and leaves no file" {
	start_fed waits "$targets/waits-static"
	run -1 --separate-stderr "$exoprof" record -p "$TARGET" --type heap -d 1 -o heap.pb.gz
	echo "$stderr"
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == "exoprof: no heap profile: no file that the target has mapped has symbols for malloc and free ("* ]]
	[ ! -e heap.pb.gz ]
}
