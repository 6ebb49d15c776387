# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/load: one measurement of one load.

client=()
slow_result=
attached=0

# /gc keeps memory for ever, some 50 KB a request. Where half of what is free is used up its answers
# are 503, and so errors, rather than the machine be without memory.
start_server() {
	local kib
	kib=$(awk '/^MemAvailable/ { print int($2 / 2) }' /proc/meminfo)
	: >"$work/server"
	nsenter --net="/run/netns/$server_ns" prlimit --as=$((kib * 1024)) \
		build/demo-server --listen "$server_address:8080" >"$work/server" 2>&1 &
	server=$!
	while ! grep -q listening "$work/server"; do
		kill -0 "$server" 2>/dev/null || die "demo-server did not start: $(cat "$work/server")"
		sleep 0.05
	done
}

# as_urls LOAD BASE: a line for each unit of weight, in an order that is always the same.
as_urls() {
	local part i
	for part in ${1//,/ }; do
		for ((i = 0; i < ${part#*=}; i++)); do echo "$2/${part%=*}"; done
	done | shuf --random-source=<(yes)
}

# run COMMAND...: a signal ends the script at once, not only once the command has ended.
run() {
	"${client[@]}" "$@" >"$work/client" 2>&1 &
	wait $!
}

# drive_TOOL LOAD BASE: requests a second, p50, p90, p99 and maximum in ms, errors.
drive_wrk() {
	LOAD_MIX=$1 LOAD_CONNECTIONS=$connections run wrk -t1 -c"$connections" -d"${duration}s" \
		--timeout 60s -s scripts/load.d/wrk.lua "$2" || die "wrk: $(tail -n 3 "$work/client")"
	sed -n 's/^result\t//p' "$work/client"
}

# h2load's own figures have no percentiles; its log has a line a request. In the first second it makes
# its connections. One that is not there when all is over it waits for without end (1.52), and has to
# be ended; its log is whole by then.
drive_h2load() {
	as_urls "$1" "$2" >"$work/urls"
	: >"$work/log"
	run timeout $((duration + 5)) h2load -t1 -c"$connections" -m"$streams" -D"$duration" \
		--warm-up-time=1s --log-file="$work/log" -i "$work/urls" || [ $? -eq 124 ] ||
		die "h2load: $(tail -n 3 "$work/client")"
	sort -n -k3,3 "$work/log" | awk -v OFS='\t' -v seconds="$duration" -v failed="$(
		sed -n 's/^requests:.* \([0-9]*\) failed.*/\1/p' "$work/client"
	)" '
		function at(p) { return n ? ms[int(p * n + 0.999999)] : 0 }
		{ ms[++n] = $3 / 1000 }
		$2 < 200 || $2 >= 400 { bad++ }
		END { print n / seconds, at(0.5), at(0.9), at(0.99), at(1), failed == "" ? bad + 0 : failed }'
}

# Beside slow clients, where some are wanted; a line of results.
drive_beside_slow_clients() {
	local slow=
	if [ "$slow_clients" -gt 0 ]; then
		"${client[@]}" python3 scripts/load.d/slow_clients.py "$2" "$slow_clients" >"$work/slow" 2>&1 &
		slow=$!
		sleep 1
	fi
	if [ -n "$http2" ]; then drive_h2load "$1" "$2"; else drive_wrk "$1" "$2"; fi >"$work/line"
	printf '%s\t%s\t%s\n' "$round" "$3" "$(cat "$work/line")" >>"$work/results"
	[ -z "$slow" ] || stop "$slow"
	[ -z "$slow" ] || slow_result=$(tail -n 1 "$work/slow")
}

# measure WITH LOAD: with exoprof attached or not, on a server that has done nothing yet.
measure() {
	local profile=
	start_server
	if [ "$1" = yes ]; then
		look_for_others
		attached=$((attached + 1))
		serve "$server" "${exoprof_options[@]}" || die "exoprof did not start: $(cat "$work/exoprof")"
		if [ -n "$cpu_profile" ]; then
			curl -sf "${url}profile?seconds=$duration" -o "$work/cpu.pb.gz" &
			profile=$!
		fi
	fi
	client=(nsenter --net="/run/netns/$client_ns")
	drive_beside_slow_clients "$2" "http://$server_address:8080" "$1"
	[ -z "$profile" ] || wait "$profile" || die "there was no CPU profile: $(cat "$work/exoprof")"
	[ "$1" = no ] || stop "$exoprof"
	stop "$server"
}
