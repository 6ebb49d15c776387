# SPDX-License-Identifier: Apache-2.0
# Loaded by every end-to-end test. A test starts what it needs by `start` and its kin; teardown ends
# it all, and fails the test if anything stays behind: a process, or a BPF program that no process
# holds. Others may run exoprof on the same machine: theirs is never touched or counted.

bats_require_minimum_version 1.5.0

root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# Another build of it: with sanitizers (make e2e-asan), or gcov's counters (scripts/coverage).
exoprof=${EXOPROF_BINARY:-$root/build/exoprof}
demo_server=$root/build/demo-server
targets=$root/build/targets

# These tests are about the real thing. Where it cannot run they fail: a skipped test shows nothing.
setup_file() {
	if ! "$exoprof" check > "$BATS_FILE_TMPDIR/check" 2>&1; then
		echo "the end-to-end tests need root and a kernel with BPF; exoprof check says:" >&2
		cat "$BATS_FILE_TMPDIR/check" >&2
		return 1
	fi
}

# Whether perf events take CAP_SYS_ADMIN here, as on kernels of Debian and Ubuntu by default.
events_take_admin() { grep -qs '^note *perf events without CAP_SYS_ADMIN' "$BATS_FILE_TMPDIR/check"; }

# For setpriv, behind those that exoprof needs elsewhere.
events_caps() { if events_take_admin; then echo ,+sys_admin; fi; }

setup() {
	# An empty directory: nothing may depend on where a command is run.
	cd "$BATS_TEST_TMPDIR" || return
	export PPROF_TMPDIR=$BATS_TEST_TMPDIR/pprof
	: > "$BATS_TEST_TMPDIR/.started"
	# What a sanitizer has to say goes to a file, since tests look at what exoprof says; it
	# fails the test at the end.
	export ASAN_OPTIONS=log_path=$BATS_TEST_TMPDIR/.sanitizer
	export UBSAN_OPTIONS=print_stacktrace=1:log_path=$BATS_TEST_TMPDIR/.sanitizer
	export LSAN_OPTIONS=suppressions=$root/tests/leaks.supp:print_suppressions=0
}

teardown() {
	stop_all
	no_sanitizer_report
}

