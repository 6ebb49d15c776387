# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench: what its parts share.

build=build/bench
stats=/proc/sys/kernel/bpf_stats_enabled

die() {
	echo "bench: $*" >&2
	exit 1
}

# tree PID: the process and all its descendants.
tree() {
	local child
	echo "$1"
	for child in $(ps -o pid= --ppid "$1"); do tree "$child"; done
}

clean_up() {
	local pid left=()
	trap - EXIT
	[ "$(cat "$stats")" = "$old_stats" ] || echo "$old_stats" >"$stats"
	for pid in $(jobs -p); do mapfile -t -O ${#left[@]} left < <(tree "$pid"); done
	[ ${#left[@]} -eq 0 ] || kill "${left[@]}" 2>/dev/null || true
	sleep 0.5
	[ ${#left[@]} -eq 0 ] || kill -KILL "${left[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$work"
}

machine() {
	printf '%s, %s, %s CPUs, Linux %s, `%s`\n\n' "$(date -u +%Y-%m-%d)" \
		"$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(uname -r)" \
		"$command_line"
}

# prog_stats NAME PID: "run_time_ns run_cnt" of the program of that name that the process has loaded.
prog_stats() {
	local ids
	ids=$(sed -n 's/^prog_id:\s*//p' /proc/"$2"/fdinfo/* 2>/dev/null | jq -s .)
	bpftool -j prog show | jq -r --arg name "$1" --argjson ids "$ids" \
		'[.[] | select(.name == $name and (.id as $id | $ids | index($id)))] | first |
			"\(.run_time_ns // 0) \(.run_cnt // 0)"'
}

start() {
	"$@" >"$work/out" 2>&1 &
	started=$!
}

stop() {
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# serve PID OPTION...: exoprof on that process; sets $exoprof, its pid, and $url. False where it does
# not start; $work/exoprof is what it said.
serve() {
	: >"$work/exoprof"
	build/exoprof serve -p "$@" --listen 127.0.0.1:0 >"$work/exoprof" 2>&1 &
	exoprof=$!
	for ((i = 0; i < 1000; i++)); do
		grep -q ' at http' "$work/exoprof" && break
		kill -0 "$exoprof" 2>/dev/null || return 1
		sleep 0.01
	done
	url=$(sed -n 's/.* at \(http[^ ,]*\).*/\1/p' "$work/exoprof")
	[ -n "$url" ]
}
