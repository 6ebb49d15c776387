# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench: what following the heap costs. In each round every row of the table gets
# its turn with fresh targets, and is set against the rows of the same round.

. scripts/bench.d/tools.bash

rounds=3
seconds=5
chain='main;level_1;level_2;level_3;level_4;level_5;level_6;level_7;level_8;level_9;site'
# /gc as it is on average, but every request the same.
gc_blocks=525
server=(build/demo-server --threads 1 --listen 127.0.0.1:0 --gc-min-alloc "$gc_blocks"
	--gc-max-alloc $((gc_blocks + 1)))
declare -A failed=() stacks=()

usage() {
	die "usage: scripts/bench heap [--rounds N] [--seconds N] [--only ROW,ROW...]; rows: ${rows[*]}"
}

parse() {
	while [ $# -gt 0 ]; do
		[ $# -ge 2 ] || usage
		case $1 in
		--rounds) rounds=$2 ;;
		--seconds) seconds=$2 ;;
		--only) IFS=, read -r -a rows <<<"none,floor,$2" ;;
		*) usage ;;
		esac
		shift 2
	done
}

need_packages() {
	local package missing=()
	for package in "${packages[@]}"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			missing+=("$package")
	done
	[ ${#missing[@]} -eq 0 ] ||
		die "missing packages: apt-get install --no-install-recommends ${missing[*]}"
}

# --- one target with one tool ---------------------------------------------------------------------

# launch ROW PROGRAM ARGUMENT...: sets $job, and $pid: another one where a tool starts the target.
launch() {
	local prefix name
	read -r -d '' -a prefix <<<"${with[$1]:-}" || true
	: >"$work/target"
	"${prefix[@]//@/$work}" "${@:2}" >"$work/target" 2>&1 &
	job=$!
	name=$(basename "$2")
	for ((i = 0; i < 100; i++)); do
		pid=$(ps -o pid=,comm= -p "$(tree $job | paste -sd,)" |
			awk -v name="$name" '$2 == name { print $1 }')
		[ -z "$pid" ] || return 0
		sleep 0.1
	done
	why="the target did not start: $(head -n 1 "$work/target")"
	return 1
}

attach() {
	tool=
	! declare -F "attach_$1" >/dev/null || "attach_$1"
}

# Nothing that was started for a row is there after it.
settle() {
	local left
	[ -z "$tool" ] || end INT 40 "$tool" || : "${why:=had to be killed}"
	[ -z "$pid" ] || end TERM 15 "$pid" || : "${why:=its target had to be killed}"
	for ((i = 0; i < 150; i++)); do
		[ -n "$(jobs -pr)" ] || break
		sleep 0.1
	done
	# shellcheck disable=SC2046
	for left in $(jobs -pr); do kill -KILL $(tree "$left") 2>/dev/null; done
	wait
	tool='' pid=''
	rm -f "$work"/heaptrack.* "$work"/gperftools.* "$work"/jemalloc.*
}

# Pairs a second of the loop over the next $seconds.
loop_rate() {
	local from
	from=$(wc -l <"$work/target")
	sleep "$seconds"
	alive "$pid" || return 1
	tail -n +$((from + 1)) "$work/target" | awk 'NF == 3 && $1 + 0 == $1 {
		if (!n++) { ns = $1; pairs = $2 }
		end_ns = $1; end_pairs = $2
	} END { if (n > 1) printf "%.1f", (end_pairs - pairs) * 1e9 / (end_ns - ns) }'
}

# Requests a second of /gc.
gc_rate() {
	local address
	pass 'http:' "$work/target" 10 || return 1
	address=$(sed -n 's/.*\(http:[^ ]*\).*/\1/p' "$work/target")
	timeout $((seconds + 10)) wrk -t1 -c8 -d"${seconds}s" "$address/gc" |
		awk '/^Requests\/sec/ && $2 > 0 { print $2 }'
}

# CPU seconds and peak resident MiB of processes. Those that are gone count no more.
used() {
	local process cpu=0 kib=0 fields
	for process in "$@"; do
		[ -r /proc/"$process"/stat ] || continue
		read -r -a fields < <(sed 's/.*) //' /proc/"$process"/stat)
		cpu=$((cpu + fields[11] + fields[12]))
		kib=$((kib + $(awk '/^VmHWM/ { print $2 }' /proc/"$process"/status)))
	done
	awk -v t=$cpu -v hz="$(getconf CLK_TCK)" -v kib=$kib \
		'BEGIN { printf "%.2f %.1f", t / hz, kib / 1024 }'
}

# MiB of the BPF maps that a process has.
maps_mib() {
	cat /proc/"$1"/fdinfo/* 2>/dev/null | awk '
		/^memlock:/ { bytes = $2 }
		/^map_id:/ { if (!seen[$2]++) all += bytes }
		END { printf "%.1f", all / 1048576 }'
}

# What the row's tool has used, outside the target: CPU seconds, MiB of processes, MiB of BPF maps;
# and the target's MiB.
resources() {
	local others=() process maps=0
	if [ -n "$tool" ]; then
		others=("$tool")
		maps=$(maps_mib "$tool")
	fi
	for process in $(tree "$job"); do
		[ "$process" = "$pid" ] || others+=("$process")
	done
	echo "$(used "${others[@]}") $maps $(used "$pid" | cut -d ' ' -f 2)"
}

# measure ROW RATE PROGRAM ARGUMENT...: appends to results: round row RATE value, and what was used.
measure() {
	local value=
	why=
	look_for_others
	if launch "$1" "${@:3}" && sleep 0.5 && attach "$1"; then
		sleep 0.5
		value=$("$2") || true
		[ -n "$value" ] || why='came to a standstill'
		[ -z "$value" ] || echo "$round $1 $2 $value $(resources)" >>"$work/results"
	fi
	settle
	[ -z "$why" ] || failed[$1]=$why
}

# --- are its stacks right? ------------------------------------------------------------------------

# The share of allocations of build/bench/chain whose chain is shown whole; what runs before main is
# left out.
whole_chains() {
	awk -v chain="$chain" '
		/_dl_init|call_init/ { next }
		{ all += $NF }
		index($0, chain) { whole += $NF }
		END { if (all) printf "%.1f%%", 100 * whole / all }'
}

check_stacks() {
	why=
	stacks[$1]=
	declare -F "folded_$1" >/dev/null || return 0
	if launch "$1" "$build/chain" && sleep 0.5 && attach "$1"; then
		sleep "$seconds"
		stacks[$1]=$("folded_$1" | whole_chains)
		[ -n "${stacks[$1]}" ] || stacks[$1]='none shown'
	fi
	settle
	[ -z "$why" ] || : "${failed[$1]:=$why}"
}

# --- the table ------------------------------------------------------------------------------------

# Medians over the rounds, of lines "round row rate value cpu processes maps target". A slowdown is
# taken within a round.
medians=$awk_median'
	{
		rounds = $1
		for (i = 4; i <= NF; i++)
			seen[$1, $2, $3, i] = $i
	}'

# slower ROW OTHER RATE: how many times the row is slower than the other one.
slower() {
	awk -v row="$1" -v other="$2" -v rate="$3" "$medians"'
		END {
			for (round = 1; round <= rounds; round++)
				if (((round, row, rate, 4) in seen) && ((round, other, rate, 4) in seen))
					list[++n] = seen[round, other, rate, 4] / \
						seen[round, row, rate, 4]
			x = n ? median(list, n) : 0
			printf x ? x < 10 ? "%.2f" : x < 100 ? "%.1f" : "%.0f" : "-", x
		}' "$work/results"
}

# middle ROW RATE FIELD FORMAT
middle() {
	awk -v row="$1" -v rate="$2" -v field="$3" -v format="$4" "$medians"'
		END {
			for (round = 1; round <= rounds; round++)
				if ((round, row, rate, field) in seen)
					list[++n] = seen[round, row, rate, field]
			printf format, n ? median(list, n) : 0
		}' "$work/results"
}

# The cells of what a tool used: its processes under /gc load, and what the loop has grown by.
print_used() {
	local row=$1 grown
	grown=$(($(middle "$row" loop_rate 8 %.0f) - $(middle none loop_rate 8 %.0f)))
	if [ "$row" = none ]; then
		echo '- | -'
	elif [ -z "${with[$row]:-}" ]; then
		echo "$(middle "$row" gc_rate 5 %.1f) | $(middle "$row" gc_rate 6 %.0f)" \
			"+ $(middle "$row" gc_rate 7 %.0f) MiB"
	elif [ "$row" = heaptrack ]; then
		echo "$(middle "$row" gc_rate 5 %.1f), and the target's |" \
			"$(middle "$row" gc_rate 6 %.0f) MiB, $grown MiB in the target"
	else
		echo "the target's | $grown MiB in the target"
	fi
}

print_row() {
	local row=$1 loop gc restart=no
	loop=$(slower "$row" none loop_rate)
	gc=$(slower "$row" none gc_rate)
	if [ -n "${base[$row]:-}" ]; then
		loop+=" ($(slower "$row" "${base[$row]}" loop_rate))"
		gc+=" ($(slower "$row" "${base[$row]}" gc_rate))"
	fi
	[ -z "${with[$row]:-}" ] || restart=yes
	[ "$row" != none ] || restart=-
	printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "${title[$row]}" \
		"$loop" "$(slower "$row" floor loop_rate)" "$gc" "$(slower "$row" floor gc_rate)" \
		"$(print_used "$row")" "${stacks[$row]:--}" "$restart"
}

print_table() {
	local row
	echo '| tool | loop | to floor | `/gc` | to floor | CPU s | peak memory | whole chains | restart |'
	echo '|---|---|---|---|---|---|---|---|---|'
	for row in "${rows[@]}"; do print_row "$row"; done
	echo
	for row in "${rows[@]}"; do
		[ -z "${failed[$row]:-}" ] || echo "- ${title[$row]}: ${failed[$row]}"
		[ -z "${remark[$row]:-}" ] || echo "- ${title[$row]}: ${remark[$row]}"
	done
}

# What a slowdown of 1 is.
print_bare() {
	local pairs
	pairs=$(middle none loop_rate 4 %.0f)
	printf 'No tool: %s ns a pair, %s requests a second.\n\n' \
		"$(awk -v p="$pairs" 'BEGIN { printf "%.1f", 1e9 / p }')" "$(middle none gc_rate 4 %.0f)"
	[ $disturbed -eq 0 ] ||
		printf 'Others had probes on this machine at %s of %s measurements: measure again.\n\n' \
			$disturbed "$(wc -l <"$work/results")"
}

run_rounds() {
	local row
	: >"$work/results"
	for ((round = 1; round <= rounds; round++)); do
		for row in "${rows[@]}"; do
			echo "round $round: $row" >&2
			[ -n "${failed[$row]:-}" ] || measure "$row" loop_rate $build/mallocs 3600
			[ -n "${failed[$row]:-}" ] || measure "$row" gc_rate "${server[@]}"
		done
	done
}

bench_heap() {
	local row
	parse "$@"
	need_packages
	make -s all $build/mallocs $build/chain $build/floor
	run_rounds
	for row in "${rows[@]}"; do
		echo "stacks: $row" >&2
		check_stacks "$row"
	done
	machine
	print_bare
	print_table
}
