#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is served over HTTP, and how: paths, parameters, negotiation, connections, TLS.

load helpers

# The headers of a file as `curl -D` writes it, sorted, without what differs from answer to answer.
headers() {
	tr -d '\r' < "$1" | grep -viE '^(date|content-length): ' | sort
}

# --- connections ----------------------------------------------------------------------------------

@test "several requests go over one connection" {
	start_idle
	start_exoprof -p "$TARGET"
	curl -sS -o a -o b -o c -o d -w '%{http_code} %{num_connects}\n' "${URL}heap" "${URL}nosuch" "${URL}heap?seconds=1" "${URL}" > out
	cat out
	diff out - <<< $'200 1\n404 0\n200 0\n200 0'
	gzip -t a
	gzip -t c
}

@test "HTTP/1.0 gets its answer, and the end of the connection" {
	start_idle
	start_exoprof -p "$TARGET"
	answer 200 /debug/pprof/heap --http1.0
	gzip -t body
	has 'connection: close'
	answer 200 /debug/pprof/ --http1.0
	grep -q '</html>' body
}

@test "HEAD has the headers of GET, and takes no profile" {
	start_idle
	start_exoprof -p "$TARGET"
	local path base=${URL%/debug/pprof/}
	for path in /debug/pprof/ /debug/pprof/heap /debug/pprof/allocs '/debug/pprof/heap?seconds=1' \
		'/debug/pprof/profile?seconds=1' '/debug/pprof/profile?seconds=1&format=folded' \
		'/debug/pprof/heap?format=flamegraph' /debug/pprof/delta_heap /debug/pprof/cmdline \
		/debug/pprof/symbol /pprof/profile?seconds=1 /pprof/cmdline /pprof/symbol /pprof/growth \
		/debug/pprof/trace /debug/pprof/nosuch /debug/pprof/heap?seconds=x /metrics /healthz \
		/readyz / /debug/pprof; do
		curl -sS -o body -D get "$base$path"
		curl -sS -o body --head -D head "$base$path" -w '%{size_download} %{time_total}\n' > out
		echo "$path: $(cat out)"
		diff <(headers get) <(headers head)
		grep -q '^0 ' out
		# Where a length is told it is the right one; what tells of now changes.
		if grep -qi '^content-length' head && [ "$path" != /metrics ] && [ "$path" != /debug/pprof/ ]; then
			diff <(grep -i '^content-length' get) <(grep -i '^content-length' head)
		fi
	done
	curl -sS -o body --head --max-time 5 "${URL}profile?seconds=30"
	not is_sampling
}

@test "HTTP/2 over one connection: many profiles at once" {
	start_idle
	start_exoprof -p "$TARGET"
	h2load -n 40 -c 2 -m 10 "${URL}heap" > out
	cat out
	grep -q '40 succeeded' out
	grep -q 'status codes: 40 2xx' out
	h2load -n 8 -c 1 -m 8 "${URL}profile?seconds=1" > out
	grep -q '8 succeeded' out
	grep -q 'status codes: 8 2xx' out
}

@test "a client that goes away ends its profile" {
	start_idle
	start_exoprof -p "$TARGET"
	local option
	for option in --http1.1 --http2-prior-knowledge; do
		run -28 curl -sS $option -o body --max-time 1 "${URL}profile?seconds=30"
		wait_for 5 not is_sampling
	done
}

