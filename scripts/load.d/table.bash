# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/load: results as a table, or as lines for other programs.

fields=(requests_per_second p50_ms p90_ms p99_ms max_ms errors)

# Of a row's lines "round with value..." the medians over the rounds: a line for each of without and
# with exoprof, the ratio of requests a second in front, which is taken within a round.
medians() {
	awk -F '\t' -v OFS='\t' "$awk_median"'
		{
			rounds = $1
			seen[$2] = 1
			for (i = 3; i <= NF; i++) value[$2, $1, i] = $i
		}
		function ratio(    list, r, n) {
			for (r = 1; r <= rounds; r++)
				if (value["no", r, 3] > 0)
					list[++n] = value["yes", r, 3] / value["no", r, 3]
			return n ? sprintf("%.2f", median(list, n)) : "-"
		}
		function line(with,    i, r, x, list, text) {
			text = with OFS (with == "yes" ? ratio() : "-")
			for (i = 3; i <= 8; i++) {
				for (r = 1; r <= rounds; r++) list[r] = value[with, r, i]
				x = median(list, rounds)
				text = text OFS sprintf(i == 3 || i == 8 ? "%.0f" : x < 10 ? "%.2f" : "%.1f", x)
			}
			print text
		}
		END { line("no"); if ("yes" in seen) line("yes") }' "$work/results"
}

print_head() {
	if [ -n "$tsv" ]; then
		printf 'condition\tload\texoprof\tratio'
		printf '\t%s' "${fields[@]}"
		echo
	else
		echo '| condition | load | requests/s | ratio | p50 ms | p90 ms | p99 ms | max ms | errors |'
		echo '|---|---|---|---|---|---|---|---|---|'
	fi
}

# print_row CONDITION LOAD
print_row() {
	local name=$2
	[[ $name == *,* ]] || name=/${name%=*}
	if [ -n "$tsv" ]; then
		medians | sed "s|^|$1\t$name\t|"
	else
		medians | awk -F '\t' -v condition="$1" -v load="$name" '
			NR == 1 { for (i = 3; i <= NF; i++) cell[i] = $i; ratio = "-"; n = NF }
			NR == 2 { for (i = 3; i <= NF; i++) cell[i] = cell[i] " / " $i; ratio = $2 }
			END {
				printf "| %s | %s | %s | %s |", condition, load, cell[3], ratio
				for (i = 4; i <= n; i++) printf " %s |", cell[i]
				print ""
			}'
	fi
}

client_note() {
	if [ -n "$http2" ]; then
		echo "$connections connections with $streams requests under way on each, by h2load over HTTP/2."
	else
		echo "$connections connections with a request under way on each, by wrk over HTTP/1.1, without wrk's correction."
	fi
}

# What one has to know to read the table.
print_notes() {
	local condition
	echo
	echo "- $(client_note) A connection asks again only when it has its answer (a closed loop), so while the server is slow fewer requests are sent and measured: what users who do not wait for each other would see is worse (coordinated omission). wrk2, which sends at a fixed rate, is not in Debian."
	echo "- Errors: connections that failed or broke, answers of 400 and above, answers after more than 60 s. Requests that had no answer at the end of a measurement are not counted."
	[ "$slow_clients" -eq 0 ] ||
		echo "- Beside them $slow_clients slow clients, half sending and half reading a byte every 50 ms; in the last measurement: $slow_result."
	[ -z "$running" ] || return 0
	[ "$disturbed" -eq 0 ] ||
		echo "- Others had probes on this machine in $disturbed of $attached measurements with exoprof, which makes its probes dearer: measure again."
	echo "- a / b: without exoprof / with it (exoprof serve ${exoprof_options[*]:-by default}${cpu_profile:+, a CPU profile being taken}). Medians of $rounds measurements of $duration s, taken by turns, each with a fresh server; ratio: of requests a second, within a turn. Client, server, exoprof and network share $(nproc) CPUs."
	for condition in ${conditions//,/ }; do
		echo "- ${condition%%=*}: $(describe "$condition")."
	done
	echo "- The network is made by $(emulation). TCP's congestion control: $(congestion_control)."
}
