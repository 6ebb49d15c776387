# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench: what following time off the CPU costs a program that does nothing but
# switch between threads, beside offcputime of bcc's libbpf-tools.

rounds=3
seconds=3

# measure_switches FILE: appends "SWITCHES_PER_S CPU_NS_PER_SWITCH" of the seconds to come.
measure_switches() {
	local before
	before=$(wc -l <"$work/switches")
	sleep $((seconds + 1)).2
	# The first is of a time that has begun before.
	tail -n +$((before + 2)) "$work/switches" | head -n "$seconds" |
		awk '{ n += $1; cpu += $2; wall += $3 } END { print n / wall * 1e9, cpu / n }' >>"$1"
}

# Shares of delay whose stack goes down to clone3 or _start, of a profile of exoprof's.
block_whole() {
	curl -sf "${url}block?format=folded" -o "$work/folded" || true
	awk '{ all += $NF; if (!/truncated|lost/) whole += $NF }
		END { printf "%.1f%%", all ? 100 * whole / all : 0 }' "$work/folded"
}

# with_exoprof ROW PID OPTION...
with_exoprof() {
	local row=$1 pid=$2
	shift 2
	serve "$pid" --no-heap "$@" || die "exoprof did not start: $(cat "$work/exoprof")"
	measure_switches "$work/row.$row"
	[ "$pid" != "$workload" ] || [ "$row" = none ] || block_whole >"$work/whole.$row"
	stop "$exoprof"
}

# The one of libbpf-tools: the other needs the running kernel's own headers.
with_offcputime() {
	local tool
	command -v offcputime >/dev/null || return 0
	offcputime -p "$workload" --stack-storage-size 16384 $((seconds + 6)) >"$work/bcc" 2>/dev/null &
	tool=$!
	sleep 1
	measure_switches "$work/row.bcc"
	wait "$tool" || true
	# A stack, a line with the thread's name, a line with microseconds.
	awk '/^    -  / { getline; all += $1; if (is_whole) whole += $1; is_whole = 0; next }
		/^ *(clone3|_start|__clone3)$/ { is_whole = 1 }
		END { printf "%.1f%%", all ? 100 * whole / all : 0 }' "$work/bcc" >"$work/whole.bcc"
}

print_row() {
	local row=$1 title=$2 rate ns
	[ -s "$work/row.$row" ] || return 0
	# The round that others have disturbed least.
	rate=$(cut -d ' ' -f 1 "$work/row.$row" | sort -g | tail -n 1)
	ns=$(cut -d ' ' -f 2 "$work/row.$row" | sort -g | head -n 1)
	[ "$row" != none ] || { none_rate=$rate none_ns=$ns; }
	awk -v title="$title" -v rate="$rate" -v ns="$ns" -v none_rate="$none_rate" -v none_ns="$none_ns" \
		-v whole="$(cat "$work/whole.$row" 2>/dev/null || echo -)" 'BEGIN {
			printf "| %s | %.0f | %.2f | %.0f | %+.0f | %s |\n", title, rate, ns / none_ns, ns,
				ns - none_ns, whole
		}'
}

bench_offcpu() {
	while [ $# -gt 1 ]; do
		case $1 in
		--rounds) rounds=$2 ;;
		--seconds) seconds=$2 ;;
		*) die "offcpu: what is $1?" ;;
		esac
		shift 2
	done
	make -s all $build/switches
	machine
	$build/switches >"$work/switches" &
	workload=$!
	sleep 1000 &
	other=$!
	sleep 1
	for ((round = 0; round < rounds; round++)); do
		measure_switches "$work/row.none"
		with_exoprof other "$other"
		with_exoprof default "$workload"
		with_exoprof all "$workload" --offcpu-rate 0
		with_exoprof switch "$workload" --offcpu-walk switch
		with_offcputime
	done
	echo '| attached | switches a second | times | CPU ns a switch | cost, ns | whole stacks |'
	echo '|---|---|---|---|---|---|'
	print_row none nothing
	print_row other '**exoprof**, to another process'
	print_row default '**exoprof**, the default'
	print_row all '**exoprof** --offcpu-rate 0: every wait walked'
	print_row switch '**exoprof** --offcpu-walk switch, as before Linux 6.16'
	print_row bcc 'offcputime -p PID (libbpf-tools)'
	stop "$workload"
	stop "$other"
}
