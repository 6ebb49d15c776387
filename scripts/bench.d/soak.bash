# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench: does exoprof stay as it is, hour after hour? demo-server under a steady
# stream of /gc, and a program of four threads that does nothing but allocate and keep books of it, each
# with an exoprof of its own; once a minute, what those hold.

books_rate=65536

# figures NAME PID URL: one row, of an exoprof. Blocks: sampled ones that are in use; rows: of (stack,
# size).
soak_row() {
	printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$((SECONDS / 60))" "$1" \
		"$(awk '/^VmRSS/ { print $2 }' "/proc/$2/status")" "$(map_kib "$2")" \
		"$(find "/proc/$2/fd" -type l | wc -l)" \
		"$(curl -sf "$3" -o "$work/soak.pb.gz" && go tool pprof -raw "$work/soak.pb.gz" 2>/dev/null |
			awk '/^Samples:/ { on = 1 } /^Locations/ { on = 0 } on && /:/ { rows++; if ($3 > 0) blocks++ } END { print rows + 0 " (" blocks + 0 " in use)" }')" \
		"$(go tool pprof -comments "$work/soak.pb.gz" 2>/dev/null | sed -n 's/.*passed over; lost: //p' |
			sed 's/ ([a-z ]*\(; counted as freed\)*)//g')"
}

soak_demo() {
	start_demo
	serve "$demo" || die "exoprof did not start: $(cat "$work/exoprof")"
	demo_exoprof=$exoprof demo_profile=${url}heap
	# Each request keeps five or six blocks of 10 KiB for ever.
	h2load -t1 -c4 --rps 12 -D "$((60 * minutes))" "$demo_url/gc" >"$work/h2load" 2>&1 &
	load=$!
}

soak_books() {
	mkfifo "$work/go"
	exec 4<>"$work/go"
	build/targets/books --threads 4 --seconds "$((60 * minutes))" <"$work/go" >"$work/books" 2>&1 &
	books=$!
	sleep 0.5
	serve "$books" --heap-rate "$books_rate" || die "exoprof did not start: $(cat "$work/exoprof")"
	books_exoprof=$exoprof books_profile=${url}heap
	printf 1 >&4
}

# What is in use by the programs' own word and by the profiles, in bytes.
soak_compare() {
	local stats
	wait "$load" || true
	while ! grep -qx end "$work/books"; do sleep 1; done
	sleep 2
	stats=$(curl -s "$demo_url/stats" | jq .gc.retained_bytes)
	curl -sf "$demo_profile" -o "$work/demo.pb.gz"
	curl -sf "$books_profile" -o "$work/books.pb.gz"
	printf '\nAt the end, bytes in use: /stats %s, heap profile %s (gc_heavy_handler); ' "$stats" \
		"$(in_use "$work/demo.pb.gz" gc_heavy_handler)"
	printf 'books %s, heap profile %s; allocated: books %s, profile %s\n' \
		"$(awk '$1 == "site" { sum += $6 } END { print sum }' "$work/books")" \
		"$(in_use "$work/books.pb.gz" '^site_')" \
		"$(awk '$1 == "site" { sum += $4 } END { print sum }' "$work/books")" \
		"$(in_use "$work/books.pb.gz" '^site_' alloc_space)"
}

# in_use PROFILE FUNCTION [TYPE]
in_use() {
	go tool pprof -top -unit=bytes -sample_index="${3:-inuse_space}" -nodefraction=0 -focus="$2" "$1" \
		2>/dev/null | sed -n 's/^Showing nodes accounting for \([0-9.e+]*\)B.*/\1/p'
}

bench_soak() {
	minutes=20
	[ "${1:-}" != --minutes ] || minutes=$2
	make -s build/exoprof build/demo-server build/targets/books
	machine
	soak_demo
	soak_books
	printf '| minute | exoprof of | RSS KiB | BPF maps KiB | descriptors | rows | lost |\n|---|---|---|---|---|---|---|\n'
	SECONDS=0
	while kill -0 "$load" 2>/dev/null; do
		sleep 58
		soak_row demo-server "$demo_exoprof" "$demo_profile"
		soak_row books "$books_exoprof" "$books_profile"
	done
	soak_compare
}