no_sanitizer_report() {
	local report status=0
	for report in "$BATS_TEST_TMPDIR"/.sanitizer*; do
		[ -e "$report" ] || continue
		cat "$report" >&2
		status=1
	done
	# UBSan's go to stderr all the same, and end exoprof.
	if grep -s ' runtime error: ' "$BATS_TEST_TMPDIR"/*.err; then status=1; fi
	return $status
}

# say_and_fail TEXT...
say_and_fail() {
	echo "$*" >&2
	return 1
}

# not COMMAND...: bash passes a failed `! command` over.
not() {
	if "$@"; then say_and_fail "should fail: $*"; fi
}

# wait_for SECONDS COMMAND...: until the command succeeds. EXOPROF_TEST_SLOW says how many times slower
# than others this machine is (scripts/vm-matrix).
wait_for() {
	local deadline=$((SECONDS + $1 * ${EXOPROF_TEST_SLOW:-1} + 1))
	shift
	until "$@" > /dev/null 2>&1; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			say_and_fail "waited in vain for: $*"
			return 1
		fi
		sleep 0.05
	done
}

# start NAME COMMAND...: in the background, with NAME.out and NAME.err; STARTED is its pid.
start() {
	local name=$1
	shift
	# The background is slower than who looks for what one of this name before has said.
	: > "$BATS_TEST_TMPDIR/$name.out"
	"$@" > "$BATS_TEST_TMPDIR/$name.out" 2> "$BATS_TEST_TMPDIR/$name.err" < "${STDIN:-/dev/null}" 3>&- 4>&- 5>&- &
	STARTED=$!
	echo "$STARTED" >> "$BATS_TEST_TMPDIR/.started"
}

# start_target NAME [ARGUMENT...]: one of tests/targets that prints "ready". TARGET is its pid. Where
# there is but one slow CPU (EXOPROF_TEST_SLOW) it leaves exoprof the time to attach.
start_target() {
	start target ${EXOPROF_TEST_SLOW:+nice} "$targets/$1" "${@:2}"
	TARGET=$STARTED
	wait_for 10 grep -q ready target.out
}

# start_fed NAME COMMAND...: its stdin is what is written to descriptor 4. TARGET is its pid.
start_fed() {
	mkfifo go
	# Both ends, so that neither opening waits.
	exec 4<> go
	STDIN=go start "$@"
	TARGET=$STARTED
	wait_for 10 grep -qx ready "$1.out"
}

# has_burn_stacks FILE: burn's, with names, from main on; all of the profile's are in "samples".
has_burn_stacks() {
	samples "$1" | tee samples
	grep -q ';burn_a;middle;outer;main;' samples
}

# process_status PID NAME...: of /proc/PID/status.
process_status() {
	local pid=$1 name
	shift
	for name; do awk -v name="$name:" '$1 == name { $1 = ""; print substr($0, 2) }' "/proc/$pid/status"; done
}

# A libc that only the target uses: others' probes go into all programs that have the file.
own_libc() {
	mkdir -p "$BATS_TEST_TMPDIR/lib"
	cp "$(ldd "$targets/books" | awk '$1 == "libc.so.6" { print $3 }')" "$BATS_TEST_TMPDIR/lib/libc.so.6"
	LIBC=$BATS_TEST_TMPDIR/lib/libc.so.6
}

# start_books [VARIABLE=VALUE...] PROGRAM [OPTION...]: one of tests/targets/books, with these in its
# environment. It waits for do_books.
start_books() {
	local environment=()
	while [[ $1 == *=* ]]; do
		environment+=("$1")
		shift
	done
	start_fed books env "${environment[@]}" "$targets/$1" "${@:2}"
}

do_books() {
	printf 1 >&4
	wait_for 60 grep -qx end books.out
}

# A process that does nothing.
start_idle() {
	start idle sleep 1000
	TARGET=$STARTED
}

# start_demo [OPTION...]: DEMO is its pid, DEMO_URL where it listens.
start_demo() {
	start demo "$demo_server" --listen 127.0.0.1:0 "$@"
	DEMO=$STARTED
	wait_for 10 grep -q 'listening on' demo.out
	DEMO_URL=$(grep -o 'http://[^ ]*' demo.out)
}

# start_load SECONDS PATH: on the demo server, by wrk into load.out, which takes a request for failed after
# LOAD_TIMEOUT. LOAD is its pid.
start_load() {
	start load wrk -t1 -c8 --timeout "${LOAD_TIMEOUT:-2s}" "-d${1}s" "$DEMO_URL$2"
	LOAD=$STARTED
}

# start_exoprof [OPTION...]: EXOPROF is its pid, URL its /debug/pprof/, in exoprof.out.
start_exoprof() {
	start_exoprof_as exoprof "$@"
}

# The same with another NAME, where there are two.
start_exoprof_as() {
	local name=$1
	shift
	start "$name" "$exoprof" "$@" ${heap_mode:+--heap-mode "$heap_mode"} --listen 127.0.0.1:0
	EXOPROF=$STARTED
	if ! wait_for 20 grep -q 'profiling' "$name.out"; then
		cat "$name.err" >&2
		return 1
	fi
	URL=$(grep -o 'https\?://[^ ,]*' "$name.out" | head -n 1)
}

is_gone() {
	! kill -0 "$1" 2> /dev/null
}

# end PID [SIGNAL]: and wait for it. STATUS is its exit status.
end() {
	kill "-${2:-TERM}" "$1"
	wait_for 15 has_ended "$1"
	STATUS=0
	wait "$1" || STATUS=$?
}

# Gone, or a zombie that `wait` will take.
has_ended() {
	is_gone "$1" || grep -q '^State:.*Z' "/proc/$1/status"
}

# A pid may have been given out again.
is_child() {
	grep -qx "PPid:[[:space:]]$BASHPID" "/proc/$1/status" 2> /dev/null
}

stop_all() {
	local pids pid left=0
	pids=$(tac "$BATS_TEST_TMPDIR/.started")
	for pid in $pids; do
		is_child "$pid" || continue
		kill "$pid" 2> /dev/null || continue
		if ! wait_for 10 has_ended "$pid"; then
			echo "pid $pid did not end: $(tr '\0' ' ' < "/proc/$pid/cmdline")" >&2
			kill -KILL "$pid"
			left=1
		fi
	done
	for pid in $pids; do wait "$pid" 2> /dev/null || true; done
	# Nothing that a thread of exoprof does in its work may be refused it.
	if grep -sH '^exoprof: refused' "$BATS_TEST_TMPDIR"/*.err >&2; then left=1; fi
	if ! wait_for 10 no_program_left; then
		no_program_left
		left=1
	fi
	return $left
}

# --- what is in the kernel ------------------------------------------------------------------------

# Ids of the BPF programs and links that a living process holds: of pid $1, or of all.
held_programs() { cat /proc/${1:-[0-9]*}/fdinfo/* 2> /dev/null | awk '$1 == "prog_id:" { print $2 }' | sort -u; }
# The links are in a thread's own table (collect/link_keeper.h).
held_links() { cat /proc/${1:-[0-9]*}/task/*/fdinfo/* 2> /dev/null | awk '$1 == "link_id:" { print $2 }' | sort -u; }

exoprof_programs() {
	bpftool -j prog show | jq -r '.[] | select((.name // "") | test("^(cpu_tick|heap_(session|free|entry|return)|process_(exec|fork|exit)|offcpu_(switch|back|begin)|threads_look|clone_thread)$")) | .id'
}

# Programs of exoprof, or links to them, that are in the kernel and in no process' hands.
no_program_left() {
	local programs held id
	# In this order: what is loaded in between is held by the time of the second look.
	programs=$(exoprof_programs)
	held=$(held_programs)
	for id in $programs; do
		grep -qx "$id" <<< "$held" && continue
		# Unloaded since?
		bpftool prog show id "$id" > /dev/null 2>&1 || continue
		echo "BPF program $id is left" >&2
		return 1
	done
	# A link keeps its program, so where no program is left, no link is.
}

# count_links PID PROGRAMS: the links of the process to programs whose names match, as `bpftool link`
# shows them.
count_links() {
	local held programs
	held=$(held_links "$1" | as_json)
	programs=$(bpftool -j prog show | jq --arg match "$2" '[.[] | select((.name // "") | test($match)) | .id]')
	bpftool -j link show | jq --argjson held "$held" --argjson programs "$programs" \
		'[.[] | select((.id | IN($held[])) and (.prog_id | IN($programs[])))] | length'
}

as_json() {
	jq -Rsc 'split("\n") | map(select(. != "") | tonumber)'
}

# The links of exoprof in the kernel: of CPU sampling and of heap probes.
cpu_links() { count_links "$EXOPROF" '^cpu_'; }
heap_links() { count_links "$EXOPROF" '^heap_'; }

is_sampling() { [ "$(cpu_links)" -gt 0 ]; }
has_heap_probes() { [ "$(heap_links)" -gt 0 ]; }

# --- fetching and reading -------------------------------------------------------------------------

# fetch FILE PATH: the answer must be 200.
fetch() {
	local status
	status=$(curl -sS -o "$1" -w '%{http_code}' "$URL$2")
	[ "$status" = 200 ] || say_and_fail "$2 gives $status: $(head -c 300 "$1")"
}

# answer STATUS PATH [CURL OPTION...]: HEAD and BODY are what came.
answer() {
	local expected=$1 path=$2 status
	shift 2
	status=$(curl -sS --max-time 20 -D head -o body -w '%{http_code}' "$@" "${URL%/debug/pprof/}$path")
	HEAD=$(tr -d '\r' < head)
	echo "$path: $status: $(head -c 200 body | tr '\0' ' ')"
	[ "$status" = "$expected" ] || return 1
	grep -qix 'x-content-type-options: nosniff' <<< "$HEAD"
}

has() {
	grep -qix -- "$1" <<< "$HEAD" || say_and_fail "no '$1' in: $HEAD"
}

# pprof prints the text only where this header says that it is one.
is_error() {
	has 'x-go-pprof: 1'
	has 'content-type: text/plain; charset=utf-8'
	grep -qF -- "$1" body
}

# top FILE TYPE [UNIT]: values by function, flat and cumulative.
top() {
	go tool pprof -top -unit="${3:-auto}" -sample_index="$2" -nodecount=1000 -nodefraction=0 "$1" 2> /dev/null
}

# Of `go tool pprof -raw`: a line a sample, the values and then the frames' names, leaf first,
# between semicolons.
samples() {
	go tool pprof -raw "$1" 2> /dev/null | awk '
		/^Samples:/ { part = "samples"; getline; next }
		/^Locations/ { part = "locations"; next }
		/^Mappings/ { part = "" }
		part == "samples" && /^ *-?[0-9][-0-9 ]*:/ { line[++n] = $0 }
		# Those that a function is inlined into follow in lines of their own.
		part == "locations" {
			text = $0
			if (sub(/^ *[0-9]+: 0x[0-9a-f]* (M=[0-9]+ )?/, "", text)) {
				id = $1
				sub(":", "", id)
				name[id] = ""
			}
			sub(/^ */, "", text)
			sub(/ [^ ]*:[0-9]+ s=[0-9]+.*/, "", text)
			gsub(" ", "_", text)
			name[id] = name[id] (name[id] == "" ? "" : ";") text
		}
		END {
			for (i = 1; i <= n; i++) {
				split(line[i], parts, ":")
				depth = split(parts[2], ids, " ")
				text = ""
				for (j = 1; j <= depth; j++) text = text ";" name[ids[j]]
				gsub(/ +/, " ", parts[1]); sub(/^ /, "", parts[1])
				print parts[1] " " text ";"
			}
		}'
}

