#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `go tool pprof` opens all that is served, over each way there is.

load helpers

# What is asked for, below the root, and the sample type that pprof shows of it. Where nothing was
# freed, so that all that was allocated is in use, pprof's reader of text knows but one space.
everything() {
	cat <<-'EOF'
		debug/pprof/profile?seconds=1 cpu
		debug/pprof/wall?seconds=1 wall
		debug/pprof/heap inuse_space
		debug/pprof/allocs alloc_space
		debug/pprof/block delay
		debug/pprof/mutex delay
		debug/pprof/goroutine goroutine
		debug/pprof/threadcreate threadcreate
		debug/pprof/heap?debug=1 (inuse_)?space
		debug/pprof/block?debug=1 delay
		debug/pprof/mutex?debug=1 delay
		debug/pprof/delta_heap inuse_space
		debug/pprof/delta_block delay
		debug/pprof/delta_mutex delay
		pprof/profile?seconds=1 cpu
		pprof/heap (inuse_)?space
		pprof/contention delay
		debug/pprof/heap?seconds=1 inuse_space
		debug/pprof/allocs?seconds=1 alloc_space
		debug/pprof/block?seconds=1 delay
		debug/pprof/mutex?seconds=1 delay
		debug/pprof/goroutine?seconds=1 goroutine
		debug/pprof/threadcreate?seconds=1 threadcreate
	EOF
}

# Threads that wait, for locks too, and compute, and a heap. None is created after the first look, so
# that of these a difference is empty.
start_everything() {
	start_fed waits "$targets/waits" 20000
	start_exoprof -p "$TARGET" --heap-rate 1 "$@"
	printf 1 >&4
	wait_for 10 has_threads
}

has_threads() { [ "$(ls "/proc/$TARGET/task" | wc -l)" -ge 10 ]; }

# open_everything ROOT: the URL that the paths are below.
open_everything() {
	local path type status=0
	while read -r path type; do
		if ! go tool pprof -top -nodecount=5 "$1/$path" > top 2> err; then
			echo "$path: $(tail -n 2 err)" >&2
			status=1
		elif ! grep -Eqx "Type: $type" top; then
			echo "$path is not of type $type: $(grep Type: top)" >&2
			status=1
		fi
	done < <(everything)
	return $status
}

@test "go tool pprof opens everything over plain HTTP" {
	start_everything
	open_everything "${URL%/debug/pprof/}"
}

@test "go tool pprof opens everything over TLS" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
		-keyout key.pem -out cert.pem 2> /dev/null
	start_everything --tls-cert cert.pem --tls-key key.pem
	[[ $URL == https://* ]]
	export SSL_CERT_FILE=$PWD/cert.pem
	open_everything "${URL%/debug/pprof/}"
}

@test "go tool pprof opens everything on a unix socket, through a proxy" {
	local port
	start_everything --listen unix:sock
	start proxy socat -dd TCP-LISTEN:0,bind=127.0.0.1,fork UNIX-CONNECT:sock
	wait_for 5 grep -q 'listening on' proxy.err
	port=$(grep -oE 'listening on .*:[0-9]+' proxy.err | grep -oE '[0-9]+$')
	open_everything "http://127.0.0.1:$port"
}
