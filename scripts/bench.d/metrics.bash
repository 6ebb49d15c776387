# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench: what it takes of exoprof's own time to be scraped. Two of them follow one
# demo-server under a steady load and take a CPU profile of the same 30 seconds; one is scraped each
# second. Then the other is.

metrics_seconds=30

# cpu_ns PID: CPU time that its threads have had.
cpu_ns() {
	cat /proc/"$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

scrape_for() {
	local i
	for ((i = 0; i < $2; i++)); do
		curl -sf "$1" -o "$work/scrape"
		sleep 1
	done
}

# metrics_round SCRAPED OTHER: pids whose addresses are in $address. A row, in milliseconds.
metrics_round() {
	local scraped=$1 other=$2 before_scraped before_other
	before_scraped=$(cpu_ns "$scraped") before_other=$(cpu_ns "$other")
	curl -sf "${address[$other]}profile?seconds=$metrics_seconds" -o "$work/other.pb.gz" &
	local other_profile=$!
	curl -sf "${address[$scraped]}profile?seconds=$metrics_seconds" -o "$work/scraped.pb.gz" &
	local scraped_profile=$!
	scrape_for "${address[$scraped]%/debug/pprof/}/metrics" "$metrics_seconds"
	wait $other_profile $scraped_profile
	awk -v scraped=$(($(cpu_ns "$scraped") - before_scraped)) \
		-v other=$(($(cpu_ns "$other") - before_other)) -v seconds=$metrics_seconds \
		'BEGIN { printf "| %.0f ms | %.0f ms | %.2f | %.3f%% |\n", scraped / 1e6, other / 1e6,
			scraped / other, 100 * (scraped - other) / (seconds * 1e9) }'
}

bench_metrics() {
	local demo first second demo_url
	local -A address
	make -s all
	machine
	build/demo-server --listen 127.0.0.1:0 >"$work/demo" 2>&1 &
	demo=$!
	while ! grep -q http "$work/demo"; do sleep 0.1; done
	demo_url=$(grep -o 'http://[^ /]*' "$work/demo")
	serve "$demo" || die "exoprof did not start: $(cat "$work/exoprof")"
	first=$exoprof address[$exoprof]=$url
	serve "$demo" || die "exoprof did not start: $(cat "$work/exoprof")"
	second=$exoprof address[$exoprof]=$url
	h2load -t1 -c4 --rps 50 -D $((4 * metrics_seconds)) "$demo_url/gc" >"$work/h2load" 2>&1 &
	# What is read for the first profile only is in neither.
	curl -sf "${address[$first]}profile?seconds=2" -o "$work/warm.pb.gz"
	curl -sf "${address[$second]}profile?seconds=2" -o "$work/warm.pb.gz"
	echo "exoprof's own CPU time over a $metrics_seconds-second profile:"
	echo
	echo '| scraped each second | not scraped | ratio | a scrape a second takes, of one CPU |'
	echo '|---|---|---|---|'
	metrics_round "$first" "$second"
	metrics_round "$second" "$first"
}