# crowd COUNT PATH [BEFORE AFTER]: that many clients ask for the path, and once exoprof has begun with
# all of them they close their connections together, between these two commands.
crowd() {
	python3 - "$URL" "$@" <<- 'END'
		import os, socket, sys, time, urllib.parse, urllib.request
		url, count, path, before, after = (sys.argv + ["true", "true"])[1:6]
		count = int(count)
		place = urllib.parse.urlsplit(url)
		clients = [socket.create_connection((place.hostname, place.port)) for _ in range(count)]
		for client in clients:
		    client.sendall(b"GET /debug/pprof/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
		metric = "exoprof_profile_requests_in_flight %d\n" % count
		deadline = time.time() + 20
		while metric not in urllib.request.urlopen(url + "../../metrics").read().decode():
		    assert time.time() < deadline, "not all of them have begun"
		    time.sleep(0.1)
		os.system(before)
		for client in clients:
		    client.close()
		os.system(after)
	END
}

@test "clients that go away all at once end their profiles" {
	start_idle
	start_exoprof -p "$TARGET" --max-profiles 256
	crowd 200 'profile?seconds=3600'
	wait_for 10 not is_sampling
	wait_for 5 eval 'curl -sS "${URL%/debug/pprof/}/metrics" | grep -qx "exoprof_profile_requests_in_flight 0"'
}

@test "SIGTERM ends exoprof whoever goes away at that time" {
	start_idle
	start_exoprof -p "$TARGET" --max-profiles 256
	# It finds all of them gone, and the signal, at once: it looks for them every second.
	crowd 250 'profile?seconds=3000' "kill -STOP $EXOPROF" "sleep 1.2; kill -TERM $EXOPROF; kill -CONT $EXOPROF"
	wait_for 10 is_gone "$EXOPROF"
}

@test "connections have a quarter of the descriptors, and one that is idle makes room" {
	start_idle
	start exoprof prlimit --nofile=400 "$exoprof" -p "$TARGET" --listen 127.0.0.1:0
	EXOPROF=$STARTED
	wait_for 20 grep -q profiling exoprof.out
	URL=$(grep -o 'http://[^ ,]*' exoprof.out)
	local place=${URL#http://} fds=() fd
	place=${place%%/*}
	for _ in {1..120}; do
		exec {fd}<> "/dev/tcp/${place/:/\/}"
		fds+=("$fd")
	done
	between 98 "$(readlink /proc/$EXOPROF/fd/* | grep -c '^socket:')" 108
	# All of them have been idle for a second by then.
	answer 200 /healthz
	between 98 "$(readlink /proc/$EXOPROF/fd/* | grep -c '^socket:')" 108
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
	answer 200 /healthz
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
}

# --- parameters -----------------------------------------------------------------------------------

@test "thread and labels are for profiles that have threads" {
	start_idle
	start_exoprof -p "$TARGET"
	local path
	for path in 'heap?thread=x' 'allocs?thread=x' 'heap?labels=tid' 'delta_heap?labels=tid'; do
		answer 400 "/debug/pprof/$path"
		is_error 'heap do not tell threads apart'
	done
	for path in 'profile?seconds=1&thread=' 'profile?seconds=1&thread=1234567890123456' \
		'block?thread=1234567890123456' 'goroutine?thread='; do
		answer 400 "/debug/pprof/$path"
		is_error 'thread: the name'
	done
	for path in 'profile?seconds=1&labels=pid' 'wall?seconds=1&labels=tid,x' 'mutex?labels=TID'; do
		answer 400 "/debug/pprof/$path"
		is_error 'unknown label'
	done
	for path in 'block?labels=tid' 'mutex?labels=tid' 'delta_block?labels=tid'; do
		answer 400 "/debug/pprof/$path"
		is_error '?seconds=N'
	done
	answer 200 '/debug/pprof/profile?seconds=1&thread=sleep&labels=,tid,'
}

@test "thread keeps the threads of that name alone, and labels=tid tells them apart" {
	start_target burn
	local name
	name=$(cat "/proc/$TARGET/comm")
	start_exoprof -p "$TARGET"
	fetch all.pb.gz 'profile?seconds=1'
	fetch one.pb.gz "profile?seconds=1&thread=$name&labels=tid"
	fetch none.pb.gz 'profile?seconds=1&thread=nobody'
	go tool pprof -tags one.pb.gz > tags
	cat tags
	grep -q '^ *tid: ' tags
	grep -qE ": $TARGET\$" tags
	samples all.pb.gz | grep -q burn_a
	samples one.pb.gz | grep -q burn_a
	not grep -q burn_a <(samples none.pb.gz)
}

@test "every kind, in every format that it has" {
	start_books books
	start_exoprof -p "$TARGET" --heap-rate 1
	do_books
	local kind format
	for kind in allocs block goroutine heap mutex 'profile?seconds=1' threadcreate 'wall?seconds=1'; do
		[[ $kind == *\?* ]] || kind+=?
		answer 200 "/debug/pprof/$kind"
		gzip -t body
		go tool pprof -raw body > raw
		for format in folded flamegraph text; do
			answer 200 "/debug/pprof/$kind&format=$format"
			not gzip -t body
		done
	done
	answer 200 '/debug/pprof/goroutine?debug=2'
	has 'content-type: text/plain; charset=utf-8'
	answer 200 '/debug/pprof/wall?seconds=1'
	has 'content-disposition: attachment; filename="wall"'
	answer 200 '/pprof/contention'
	has 'content-type: text/plain; charset=utf-8'
}

@test "parameters that exclude each other, or have no meaning here, are refused" {
	start_idle
	start_exoprof -p "$TARGET"
	local path
	for path in 'heap?seconds=1&debug=1' 'goroutine?seconds=1&debug=2' 'block?debug=1&seconds=5'; do
		answer 400 "/debug/pprof/$path"
		is_error 'seconds and debug'
	done
	for path in 'block?preattach=1' 'profile?preattach=1&seconds=1' 'heap?preattach=1&seconds=1' \
		'delta_heap?preattach=1'; do
		answer 400 "/debug/pprof/$path"
		is_error preattach
	done
	for path in 'block?seconds=0' 'mutex?seconds=x' 'goroutine?seconds=-1' 'threadcreate?seconds=1.5' \
		'wall?seconds=86401'; do
		answer 400 "/debug/pprof/$path"
		is_error seconds
	done
	answer 400 '/debug/pprof/heap?format=threads'
	is_error threads
	# What Go takes without a word.
	answer 200 '/debug/pprof/heap?gc=1'
	answer 200 '/debug/pprof/delta_mutex?seconds=x'
	answer 200 '/debug/pprof/heap?gc=x&debug=0&unknown=1'
	answer 200 '/debug/pprof/profile?seconds=1&debug=1'
	has 'content-type: application/octet-stream'
}

@test "what there is no profile of says what there is instead" {
	start_idle
	start_exoprof -p "$TARGET"
	answer 404 /debug/pprof/trace
	is_error 'profile, wall or block'
	answer 404 '/debug/pprof/trace?seconds=1'
	answer 404 /pprof/growth
	is_error '/debug/pprof/allocs'
	local path
	for path in /pprof /pprof/ /pprof/nosuch /debug /debug/pprof/delta_allocs /debug/pprof/Heap /healthz/ /nosuch; do
		answer 404 $path
		is_error 'Unknown profile'
	done
	answer 405 /debug/pprof/delta_heap -X POST
	has 'allow: GET, HEAD'
	answer 405 /debug/pprof/symbol -X PUT
	has 'allow: GET, HEAD, POST'
	answer 405 /healthz -X DELETE
}

# --- negotiation ----------------------------------------------------------------------------------

@test "text goes out gzipped to who takes it, and says that it depends on that" {
	start_target burn
	start_exoprof -p "$TARGET"
	local path
	for path in /debug/pprof/ /metrics '/debug/pprof/heap?format=flamegraph' \
		'/debug/pprof/profile?seconds=1&format=flamegraph'; do
		answer 200 "$path" -H 'Accept-Encoding: br, gzip'
		has 'content-encoding: gzip'
		has 'vary: accept-encoding'
		gzip -t body
		for header in 'gzip;q=0' 'identity' '*;q=0' 'gzip;q=0, *' 'deflate'; do
			answer 200 "$path" -H "Accept-Encoding: $header"
			has 'vary: accept-encoding'
			not grep -qi '^content-encoding' head
			not gzip -t body
		done
	done
	# It is no larger for it.
	answer 200 '/debug/pprof/heap?format=flamegraph' -H 'Accept-Encoding: gzip'
	gunzip -c < body > a
	[ "$(stat -c %s body)" -lt "$(stat -c %s a)" ]
	head -n 2 a | grep -q '<svg'
}

@test "what fits into a packet, and pprof's own files, are sent as they are" {
	start_idle
	start_exoprof -p "$TARGET"
	local path
	for path in /debug/pprof/heap '/debug/pprof/profile?seconds=1' /debug/pprof/delta_heap /debug/pprof/cmdline \
		/debug/pprof/nosuch /healthz /debug/pprof/symbol; do
		curl -sS -D head -o body -H 'Accept-Encoding: gzip' "${URL%/debug/pprof/}$path"
		not grep -qi '^content-encoding' head
		grep -qi '^cache-control: no-store' head
	done
	answer 200 /debug/pprof/heap -H 'Accept-Encoding: gzip;q=0'
	gzip -t body
	gunzip -c < body > once
	not gzip -t once
	not grep -qi '^vary: accept-encoding' head
}

@test "an Accept header counts where it names one type alone" {
	start_idle
	start_exoprof -p "$TARGET"
	answer 200 /debug/pprof/heap -H 'Accept: image/svg+xml'
	has 'content-type: image/svg+xml.*'
	has 'vary: accept'
	not grep -qi '^content-disposition' head
	# A browser's, and what leaves open which of several texts is meant.
	local accept
	for accept in 'text/html,application/xhtml+xml,application/xml;q=0.9,image/svg+xml,*/*;q=0.8' \
		'text/html' '*/*' 'text/plain' ''; do
		answer 200 /debug/pprof/heap -H "Accept: $accept"
		has 'content-type: application/octet-stream'
		has 'content-disposition: attachment; filename="heap"'
		has 'vary: accept'
	done
	answer 200 /debug/pprof/heap -H 'Accept: text/html' -H 'Accept: image/svg+xml'
	has 'content-type: application/octet-stream'
	answer 200 '/debug/pprof/heap?format=pprof' -H 'Accept: image/svg+xml'
	has 'content-type: application/octet-stream'
	not grep -qi '^vary: accept$' <(tr -d '\r' < head)
}

# --- names and paths of others --------------------------------------------------------------------

# Where the first mapping of its executable is.
load_address() {
	echo $((0x$(head -n 1 "/proc/$1/maps" | cut -d- -f1)))
}

@test "symbol names addresses as nm does, asked by GET and by POST" {
	start_target burn
	start_exoprof -p "$TARGET"
	local base names query= path
	base=$(load_address "$TARGET")
	# Of each function one that is inside it.
	nm "$targets/burn" | awk '$2 ~ /[tT]/ && $3 ~ /^(burn|main|middle|outer|second)/' > names
	[ "$(wc -l < names)" -ge 5 ]
	while read -r address _ name; do
		local runtime
		runtime=$(printf '0x%x' $((base + 0x$address + 1)))
		query+=${query:++}$runtime
		echo "$runtime $name"
	done < names > lines
	printf 'num_symbols: 1\n' | cat - lines > expected
	for path in /debug/pprof/symbol /pprof/symbol; do
		answer 200 "$path?$query"
		has 'content-type: text/plain; charset=utf-8'
		diff expected body
		answer 200 $path --data "$query"
		diff expected body
		answer 200 $path --data-binary "$query" --http2-prior-knowledge
		diff expected body
	done
	answer 200 /debug/pprof/symbol
	diff - body <<< 'num_symbols: 1'
	# What has no name, or is no address, is left out.
	answer 200 "/debug/pprof/symbol?0x1+nonsense++0x+$(cut -d+ -f1 <<< "$query")"
	diff <(head -n 2 expected) body
}

@test "symbol takes a body of a megabyte, and no more" {
	start_target burn
	start_exoprof -p "$TARGET"
	yes "$(printf '0x%x' $(($(load_address "$TARGET") + 0x10)))+" | tr -d '\n' | head -c 1048576 > large
	answer 200 /debug/pprof/symbol --data-binary @large
	grep -qx 'num_symbols: 1' body
	head -c 1048577 /dev/zero > larger
	answer 413 /debug/pprof/symbol --data-binary @larger
	is_error 'more than 1 MiB'
	answer 413 /pprof/symbol --data-binary @larger --http2-prior-knowledge
	is_error 'more than 1 MiB'
	curl -sS "${URL%/debug/pprof/}/metrics" | grep -q 'path="/debug/pprof/symbol",code="413"} 1$'
	head -c 3000000 /dev/zero > larger
	[ "$(curl -sS -o body -w '%{http_code}' --data-binary @larger "${URL}symbol")" = 413 ]
	answer 200 /debug/pprof/symbol
}

@test "symbol cuts names that are too long, and refuses answers that are too large" {
	local name
	name=long_$(printf 'x%.0s' {1..30000})
	gcc -x c -o long - <<- END
		#include <stdio.h>
		#include <unistd.h>
		int named(void) __asm__("$name");
		int named(void) { return 1; }
		int main(void) { printf("ready %p\n", (void *)named); fflush(stdout); pause(); return named(); }
	END
	start long ./long
	wait_for 5 grep -q ready long.out
	start_exoprof -p "$STARTED"
	local address
	address=$(sed -n 's/ready //p' long.out)
	printf 'num_symbols: 1\n%s %s...\n' "$address" "${name:0:4096}" > expected
	answer 200 "/debug/pprof/symbol?$address"
	diff expected body
	answer 200 "/debug/pprof/symbol?$address" -H 'Accept-Encoding: gzip'
	has 'content-encoding: gzip'
	gunzip -c < body | diff expected -
	yes "$address+" | tr -d '\n' | head -c 1048576 > large
	answer 413 /debug/pprof/symbol --data-binary @large
	is_error 'ask for fewer at once'
	[ "$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$EXOPROF/status")" -lt 400000 ]
}

@test "gperftools' paths: an argument a line, and go tool pprof takes a profile" {
	start idle bash -c 'exec -a "a name with blanks" sleep 1000'
	wait_for 10 grep -q blanks "/proc/$STARTED/cmdline"
	start_exoprof -p "$STARTED"
	answer 200 /pprof/cmdline
	printf 'a name with blanks\n1000\n' | cmp - body
	end "$EXOPROF"
	start_target burn
	start_exoprof -p "$TARGET"
	go tool pprof -top "${URL%/debug/pprof/}/pprof/profile?seconds=1" > top
	grep burn_a top
}

@test "google-pprof and go tool pprof read gperftools' heap, and ask symbol for the names" {
	start_books books
	start_exoprof -p "$TARGET" --heap-rate 1
	do_books
	local base=${URL%/debug/pprof/}
	google-pprof --text "$base/pprof/heap" > top 2> err || { cat err; false; }
	cat top
	grep -q site_ top
	go tool pprof -top "$base/pprof/heap" > top
	grep -q site_ top
}

@test "godeltaprof's paths have its files' names" {
	start_idle
	start_exoprof -p "$TARGET"
	answer 200 /debug/pprof/delta_heap
	has 'content-disposition: attachment; filename="heap.pprof.gz"'
	has 'content-type: application/octet-stream'
	gzip -t body
	answer 200 /debug/pprof/delta_block --head
	has 'content-disposition: attachment; filename="block.pprof.gz"'
	answer 200 /debug/pprof/delta_mutex --head
	has 'content-disposition: attachment; filename="mutex.pprof.gz"'
}

@test "delta_heap has the allocations since the last time, and what is in use" {
	start_books books
	start_exoprof -p "$TARGET" --heap-rate 1
	answer 200 /debug/pprof/delta_heap
	do_books
	fetch first.pb.gz delta_heap
	fetch second.pb.gz delta_heap
	fetch whole.pb.gz heap
	samples first.pb.gz | awk '$1 > 0 && /site_/ { found = 1 } END { exit !found }'
	samples second.pb.gz | awk '$1 || $2 { bad = 1 } $4 > 0 { found = 1 } END { exit bad || !found }'
	samples whole.pb.gz | awk '$1 > 0 && /site_/ { found = 1 } END { exit !found }'
}

@test "the index names every kind" {
	start_idle
	start_exoprof -p "$TARGET"
	answer 200 /debug/pprof/
	local kind
	for kind in allocs block goroutine heap mutex profile threadcreate wall; do
		grep -q "<a href=\"$kind\">$kind</a>" body
		grep -q "<a href=\"$kind?format=flamegraph\">" body
	done
}

# --- health ---------------------------------------------------------------------------------------

@test "ready as long as the target lives, healthy as long as exoprof does" {
	start_idle
	start_exoprof -p "$TARGET"
	answer 200 /healthz
	diff - body <<< ok
	answer 200 /readyz
	diff - body <<< ok
	kill "$TARGET"
	wait_for 5 answer 503 /readyz
	is_error 'the target has exited'
	answer 200 /healthz
	answer 200 /debug/pprof/heap
}

# --- unix sockets ---------------------------------------------------------------------------------

@test "a unix socket beside TCP, for exoprof's user alone, gone at the end" {
	start_idle
	start_exoprof -p "$TARGET" --listen "unix:$PWD/sock" --listen "unix:@exoprof-e2e-$$"
	grep -qF " at unix:$PWD/sock and unix:@exoprof-e2e-$$ and http://127.0.0.1:" exoprof.out
	[ "$(stat -c '%F %a' sock)" = "socket 600" ]
	answer 200 /debug/pprof/heap
	curl -sS --unix-socket sock -o body http://localhost/debug/pprof/heap
	gzip -t body
	curl -sS --unix-socket sock --http2-prior-knowledge -o body http://localhost/debug/pprof/cmdline
	grep -qa sleep body
	curl -sS --abstract-unix-socket "exoprof-e2e-$$" -o body http://localhost/debug/pprof/cmdline
	grep -qa sleep body
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	[ ! -e sock ]
}

@test "a unix socket is replaced if its process is gone, and refused if not" {
	start_idle
	start_exoprof -p "$TARGET" --listen "unix:$PWD/sock"
	run -1 --separate-stderr "$exoprof" -p "$TARGET" --listen "unix:$PWD/sock"
	echo "$stderr"
	[ "$(wc -l <<< "$stderr")" -eq 1 ]
	grep -qF "cannot listen on unix:$PWD/sock: Address already in use" <<< "$stderr"
	curl -sS --unix-socket sock -o body http://localhost/healthz
	end "$EXOPROF" KILL
	[ -S sock ]
	start_exoprof -p "$TARGET" --listen "unix:$PWD/sock"
	curl -sS --unix-socket sock http://localhost/readyz | grep -qx ok
	echo precious > file
	run -1 --separate-stderr "$exoprof" -p "$TARGET" --listen "unix:$PWD/file"
	grep -q 'no socket' <<< "$stderr"
	[ "$(cat file)" = precious ]
	run -1 --separate-stderr "$exoprof" -p "$TARGET" --listen unix:nowhere/sock
	grep -q 'No such file or directory' <<< "$stderr"
	# Nothing was attached, so nothing was left.
	run -1 --separate-stderr "$exoprof" -p "$TARGET" --listen unix:other --listen unix:nowhere/sock
	[ ! -e other ]
}

@test "go tool pprof on a unix socket, through a proxy" {
	start_target burn
	start_exoprof -p "$TARGET" --listen "unix:$PWD/sock"
	start proxy socat -dd TCP-LISTEN:0,bind=127.0.0.1,fork "UNIX-CONNECT:$PWD/sock"
	wait_for 5 grep -q 'listening on' proxy.err
	local port
	port=$(grep -oE 'listening on .*:[0-9]+' proxy.err | grep -oE '[0-9]+$')
	go tool pprof -top "http://127.0.0.1:$port/debug/pprof/profile?seconds=1" > top
	grep burn_a top
}

@test "run serves where it is told to, and cleans up" {
	run -0 --separate-stderr "$exoprof" run --listen "unix:$PWD/sock" -- \
		curl -sS --unix-socket sock --retry 20 --retry-delay 1 --retry-all-errors http://localhost/healthz
	echo "$output"
	[ "$output" = ok ]
	grep -qF "at unix:$PWD/sock" <<< "$stderr"
	[ ! -e sock ]
	run -127 "$exoprof" run --listen "unix:$PWD/sock" -- ./nothing
	[ ! -e sock ]
}

@test "a host has several addresses: the first that this machine has is taken, unless it is in use" {
	start_idle
	printf '%s\n' '127.0.0.1 two' '127.0.0.2 two' '127.0.0.1 foreign' '2001:db8::2 foreign' > hosts
	local in_here=('mount --bind hosts /etc/hosts && exec "$@"' sh "$exoprof" -p "$TARGET" --no-heap --listen)
	start exoprof unshare -m sh -c "${in_here[@]}" two:0
	wait_for 20 grep -q 'http://127.0.0' exoprof.out
	local port
	port=$(grep -oE '127.0.0.[12]:[0-9]+' exoprof.out)
	run -1 unshare -m sh -c "${in_here[@]}" "two:${port#*:}"
	grep -q 'Address already in use' <<< "$output"
	# The other one comes first, and there is a way to it, but it is not of this machine.
	in_here[0]="ip link set lo up && ip address add 2001:db8::1/64 dev lo nodad && ${in_here[0]}"
	start foreign unshare -nm sh -c "${in_here[@]}" foreign:0 --allow-remote --insecure
	wait_for 20 grep -q 'http://127.0.0.1:' foreign.out
	run -1 "$exoprof" -p "$TARGET" --listen nosuch.invalid:1
	echo "$output"
	grep -q 'cannot listen on nosuch.invalid:1: .* (give an address of this machine with --listen)' <<< "$output"
}

@test "options of where to serve that are wrong are usage errors" {
	start_idle
	local options long
	long=unix:$(printf '/%.0s' {1..108})
	for options in "--listen garbage" "--listen unix:" "--listen unix:@" "--listen $long" "--tls-cert x" \
		"--tls-key x" "--tls-client-ca x" "--tls-cert x --tls-key x --listen unix:x" "$(printf -- '--listen :0 %.0s' {1..9})"; do
		run -2 --separate-stderr "$exoprof" -p "$TARGET" $options
		echo "$stderr"
		grep -qE -- '--(listen|tls-[a-z-]+)' <<< "$stderr"
	done
	grep -q 'TLS is for HOST:PORT' <("$exoprof" -p 1 --tls-cert x --tls-key x --listen unix:x 2>&1)
}

# --- TLS ------------------------------------------------------------------------------------------

# make_certificates: an authority, ca.pem, and a server and a client that it has signed.
make_certificates() {
	local name key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
	for name in ca other-ca; do
		openssl req -x509 $key -keyout $name.key -out $name.pem -subj "/CN=$name" -days 2 2> /dev/null
	done
	for name in server client stranger; do
		local authority=ca
		[ $name != stranger ] || authority=other-ca
		openssl req $key -keyout $name.key -out $name.csr -subj "/CN=$name" 2> /dev/null
		openssl x509 -req -in $name.csr -CA $authority.pem -CAkey $authority.key -CAcreateserial -out $name.pem \
			-days 2 -extfile <(echo subjectAltName=IP:127.0.0.1) 2> /dev/null
	done
}

@test "TLS: curl, HTTP/1.1 and HTTP/2, and nothing older than TLS 1.2" {
	make_certificates
	start_idle
	# OpenSSL would refuse TLS 1.1 by itself.
	printf '%s\n' 'openssl_conf = all' '[all]' 'ssl_conf = ssl' '[ssl]' 'system_default = weak' '[weak]' \
		'MinProtocol = TLSv1' 'CipherString = DEFAULT@SECLEVEL=0' > weak.cnf
	export OPENSSL_CONF=$PWD/weak.cnf
	start_exoprof -p "$TARGET" --tls-cert server.pem --tls-key server.key --listen "unix:$PWD/sock"
	grep -q ' and https://127.0.0.1:' exoprof.out
	answer 200 /debug/pprof/heap --cacert ca.pem
	grep -q '^HTTP/2 200' head
	gzip -t body
	answer 200 '/debug/pprof/profile?seconds=1' --cacert ca.pem --http1.1 --tls-max 1.2
	grep -q '^HTTP/1.1 200' head
	gzip -t body
	curl -sS --cacert ca.pem --http1.1 -o a -o b -w '%{http_code} %{num_connects}\n' "${URL}heap" "${URL}cmdline" > out
	diff out - <<< $'200 1\n200 0'
	not curl -sS --cacert ca.pem --tls-max 1.1 -o body "${URL}"
	# Nor ciphers that HTTP/2 forbids.
	local ciphers
	for ciphers in ECDHE-ECDSA-AES128-SHA256 ECDHE-ECDSA-AES256-SHA ECDHE-ECDSA-AES128-CCM; do
		not curl -sS --cacert ca.pem --tls-max 1.2 --ciphers $ciphers -o body "${URL}"
	done
	for ciphers in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305; do
		curl -sS --cacert ca.pem --tls-max 1.2 --ciphers $ciphers -o body "${URL}"
	done
	not curl -sS --cacert other-ca.pem -o body "${URL}"
	not curl -sS -o body "http${URL#https}healthz"
	[ ! -s exoprof.err ]
	# A unix socket is as it was.
	curl -sS --unix-socket sock http://localhost/healthz | grep -qx ok
}

@test "TLS: a client that goes away ends its profile" {
	make_certificates
	start_idle
	start_exoprof -p "$TARGET" --tls-cert server.pem --tls-key server.key
	local option
	for option in --http1.1 --http2 '--http1.1 --tls-max 1.2'; do
		run -28 curl -sS $option --cacert ca.pem -o body --max-time 1 "${URL}profile?seconds=30"
		wait_for 5 not is_sampling
	done
	# One that stays has all its seconds.
	answer 200 '/debug/pprof/profile?seconds=3' --cacert ca.pem --http1.1
	go tool pprof -raw body | grep -q 'Duration: 3'
}

@test "TLS: go tool pprof" {
	make_certificates
	start_target burn
	start_exoprof -p "$TARGET" --tls-cert server.pem --tls-key server.key
	SSL_CERT_FILE=$PWD/ca.pem go tool pprof -top "${URL}profile?seconds=1" > top
	grep burn_a top
	go tool pprof -top "https+insecure${URL#https}profile?seconds=1" > top
	grep burn_a top
	run go tool pprof -top "${URL}heap"
	[ "$status" -ne 0 ]
	grep -q 'unknown authority' <<< "$output"
}

@test "TLS: a client's certificate is asked for and verified" {
	make_certificates
	start_idle
	start_exoprof -p "$TARGET" --tls-cert server.pem --tls-key server.key --tls-client-ca ca.pem
	local max
	for max in 1.2 1.3; do
		not curl -sS --cacert ca.pem --tls-max $max -o body "${URL}heap"
		not curl -sS --cacert ca.pem --tls-max $max --cert stranger.pem --key stranger.key -o body "${URL}heap"
		answer 200 /debug/pprof/heap --cacert ca.pem --tls-max $max --cert client.pem --key client.key
		gzip -t body
	done
	# A resumed session is still that client's.
	openssl s_client -connect "${URL:8:-13}" -CAfile ca.pem -cert client.pem -key client.key -tls1_2 \
		-sess_out session < /dev/null > first 2>&1
	openssl s_client -connect "${URL:8:-13}" -CAfile ca.pem -cert client.pem -key client.key -tls1_2 \
		-sess_in session < /dev/null > second 2>&1
	grep -q '^Reused' second
}

@test "TLS: a key that others can read is warned of" {
	make_certificates
	start_idle
	chmod 640 server.key
	start_exoprof -p "$TARGET" --tls-cert server.pem --tls-key server.key
	grep -qxF 'exoprof: --tls-key server.key: others than its owner can read it (chmod 600 makes it private)' exoprof.err
	answer 200 /healthz --cacert ca.pem
}

@test "TLS: files that cannot be used are told of before the target is touched" {
	make_certificates
	start_idle
	echo garbage > garbage.pem
	openssl ec -in server.key -aes128 -passout pass:secret -out locked.key 2> /dev/null
	local options
	for options in "--tls-cert nowhere.pem --tls-key server.key" "--tls-cert server.pem --tls-key nowhere.key" \
		"--tls-cert garbage.pem --tls-key server.key" "--tls-cert server.pem --tls-key garbage.pem" \
		"--tls-cert server.pem --tls-key client.key" "--tls-cert server.pem --tls-key locked.key" \
		"--tls-cert server.pem --tls-key server.key --tls-client-ca garbage.pem"; do
		run -1 --separate-stderr "$exoprof" -p "$TARGET" --listen 127.0.0.1:0 $options
		echo "$stderr"
		[ "$(wc -l <<< "$stderr")" -eq 1 ]
		grep -qE '^exoprof: cannot use --tls-(cert|key|client-ca) [a-z]+\.(pem|key): .* \(a PEM file is expected, with .*\)$' <<< "$stderr"
	done
}
