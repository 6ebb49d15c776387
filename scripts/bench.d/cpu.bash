# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench: what a CPU sample costs, how many stacks are whole, how long attaching
# takes.

hz=999
seconds=5

# attach_cpu PID: exoprof, to sample its CPU.
attach_cpu() {
	serve "$1" --no-heap --frequency "$hz" || die "exoprof did not start: $(cat "$work/exoprof")"
}

# What a tick costs that finds another process: it is taken off below.
measure_other() {
	local before after
	start sleep 1000
	attach_cpu "$started"
	before=($(prog_stats cpu_tick "$exoprof"))
	curl -sf "${url}profile?seconds=2" -o /dev/null &
	sleep 1.8
	after=($(prog_stats cpu_tick "$exoprof"))
	wait $!
	stop "$exoprof"
	stop "$started"
	other_ns=$(((after[0] - before[0]) / (after[1] - before[1] + 1)))
}

# per_sample TIME COUNT SAMPLES
per_sample() {
	awk -v t="$1" -v n="$2" -v s="$3" -v o="$other_ns" \
		'BEGIN { if (s) printf "%.0f", (t - (n > s ? n - s : 0) * o) / s; else print "-" }'
}

measure_exoprof() {
	local before after samples whole
	start $build/deep-nofp "$1" "$(nproc)"
	attach_cpu "$started"
	before=($(prog_stats cpu_tick "$exoprof"))
	curl -sf "${url}profile?seconds=$seconds&format=folded" -o "$work/folded"
	after=($(prog_stats cpu_tick "$exoprof"))
	stop "$exoprof"
	stop "$started"
	samples=$(awk -v hz=$hz '{ n += $NF } END { printf "%d", n * hz / 1e9 + 0.5 }' "$work/folded")
	whole=$(awk -v hz=$hz '!/truncated|lost/ { n += $NF } END { printf "%d", n * hz / 1e9 + 0.5 }' \
		"$work/folded")
	ours=$(per_sample $((after[0] - before[0])) $((after[1] - before[1])) "$samples")
	ours_whole=$(awk -v w="$whole" -v s="$samples" 'BEGIN { printf "%.1f%%", s ? 100 * w / s : 0 }')
}

measure_kernel() {
	local after samples
	start $build/deep-fp "$1" "$(nproc)"
	mkfifo "$work/hold"
	rm -f "$work/fp"
	$build/fpstack "$started" "$hz" "$seconds" <"$work/hold" >"$work/fp" &
	local fpstack=$!
	exec 9>"$work/hold"
	while [ ! -s "$work/fp" ]; do sleep 0.1; done
	after=($(prog_stats fpstack_tick "$fpstack"))
	exec 9>&-
	wait "$fpstack"
	rm "$work/hold"
	stop "$started"
	read -r samples kernel_depth <"$work/fp"
	kernel=$(per_sample "${after[0]}" "${after[1]}" "$samples")
}

bench_unwind() {
	make -s all $build/deep-nofp $build/deep-fp $build/fpstack
	echo 1 >"$stats"
	machine
	measure_other
	echo "ns a CPU sample: exoprof's whole program (walk, hash, count) on code without frame pointers,"
	echo "beside bpf_get_stack() alone on the same code with them. $hz Hz, $seconds s."
	echo
	echo '| depth | exoprof | whole stacks | bpf_get_stack | ratio |'
	echo '|---|---|---|---|---|'
	for depth in 5 30 100; do
		measure_exoprof $depth
		measure_kernel $depth
		printf '| %s | %s ns | %s | %s ns (depth %s) | %s |\n' "$depth" "$ours" "$ours_whole" \
			"$kernel" "$kernel_depth" \
			"$(awk -v a="$ours" -v b="$kernel" 'BEGIN { printf "%.2f", a / b }')"
	done
}

# Milliseconds from the start of exoprof to its ready line, and what it says of its rows.
measure_attach() {
	local name=$1 pid=$2 begin end
	begin=$(date +%s%N)
	attach_cpu "$pid"
	end=$(date +%s%N)
	printf '| %s | %s ms | %s |\n' "$name" $(((end - begin) / 1000000)) \
		"$(curl -sf "$url" | sed -n 's/.*Unwind rows: \([^<]*\).*/\1/p')"
	stop "$exoprof"
}

bench_attach() {
	local chromium_pid
	make -s all $build/llvm
	machine
	echo '| target | ready after | unwind rows |'
	echo '|---|---|---|'
	start build/demo-server --listen 127.0.0.1:0
	sleep 0.5
	measure_attach demo-server "$started"
	stop "$started"
	start $build/llvm
	sleep 1
	measure_attach "a program linked to libLLVM-14" "$started"
	stop "$started"
	if command -v chromium >/dev/null; then
		start chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
			--disable-background-networking --disable-component-update --disable-sync \
			--user-data-dir="$work/chromium" --remote-debugging-port=0 about:blank
		sleep 4
		chromium_pid=$(pgrep -o -f 'chromium.*--headless' || true)
		[ -z "$chromium_pid" ] || measure_attach chromium "$chromium_pid"
		stop "$started"
		pkill -f "user-data-dir=$work/chromium" || true
	fi
}

# whole FILE: "N of M (P%)" of a profile, by its own word.
whole() {
	go tool pprof -comments "$1" | awk -F'[ ,]+' '/^stacks, by samples/ {
		total = $4 + $6 + $8
		printf "%d of %d (%.2f%%)", $4, total, total ? 100 * $4 / total : 0
	}'
}

bench_stacks() {
	local address
	make -s all
	machine
	start build/demo-server --listen 127.0.0.1:0
	sleep 0.5
	address=$(sed -n 's/.*\(http:[^ ]*\).*/\1/p' "$work/out")
	serve "$started" || die "exoprof did not start: $(cat "$work/exoprof")"
	wrk -t1 -c16 -d25s "$address/gc" >/dev/null &
	curl -sf "${url}profile?seconds=20" -o "$work/cpu.pb.gz"
	curl -sf "${url}heap" -o "$work/heap.pb.gz"
	echo "demo-server under /gc load, with Debian's libh2o, libssl and libc: stacks that are whole,"
	echo "down to _start or clone3:"
	echo
	echo '| profile | whole stacks, by samples |'
	echo '|---|---|'
	printf '| CPU, 20 s | %s |\n' "$(whole "$work/cpu.pb.gz")"
	printf '| heap | %s |\n\n' "$(whole "$work/heap.pb.gz")"
	go tool pprof -comments "$work/cpu.pb.gz" | grep -E '^(truncated|frames passed)' || true
}
