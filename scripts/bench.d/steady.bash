# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench: does exoprof stay as it is under full load, and cost what it cost at first?
# wrk asks demo-server for /gc as fast as it answers, while exoprof gives metrics, a heap profile, and a CPU
# profile of five seconds out of each ten. The minutes before and after are without exoprof.

scrape_every=10
scrape_paths=('metrics' 'debug/pprof/heap' 'debug/pprof/profile?seconds=5')

# scrape_all URL: until it is killed; a line of each answer's status.
scrape_all() {
	local path
	while :; do
		for path in "${scrape_paths[@]}"; do
			curl -s -o "$work/answer" -w '%{http_code}\n' "$1$path" >>"$work/answers" || true
		done &
		sleep "$scrape_every"
		wait $!
	done
}

# resident PID...: KiB, of all of them.
resident() {
	local pid
	for pid; do awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"; done | awk '{ sum += $1 } END { print sum }'
}

# watch_memory PID: until it is killed; each second a line, of exoprof itself, and with the processes that read
# files for it.
watch_memory() {
	while :; do
		# shellcheck disable=SC2046
		echo "$(resident "$1") $(resident $(tree "$1"))" >>"$work/memory"
		sleep 1
	done
}

# memory_columns: the mean and the most of exoprof's own, the mean of all.
memory_columns() {
	awk '{ own += $1; all += $2; if ($1 > most) most = $1 }
		END { printf "%.0f | %d | %.0f", own / NR, most, all / NR }' "$work/memory"
	: >"$work/memory"
}

# load_minute: $rate, requests a second, and $failed.
load_minute() {
	wrk -t1 -c8 -d60s "$demo_url/gc" >"$work/wrk"
	rate=$(awk '$1 == "Requests/sec:" { print $2 }' "$work/wrk")
	failed=$(awk '/Socket errors/ { sum += $4 + $6 + $8 + $10 } /Non-2xx/ { sum += $NF } END { print sum + 0 }' "$work/wrk")
}

steady_row() {
	local ok others
	ok=$(grep -c '^200$' "$work/answers" || true)
	others=$(grep -vc '^200$' "$work/answers" || true)
	: >"$work/answers"
	printf '| %s | %.0f | %s | %s | %s | %s | %s + %s |\n' "$1" "$rate" "$failed" "$(memory_columns)" \
		"$(map_kib "$exoprof")" "$(find "/proc/$exoprof/fd" -type l | wc -l)" "$ok" "$others"
}

bench_steady() {
	local minutes=20 minute before watching scraping
	[ "${1:-}" != --minutes ] || minutes=$2
	make -s build/exoprof build/demo-server
	machine
	start_demo --gc-keep-every 0
	load_minute
	before=$rate
	serve "$demo" || die "exoprof did not start: $(cat "$work/exoprof")"
	: >"$work/answers"
	watch_memory "$exoprof" &
	watching=$!
	scrape_all "${url%debug/pprof/}" &
	scraping=$!
	echo '| minute | requests a second | failed | RSS KiB, mean | most | with its readers, mean | BPF maps KiB | descriptors | answers 200 + others |'
	echo '|---|---|---|---|---|---|---|---|---|'
	for ((minute = 1; minute <= minutes; minute++)); do
		load_minute
		steady_row "$minute"
	done
	stop "$watching"
	stop "$scraping"
	stop "$exoprof"
	load_minute
	printf '\nWithout exoprof: %.0f requests a second in the minute before, %.0f in the minute after (%s failed).\n' \
		"$before" "$rate" "$failed"
}
