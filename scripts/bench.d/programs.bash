# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Programs that people run, as Debian packages them, under load: how many of their stacks are whole,
# and how many of their frames have a name.

seconds=10

# PostgreSQL does not run as root.
as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups)

# Each: starts the program and its load in the background, and says in $target how exoprof is to find
# it.
start_postgresql() {
	local bin data=$work/postgresql
	bin=$(echo /usr/lib/postgresql/*/bin)
	mkdir "$data"
	chown nobody:nogroup "$data"
	chmod 711 "$work"
	"${as_nobody[@]}" "$bin/initdb" -D "$data" -A trust -U bench >/dev/null
	"${as_nobody[@]}" "$bin/postgres" -D "$data" -k "$data" -c listen_addresses= \
		>"$work/postgresql.log" 2>&1 &
	until "${as_nobody[@]}" "$bin/pg_isready" -q -h "$data" -U bench; do sleep 0.2; done
	"${as_nobody[@]}" "$bin/createdb" -h "$data" -U bench bench
	"${as_nobody[@]}" "$bin/pgbench" -q -i -s 5 -h "$data" -U bench bench >/dev/null 2>&1
	"${as_nobody[@]}" "$bin/pgbench" -c 4 -T 600 -C -h "$data" -U bench bench >/dev/null 2>&1 &
	target=(--name postgres --follow-children)
}

start_nginx() {
	cat >"$work/nginx.conf" <<-END
		daemon off; pid $work/nginx.pid; error_log stderr crit; worker_processes 2;
		events { }
		http {
			access_log off; gzip on; gzip_types *; gzip_min_length 1;
			server { listen 127.0.0.1:18080; root /usr/share; }
		}
	END
	nginx -c "$work/nginx.conf" >"$work/nginx.log" 2>&1 &
	target=(-p $! --follow-children)
	until curl -s -o /dev/null http://127.0.0.1:18080/; do sleep 0.2; done
	wrk -t1 -c8 -d600s -H 'Accept-Encoding: gzip' \
		http://127.0.0.1:18080/common-licenses/GPL-3 >/dev/null 2>&1 &
}

start_python3() {
	/usr/bin/python3 -c '
import json, re, threading
def parse():
    text = json.dumps({str(i): [i, {"name": "n" * (i % 50)}] for i in range(2000)})
    while True:
        json.loads(text)
        sorted(re.findall(r"n+", text), key=len)
threading.Thread(target=parse).start()
parse()' &
	target=(-p $!)
}

# files_with_symbols FILE: which of the profile files mappings have a symbol table of all functions,
# in themselves or in a debug file; a line each.
files_with_symbols() {
	local file build_id
	go tool pprof -symbolize=none -raw "$1" 2>/dev/null |
		awk '/^Mappings/ { on = 1; next } on { print $3, $4 }' | sort -u |
		while read -r file build_id; do
			build_id=${build_id%%[^0-9a-f]*}
			if [[ $file == "[kernel]" || $file == "[vdso]" ]] ||
				{ [ -f "$file" ] && readelf -SW "$file" 2>/dev/null | grep -q ' \.symtab '; } ||
				{ [ "${#build_id}" -gt 2 ] &&
					[ -f "/usr/lib/debug/.build-id/${build_id:0:2}/${build_id:2}.debug" ]; }; then
				echo "$file"
			fi
		done
}

# report NAME FILE: a row of the table. A frame without a name is [module+0x...].
report() {
	files_with_symbols "$2" >"$work/files"
	go tool pprof -symbolize=none -raw "$2" 2>/dev/null |
		awk -v name="$1" -v files="$work/files" -f scripts/bench.d/programs.awk
}

# measure NAME DEBUG: DEBUG says whether the debug packages are there; where not, in a mount namespace
# that hides them.
measure() {
	target=()
	"start_$1"
	sleep 2
	build/exoprof record "${target[@]}" -F 499 -d "$seconds" -o "$work/$1.pb.gz" 2>"$work/$1.err" ||
		die "$(cat "$work/$1.err")"
	report "| $1 | $2 |" "$work/$1.pb.gz"
}

# A process of this script for each, so that what one has started ends with it.
bench_program() {
	measure "$@"
}

bench_programs() {
	local program
	machine
	echo "| program | libc6-dbg | samples | whole stacks | named frames | of files with symbols |"
	echo "|---|---|---|---|---|---|"
	for program in postgresql nginx python3; do
		scripts/bench program "$program" yes
		unshare --mount bash -c \
			"mount -t tmpfs none /usr/lib/debug && exec scripts/bench program $program no"
	done
}