# total FILE INDEX: of one of a sample's values, from 1.
total() {
	samples "$1" | awk -v at="$2" '{ sum += $at } END { printf "%.0f\n", sum }'
}

# by_leaf FILE: the four heap values by the function that called the allocator.
by_leaf() {
	samples "$1" | awk '{
		split($5, frames, ";"); leaf = frames[2]
		for (i = 1; i <= 4; i++) sum[leaf, i] += $i
		seen[leaf] = 1
	} END { for (l in seen) printf "%s %.0f %.0f %.0f %.0f\n", l, sum[l, 1], sum[l, 2], sum[l, 3], sum[l, 4] }' |
		sort
}

# by_site FILE: the same by the function whose name begins with site_ that is nearest to the leaf:
# between it and the allocator there may be a library's strdup or operator new.
by_site() {
	samples "$1" | awk '{
		depth = split($5, frames, ";")
		for (f = 1; f <= depth && frames[f] !~ /^site_/; f++);
		if (f > depth) next
		for (i = 1; i <= 4; i++) sum[frames[f], i] += $i
		seen[frames[f]] = 1
	} END { for (s in seen) printf "%s %.0f %.0f %.0f %.0f\n", s, sum[s, 1], sum[s, 2], sum[s, 3], sum[s, 4] }' |
		sort
}

