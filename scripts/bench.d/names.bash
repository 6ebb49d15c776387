# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench: what names, lines and inlined functions cost, for a program of 20,000
# functions with about 100 MB of debug information, of which 10,000 and more are sampled.

units=200
functions=100
types=750
hz=10000
seconds=5

# build_large FILE
build_large() {
	awk -v folder="$work" -v units=$units -v functions=$functions -v types=$types \
		-f tests/bench/names.awk
	echo "compiling $units files" >&2
	# Types are described whether they are used or not, as real code uses those of its headers.
	(cd "$work" && printf '%s\n' ./*.cc |
		xargs -P "$(nproc)" -n 4 g++ -O1 -g -fno-eliminate-unused-debug-types -c &&
		g++ ./*.o -o "$1" && rm -f ./*.o)
	printf '%s functions in %s files. ' $((units * functions)) $units
}

# status KEY: in MiB, of exoprof.
status() {
	awk -v key="$1:" '$1 == key { printf "%d", $2 / 1024 }' "/proc/$exoprof/status"
}

# Of the process that reads the files for it, in MiB.
worker_rss() {
	curl -sf "${url%debug/pprof/}metrics" |
		awk '$1 == "exoprof_symbolizer_resident_bytes" { printf "%d", $2 / 1048576 }'
}

# A row: what came after a window of so many seconds.
served_row() {
	local taken
	taken=$(curl -sf -o "$work/served.pb.gz" -w '%{time_total}' "${url}profile?seconds=$seconds")
	printf '| served %s: %s places | %s | %s | %s | %s | %s | %s |\n' "$1" \
		"$(go tool pprof -raw -symbolize=none "$work/served.pb.gz" 2>/dev/null |
			awk '/^Locations/ { on = 1; next } /^Mappings/ { on = 0 } on && / M=1 / { n++ } END { print n + 0 }')" \
		"$(awk -v taken="$taken" -v seconds=$seconds 'BEGIN { printf "%.1f", (taken - seconds) * 1e3 }')" \
		"$(status VmRSS)" "$(status RssAnon)" "$(status RssFile)" "$(status VmHWM)" "$(worker_rss)"
}

# exoprof on its own, of what is stopped.
driver_rows() {
	kill -STOP "$1"
	$build/names "$1" $((units * functions / 2))
	kill -CONT "$1"
}

served_rows() {
	serve "$1" --no-heap --frequency $hz || die "exoprof did not start: $(cat "$work/exoprof")"
	printf '| serving, nothing asked yet | - | %s | %s | %s | %s | %s |\n' \
		"$(status VmRSS)" "$(status RssAnon)" "$(status RssFile)" "$(status VmHWM)" "$(worker_rss)"
	served_row first
	served_row second
	served_row third
	stop "$exoprof"
}

bench_names() {
	local large program=$work/large
	make -s all $build/names
	machine
	if [ "${1:-}" = --program ]; then program=$2; else build_large "$program"; fi
	size -A "$program" |
		awk '/^\.debug/ { sum += $2 } END { printf "%d MiB of debug information\n\n", sum / 1048576 }'
	start "$program"
	large=$started
	# It must have become that program.
	sleep 0.5
	printf '| what | ms | VmRSS MiB | RssAnon | RssFile | VmHWM | worker VmRSS |\n|---|---|---|---|---|---|---|\n'
	driver_rows "$large"
	served_rows "$large"
	stop "$large"
}
