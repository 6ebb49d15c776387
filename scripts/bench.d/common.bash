# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench: what its parts share, and by scripts/load.

build=build/bench
stats=/proc/sys/kernel/bpf_stats_enabled
disturbed=0

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# For awk: the median of list[1] to list[n], which it sorts.
awk_median='
	function median(list, n,    i, j, t) {
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && list[j] < list[j - 1]; j--) {
				t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
			}
		return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
	}'

# tree PID: the process and all its descendants.
tree() {
	local child
	echo "$1"
	for child in $(ps -o pid= --ppid "$1"); do tree "$child"; done
}

# map_kib PID: what its BPF maps take.
map_kib() {
	local ids
	ids=$(sed -n 's/^map_id:\s*//p' /proc/"$1"/fdinfo/* 2>/dev/null | sort -un | jq -s .)
	bpftool -j map show | jq --argjson ids "$ids" \
		'[.[] | select(.id as $id | $ids | index($id)) | .bytes_memlock] | add / 1024 | floor'
}

# start_demo [OPTION...]: demo-server with one thread; $demo, $demo_url.
start_demo() {
	build/demo-server --listen 127.0.0.1:0 --threads 1 "$@" >"$work/demo" 2>&1 &
	demo=$!
	while ! grep -q http "$work/demo"; do sleep 0.1; done
	demo_url=$(grep -o 'http://[^ /]*' "$work/demo")
}

clean_up() {
	trap - EXIT
	[ "$(cat "$stats")" = "$old_stats" ] || echo "$old_stats" >"$stats"
	end_jobs
	rm -rf "$work"
}

end_jobs() {
	local pid left=()
	for pid in $(jobs -p); do mapfile -t -O ${#left[@]} left < <(tree "$pid"); done
	[ ${#left[@]} -eq 0 ] || kill "${left[@]}" 2>/dev/null || true
	sleep 0.5
	[ ${#left[@]} -eq 0 ] || kill -KILL "${left[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
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

# Another's session probe on the same libc, in whatever process, makes each probed call of the
# target half as dear again (6.18): the kernel does not run the other's program here, and so takes
# its handler not to have declined the return probe.
look_for_others() {
	# The kernel takes a moment to be rid of those of the row before.
	for ((i = 0; i < 20; i++)); do
		bpftool -j prog show | jq -e 'any(.[]; .type == "kprobe")' >/dev/null || return 0
		sleep 0.1
	done
	disturbed=$((disturbed + 1))
}