# raw_field FILE NAME: of the head of `go tool pprof -raw`, such as Period or Duration.
raw_field() {
	go tool pprof -raw "$1" 2> /dev/null | awk -v name="$2:" '$1 == name { print $2; exit }'
}

comments() {
	go tool pprof -comments "$1" 2> /dev/null
}

# --- a program's own books ------------------------------------------------------------------------

# What the program says, in the form of by_site.
books() {
	sed -n 's/^site //p' "$1" | sort
}

# equal_to_books PROFILE BOOKS
equal_to_books() {
	books "$2" > expected
	by_site "$1" > actual
	[ -s expected ]
	diff expected actual
	# Nor is anything of the program's own under another name, or under none. The dynamic linker,
	# which has no symbols, allocates too.
	by_leaf "$1" > leaves
	not grep -E '^(main|work|worker|operate|allocate|change) |^\[(books|unknown|truncated|lost)' leaves
	# What failed, all of it for exabytes, has not been counted.
	[ "$(total "$1" 2)" -lt 1000000000000 ]
}

# The mean gap between samples where no --heap-rate is given.
default_rate=524288

# within_4_sd ESTIMATE FIELD: of the sizes' totals in books.out (2: allocated, 3: in use). An object of
# size S is sampled with probability p = 1 - exp(-S / R) and then stands for 1 / p: the variance of N
# of them is N * (1 - p) / p * S^2.
within_4_sd() {
	sed -n 's/^size //p' books.out | awk -v estimate="$1" -v field="$2" -v rate="$default_rate" '
		$1 { p = 1 - exp(-$1 / rate); truth += $1 * $field; variance += $field * (1 - p) / p * $1 * $1 }
		END {
			sd = sqrt(variance)
			printf "truth %.0f, estimate %.0f: %+.2f sd of %.0f\n", truth, estimate, (estimate - truth) / sd, sd
			exit !(truth - 4 * sd <= estimate && estimate <= truth + 4 * sd)
		}'
}

