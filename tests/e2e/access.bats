#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who may ask: places, tokens, names, pages of others; and what holds under attack: so many profiles,
# connections and bytes at once, and nothing that a client sends or leaves out ends exoprof.

load helpers

TOKEN=a-token-of-the-tests-0123456789

write_tokens() {
	(umask 077; printf '%s\n' "$TOKEN" "$TOKEN-new" > tokens)
}

make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out cert -subj /CN=all -days 2 \
		-addext subjectAltName=IP:127.0.0.1 -addext extendedKeyUsage=serverAuth,clientAuth 2> /dev/null
}

# --- where, and for whom --------------------------------------------------------------------------

# refuses TEXT OPTION...: it does not start, and says so in one line.
refuses() {
	run -1 --separate-stderr timeout 20 "$exoprof" -p "$TARGET" "${@:2}"
	echo "$stderr"
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *"$1"* ]]
}

# starts OPTION...
starts() {
	start_exoprof_as "with-${#STARTS[@]}" -p "$TARGET" --no-heap --no-offcpu "$@"
	STARTS+=("$EXOPROF")
	end "$EXOPROF"
}

@test "where others reach it it listens only when told to, and for those alone who have a key" {
	start_idle
	write_tokens
	make_certificate
	local place STARTS=()
	for place in 0.0.0.0:0 :0 '[::]:0'; do
		refuses 'give --allow-remote' --listen "$place"
		refuses 'give --token-file' --listen "$place" --allow-remote
	done
	refuses 'give --allow-remote' --listen 127.0.0.1:0 --listen 0.0.0.0:0 --token-file tokens
	refuses 'give --allow-remote' --listen 0.0.0.0:0 --insecure
	# TLS alone lets everybody in.
	refuses 'give --token-file' --listen 0.0.0.0:0 --allow-remote --tls-cert cert --tls-key key
	starts
	starts --listen "unix:$PWD/sock"
	starts --listen 0.0.0.0:0 --allow-remote --token-file tokens
	starts --listen 0.0.0.0:0 --allow-remote --insecure
	starts --listen 0.0.0.0:0 --allow-remote --tls-cert cert --tls-key key --tls-client-ca cert
	starts --listen 0.0.0.0:0 --allow-remote --tls-cert cert --tls-key key --token-file tokens
	grep -c 'tokens cross the network' with-*.err > warned || true
	diff warned - <<< $'with-0.err:0\nwith-1.err:0\nwith-2.err:1\nwith-3.err:0\nwith-4.err:0\nwith-5.err:0'
}

@test "a file of tokens that others can read, or that has none, is refused, and not shown" {
	start_idle
	refuses 'No such file' --token-file nosuch
	write_tokens
	chmod 644 tokens
	refuses 'chmod 600' --token-file tokens
	echo short > tokens
	chmod 600 tokens
	refuses 'openssl rand' --token-file tokens
	[[ $stderr != *short* ]]
}

@test "with a token nothing is answered without it but the probes" {
	start_idle
	write_tokens
	start_exoprof -p "$TARGET" --token-file tokens
	local path
	for path in / /page.js /debug/pprof/ /debug/pprof/heap /debug/pprof/profile?seconds=1 /debug/pprof/nosuch /metrics \
		/api/status /debug/pprof/cmdline /nosuch; do
		answer 401 "$path"
		is_error 'Authorization: Bearer TOKEN'
		has 'www-authenticate: Bearer .*'
		has 'www-authenticate: Basic .*'
	done
	answer 401 '/api/snapshots?profile=heap' -X POST
	answer 401 /debug/pprof/symbol --data 0x1
	answer 200 /healthz
	answer 200 /readyz
	for path in / /debug/pprof/heap /metrics /api/status; do
		answer 200 "$path" -H "Authorization: Bearer $TOKEN"
		answer 200 "$path" -H "Authorization: Bearer $TOKEN-new" --http2-prior-knowledge
		answer 200 "$path" -u "anybody:$TOKEN"
	done
	for path in "${TOKEN%9}" "${TOKEN}0" "$TOKEN " 'x' ''; do
		answer 401 /metrics -H "Authorization: Bearer $path"
		answer 401 /metrics -u "x:$path"
	done
	answer 401 /metrics -H "Authorization: $TOKEN"
	answer 401 /metrics -H "X-Token: $TOKEN"
	answer 401 "/metrics?token=$TOKEN"
	not grep -rF "$TOKEN" exoprof.out exoprof.err
	answer 200 /metrics -u "x:$TOKEN"
	not grep -F "$TOKEN" body
}

@test "go tool pprof has the token in the URL, and the profile has it not" {
	start_target burn
	write_tokens
	start_exoprof -p "$TARGET" --token-file tokens
	go tool pprof -proto -output p.pb.gz "${URL/:\/\//:\/\/x:$TOKEN@}profile?seconds=1" > /dev/null 2>&1
	samples p.pb.gz | grep -q burn_a
	not grep -F "$TOKEN" <(gunzip -c p.pb.gz)
	run -1 go tool pprof -proto -output none.pb.gz "${URL}heap"
	[[ $output == *'a token is needed'* ]]
}