# Each site's bytes against books.out, where there are 30 samples to be expected. The variance above
# is at most R * T for T bytes in all, since x / (exp(x) - 1) <= 1.
sites_within_4_sd() {
	books books.out | awk -v rate="$default_rate" '
		NR == FNR { alloc[$1] = $3; inuse[$1] = $5; next }
		function check(what, truth, estimate, sd) {
			if (truth < 30 * rate) return
			sd = sqrt(rate * truth); checked++
			printf "%s %s: truth %.0f, estimate %.0f: %+.2f sd\n", $1, what, truth, estimate, (estimate - truth) / sd
			if (estimate < truth - 4 * sd || estimate > truth + 4 * sd) bad = 1
		}
		{ check("allocated", $3, alloc[$1]); check("in use", $5, inuse[$1]) }
		END { exit bad || !checked }' "$1" -
}

# A profile's sites, and all of them together, allocated and in use, against books.out.
totals_within_4_sd() {
	by_site "$1" > sites
	sites_within_4_sd sites
	within_4_sd "$(awk '{ sum += $3 } END { printf "%.0f", sum }' sites)" 2
	within_4_sd "$(awk '{ sum += $5 } END { printf "%.0f", sum }' sites)" 3
}

# between LOW VALUE HIGH
between() {
	awk -v low="$1" -v value="$2" -v high="$3" 'BEGIN { exit !(low <= value && value <= high) }' ||
		say_and_fail "$2 is not from $1 to $3"
}

stats() {
	curl -sS "$DEMO_URL/stats" | jq "$1"
}

# CPU seconds that a process has had, all its threads.
cpu_seconds() {
	local hz
	hz=$(getconf CLK_TCK)
	sed 's/.*) //' "/proc/$1/stat" | awk -v hz="$hz" '{ print ($12 + $13) / hz }'
}

# --- code that is put into a program ----------------------------------------------------------------

# start_churn [COMMAND ARGUMENT...]: a program that notices what is done to it, by that command, such as env.
start_churn() {
	start target "$@" "$targets/churn" "${THREADS:-16}"
	TARGET=$STARTED
	wait_for 10 grep -qx ready target.out
}

# It goes on doing all that it does, and its code is as its files have it.
is_unharmed() {
	kill -0 "$TARGET"
	[ ! -s target.err ]
	end "$TARGET"
	cat target.out
	[ "$STATUS" -eq 0 ]
	tail -n 1 target.out | grep -Ev '(^| )0 '
}

code_intact() {
	python3 "$root/scripts/torture.d/code_intact.py" "$TARGET"
}

# Of one that loads and unloads libraries all the time: while it stands still.
code_intact_stopped() {
	local status=0
	kill -STOP "$TARGET"
	wait_for 5 grep -q '^State:.*stopped' "/proc/$TARGET/status"
	code_intact || status=$?
	kill -CONT "$TARGET"
	return $status
}