@test "a unix socket's file needs no token, a name without a file does" {
	start_idle
	write_tokens
	start_exoprof -p "$TARGET" --token-file tokens --listen "unix:$PWD/sock" --listen "unix:@$PWD/name"
	[ "$(stat -c %a sock)" = 600 ]
	answer 200 /metrics --unix-socket sock
	answer 401 /metrics --abstract-unix-socket "$PWD/name"
	answer 200 /metrics --abstract-unix-socket "$PWD/name" -u "x:$TOKEN"
	answer 200 /metrics --unix-socket sock -H 'Host: evil.example'
}

@test "names that are not this server's are refused" {
	start_idle
	start_exoprof -p "$TARGET" --allow-host profiler.example --allow-host other
	local host port
	port=$(grep -oE '[0-9]+/' <<< "$URL")
	port=${port%/}
	for host in localhost "localhost:$port" 127.0.0.1 '[::1]:1' 10.1.2.3 a.localhost profiler.example \
		"PROFILER.example:$port" other "$(hostname)" "$(hostname):$port"; do
		answer 200 /healthz -H "Host: $host"
	done
	for host in evil.example "evil.example:$port" localhost.evil.example 127.0.0.1.evil.example profiler other.example; do
		answer 421 /healthz -H "Host: $host"
		is_error "$host"
		is_error --allow-host
		answer 421 /healthz -H "Host: $host" --http2-prior-knowledge
		answer 421 '/debug/pprof/profile?seconds=1' -H "Host: $host"
	done
	# No browser asks without a name.
	answer 200 /healthz --http1.0 -H 'Host:'
	run -2 "$exoprof" -p "$TARGET" --allow-host http://x
}

@test "over TLS the certificate has the name" {
	start_idle
	make_certificate
	start_exoprof -p "$TARGET" --tls-cert cert --tls-key key
	answer 200 /healthz -k -H 'Host: evil.example'
}

@test "pages of others have nothing taken, whatever they load it as" {
	start_idle
	start_exoprof -p "$TARGET"
	local path site as
	for path in /debug/pprof/profile?seconds=1 /debug/pprof/heap /metrics /debug/pprof/cmdline /; do
		for site in cross-site same-site; do
			for as in image script iframe empty; do
				answer 403 "$path" -H "Sec-Fetch-Site: $site" -H "Sec-Fetch-Dest: $as"
			done
			answer 200 "$path" -H "Sec-Fetch-Site: $site" -H 'Sec-Fetch-Dest: document' -H 'Sec-Fetch-Mode: navigate'
		done
		answer 403 "$path" -H 'Origin: http://evil.example'
		answer 403 "$path" -H 'Origin: null'
		not grep -qi '^access-control' head
		answer 200 "$path" -H 'Sec-Fetch-Site: same-origin' -H 'Sec-Fetch-Dest: image'
		not grep -qi '^access-control' head
	done
	answer 405 /debug/pprof/heap -X OPTIONS
	not grep -qi '^access-control' head
}

# --- so many at once ------------------------------------------------------------------------------

in_flight() {
	[ "$(curl -sS "${URL%/debug/pprof/}/metrics" | sed -n 's/^exoprof_profile_requests_in_flight //p')" = "$1" ]
}

@test "beyond --max-profiles it says when to come again, and those that run are as they should be" {
	start_target burn
	start_exoprof -p "$TARGET" --max-profiles 3
	local i option
	for i in 1 2 3; do
		start "p$i" curl -sS -o "p$i.pb.gz" "${URL}profile?seconds=12"
	done
	wait_for 10 in_flight 3
	for option in --http1.1 --http2-prior-knowledge; do
		answer 429 '/debug/pprof/profile?seconds=1' $option
		is_error '3 profiles are being taken'
		between 1 "$(sed -n 's/^retry-after: //Ip' <<< "$HEAD")" 12
		answer 429 '/debug/pprof/heap?seconds=1' $option
		answer 429 '/api/snapshots?profile=profile&seconds=1' -X POST $option
	done
	# What takes no time is not among them.
	answer 200 /debug/pprof/heap
	wait_for 40 in_flight 0
	for i in 1 2 3; do
		between 12 "$(raw_field "p$i.pb.gz" Duration)" 14
		samples "p$i.pb.gz" | grep -q burn_a
	done
	answer 200 '/debug/pprof/profile?seconds=1'
	curl -sS "${URL%/debug/pprof/}/metrics" | grep -x 'exoprof_http_requests_total{path="/debug/pprof/profile",code="429"} 2'
}

@test "of requests that take no time as many wait as there is room for" {
	start_idle
	start_exoprof -p "$TARGET"
	kill -STOP "$EXOPROF"
	h2load -n 100 -c 1 -m 100 "${URL}heap" > out &
	local load=$!
	sleep 1
	kill -CONT "$EXOPROF"
	wait $load
	grep '^status codes' out
	# They come in before the first of them is answered.
	grep -qE 'status codes: (3[2-9]|[4-9][0-9]|100) 2xx, 0 3xx, ([0-9]|[1-5][0-9]|6[0-8]) 4xx, 0 5xx' out
	answer 200 /debug/pprof/heap
}

# --- attacks --------------------------------------------------------------------------------------

# What all clients together can have of its memory, in KiB: input that is no request yet (64 MiB, and
# what comes in between two looks, for which as much again is allowed), answers on their way (256 MiB
# and 16 MiB of refusals), 32 profiles that are being made, and what malloc keeps of all that.
MEMORY_MAX=$(((2 * 64 + 256 + 16 + 112) * 1024))

memory() {
	awk -v what="$1:" '$1 == what { print $2 }' "/proc/$EXOPROF/status"
}

# under_attack SECONDS KIND COUNT...: exoprof, with a profile that goes on meanwhile.
under_attack() {
	local seconds=$1 before
	shift
	ulimit -n 8192
	start_target burn
	start_exoprof -p "$TARGET"
	before=$(memory VmHWM)
	start profile curl -sS -o p.pb.gz "${URL}profile?seconds=$((seconds + 3))"
	wait_for 10 in_flight 1
	while [ $# -gt 0 ]; do
		python3 "$BATS_TEST_DIRNAME/attack.py" "$URL" "$seconds" "$1" "$2"
		shift 2
		seconds=5
	done
	wait_for 60 has_ended "$STARTED"
	echo "memory: $before KiB before, at most $(memory VmHWM) KiB, $(memory VmRSS) KiB after"
	[ "$(memory VmHWM)" -lt $((before + MEMORY_MAX)) ]
	curl -sS "${URL%/debug/pprof/}/metrics" | grep ^exoprof_http_connections_cut_total
	wait_for 30 no_connections
	between "$((SECONDS_OF_PROFILE - 1))" "$(raw_field p.pb.gz Duration)" "$((SECONDS_OF_PROFILE + 4))"
	samples p.pb.gz | grep -q burn_a
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
}

# But the one that asks.
no_connections() {
	[ "$(curl -sS "${URL%/debug/pprof/}/metrics" | sed -n 's/^exoprof_http_connections //p')" = 1 ]
}

@test "1,000 clients that send a byte a second, nothing at all, or read nothing: others are answered" {
	SECONDS_OF_PROFILE=13 under_attack 10 slowloris 1000 silent 1000 unread 1000
}

@test "bodies that do not end, of HTTP/1.1 and on 100 streams of HTTP/2: memory is bounded" {
	SECONDS_OF_PROFILE=11 under_attack 8 bodies 1000 bodies2 50
}

@test "HTTP/2 windows of nothing, and requests that are given up at once" {
	SECONDS_OF_PROFILE=11 under_attack 8 window 50 reset 50
}

@test "malformed requests get a refusal or the end of the connection, and nothing else happens" {
	start_idle
	make_certificate
	start_exoprof -p "$TARGET"
	python3 "$BATS_TEST_DIRNAME/malformed.py" "$URL"
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	not grep -iE 'assert|abort|sanitizer' exoprof.err
	start_exoprof_as tls -p "$TARGET" --tls-cert cert --tls-key key
	python3 "$BATS_TEST_DIRNAME/malformed.py" "$URL"
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
}

@test "100,000 requests over 1,000 connections beside a profile" {
	start_target burn
	start_exoprof -p "$TARGET"
	local base=${URL%/debug/pprof/} before
	ulimit -n 8192
	before=$(memory VmRSS)
	start profile curl -sS -o p.pb.gz "${URL}profile?seconds=15"
	wait_for 10 in_flight 1
	h2load --h1 -n 100000 -c 1000 "$base/metrics" "$base/debug/pprof/" "$base/debug/pprof/heap" > out
	grep -E '^(finished|requests|status)' out
	# Each has an answer: what was asked for, or that too many ask for heap profiles.
	grep -q 'requests: 100000 total, 100000 started, 100000 done, [0-9]* succeeded, [0-9]* failed, 0 errored, 0 timeout' out
	[ "$(sed -nE 's/^status codes: ([0-9]+) 2xx, 0 3xx, ([0-9]+) 4xx, 0 5xx$/\1 \2/p' out | awk '{ print $1 + $2 }')" = 100000 ]
	curl -sS "$base/metrics" > m
	grep '^exoprof_http_requests_total' m
	not grep -vE 'code="(200|429)"' <(grep '^exoprof_http_requests_total' m)
	not grep -E '^exoprof_http_requests_total.path="(/metrics|/debug/pprof/)",code="429"' m
	grep -q '^exoprof_http_requests_total{path="/debug/pprof/heap",code="200"}' m
	wait_for 60 has_ended "$STARTED"
	echo "memory: $before KiB before, at most $(memory VmHWM) KiB, $(memory VmRSS) KiB after"
	[ "$(memory VmHWM)" -lt $((before + MEMORY_MAX)) ]
	between 15 "$(raw_field p.pb.gz Duration)" 20
	samples p.pb.gz | grep -q burn_a
	answer 200 /debug/pprof/heap
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
}
