# SPDX-License-Identifier: Apache-2.0
# Stacks of programs that know their own: tests/targets/unwind. Each is built without frame pointers
# and with them, and both builds are profiled side by side. At least 99.5% of the samples must be
# whole, that is, not cut and not lost, and equal to what the program says, from its first frame to
# its last.

load helpers

FREQUENCY=499
BUILDS="omit-fp keep-fp"
SECONDS_EACH=3
# A busy machine gives fewer in three seconds; then there is another round.
SAMPLES_WANTED=300

# start_pair PROGRAM [ARGUMENT...]: both builds and an exoprof for each, which may be told apart by
# BUILD.out, BUILD.target (a pid) and BUILD.url.
start_pair() {
	local build
	for build in $BUILDS; do
		start "$build" "$targets/unwind/$build/$1" "${@:2}"
		echo "$STARTED" > "$build.target"
		wait_for 20 grep -q ready "$build.out"
		start_exoprof_as "exoprof-$build" -p "$STARTED" --no-heap --frequency "$FREQUENCY"
		echo "$EXOPROF" > "$build.exoprof"
		echo "$URL" > "$build.url"
	done
}

end_pair() {
	local build
	for build in $BUILDS; do
		end "$(cat "$build.exoprof")"
		end "$(cat "$build.target")" KILL
		# The next ones must not be taken for ready by what these have printed.
		rm "$build".* "exoprof-$build".*
	done
}

# signal_pair TEXT: SIGUSR1 to both, and wait until they have printed a line with the text once more.
signal_pair() {
	local build seen
	for build in $BUILDS; do
		seen=$(grep -c "$1" "$build.out" || true)
		kill -USR1 "$(cat "$build.target")"
		wait_for 20 has_lines $((seen + 1)) "$1" "$build.out"
	done
}

has_lines() {
	[ "$(grep -c "$2" "$3")" -eq "$1" ]
}

fetch_pair() {
	local build fetching=()
	for build in $BUILDS; do
		URL=$(cat "$build.url")
		fetch "$build.pb.gz" "profile?seconds=$SECONDS_EACH" & fetching+=($!)
	done
	local pid
	for pid in "${fetching[@]}"; do wait "$pid"; done
}

# match BUILD: a profile into BUILD.verdict. SAMPLES, WHOLE and EQUAL are its numbers.
match() {
	go tool pprof -raw "$1.pb.gz" 2> /dev/null |
		awk -f "$BATS_TEST_DIRNAME/unwind_match.awk" "$1.out" - > "$1.verdict"
	read -r SAMPLES WHOLE EQUAL < "$1.verdict"
}

# profile_pair: until there are samples enough.
profile_pair() {
	local round build
	for round in 1 2 3 4 5; do
		fetch_pair
		local enough=1
		for build in $BUILDS; do
			match "$build"
			[ "$SAMPLES" -ge "$SAMPLES_WANTED" ] || enough=0
		done
		[ $enough = 0 ] || return 0
	done
	say_and_fail "only $SAMPLES samples in $SECONDS_EACH s, in $round rounds"
}

percent() {
	awk -v part="$1" -v of="$2" 'BEGIN { printf "%.1f%%", 100 * part / of }'
}

# judge_pair NAME [PERMILLE]: a line of the table for each build, and what is wrong if it is.
judge_pair() {
	local build bad=0 wanted=${2:-995}
	for build in $BUILDS; do
		match "$build"
		echo "# $1 $build: $EQUAL of $SAMPLES whole and equal ($(percent "$EQUAL" "$SAMPLES"))" >&3
		[ $((EQUAL * 1000)) -ge $((SAMPLES * wanted)) ] && continue
		echo "$1 $build: $SAMPLES samples, $WHOLE whole, $EQUAL equal to one of" >&2
		grep '^chain' "$build.out" | cut -c1-1000 >&2
		echo "but these are not:" >&2
		grep '^unequal' "$build.verdict" | cut -c1-2000 | head -n 10 >&2
		bad=1
	done
	return $bad
}

# one_case NAME PROGRAM [ARGUMENT...]
one_case() {
	start_pair "${@:2}"
	profile_pair
	judge_pair "$1"
	end_pair
}

# share_of PATTERN: at least that many percent of both builds' samples have it in their stacks. What
# a test is about must have been seen.
share_of() {
	local build share
	for build in $BUILDS; do
		share=$(awk -v pattern="$1" 'NR > 1 { all += $2; if ($3 ~ pattern) some += $2 }
			END { printf "%.1f", 100 * some / all }' "$build.verdict")
		echo "#   of $build $share% with $1" >&3
		between "$2" "$share" 100
	done
}

@test "recursion, 30 calls deep" {
	one_case "recursion" recursion still
	one_case "recursion, moving" recursion moving
}

@test "recursion in executables of other kinds" {
	local kind
	for kind in no-pie static static-pie; do
		one_case "recursion, $kind" "recursion.$kind" still
		one_case "recursion, $kind, moving" "recursion.$kind" moving
	done
}

@test "callbacks from qsort and bsearch" {
	one_case "qsort" sorting qsort still
	one_case "qsort, moving" sorting qsort moving
	one_case "bsearch" sorting bsearch still
	one_case "bsearch, moving" sorting bsearch moving
}

@test "work in a signal handler, on the same stack and on another" {
	local stack
	for stack in same other; do
		start_pair signals $stack
		profile_pair
		judge_pair "signal handler on the $stack stack"
		share_of ';on_signal@exe;' 10
		end_pair
	done
}

@test "frames of variable size and frames that are aligned" {
	one_case "alloca" alloca still
	one_case "alloca, moving" alloca moving
	one_case "aligned" aligned still
	one_case "aligned, moving" aligned moving
}

@test "calls through the procedure linkage table" {
	local program
	for program in plt plt.ibt; do
		start_pair $program bound
		profile_pair
		judge_pair "$program"
		share_of 'call_library@exe;library_leaf@plt@exe;$' 1
		end_pair
		one_case "$program, callback from the library" $program back
	done
}

@test "the dynamic linker, looking up a function at its first call" {
	one_case "lazy binding" plt lazy
	one_case "lazy binding, two tables" plt.ibt lazy
}

@test "plug-ins that are loaded after the attach, one where another one was" {
	start_pair plugins
	local name
	for name in plugin_a plugin_b plugin_a; do
		signal_pair "^loaded $name"
		# At once.
		profile_pair
		judge_pair "$name"
		share_of "${name}_leaf" 90
	done
	sed -n 's/^loaded/#   &/p' omit-fp.out >&3
	end_pair
}

@test "threads" {
	one_case "threads" threads still
	one_case "threads, moving" threads moving
}

@test "exceptions through ten frames" {
	start_pair throwing
	profile_pair
	judge_pair "exceptions"
	share_of '@libgcc_s.so.1;' 10
	end_pair

	# When libgcc_s has found where to go on, it overwrites what its own frame has saved, then the
	# return address, then the stack pointer. Call-frame information says nothing of that: about
	# 25 instructions and a call of _Unwind_DebugHook for each frame that it comes back to. Where
	# nothing but this is done, that is 1% of the time; in the program above it is a tenth of that.
	start_pair throwing cleaning
	profile_pair
	judge_pair "exceptions, with destructors" 980
	share_of '@libgcc_s.so.1;' 10
	end_pair
}

@test "time spent in the vDSO" {
	start_pair vdso
	profile_pair
	judge_pair "vDSO"
	share_of '@\[vdso\];$' 10
	end_pair
}

@test "leaves in libcrypto's assembly" {
	local kind
	for kind in sha256 aes gcm chacha rsa; do
		start_pair crypto $kind
		profile_pair
		judge_pair "libcrypto, $kind"
		share_of '@libcrypto.so.3;$' 50
		end_pair
	done
}

@test "all stacks that are too deep say so, with 256 frames" {
	local build
	start_pair deep
	profile_pair
	for build in $BUILDS; do
		match "$build"
		echo "# too deep $build: $EQUAL of $SAMPLES cut at 256 frames and marked ($(percent "$EQUAL" "$SAMPLES"))" >&3
		[ "$EQUAL" -eq "$SAMPLES" ]
		[ "$WHOLE" -eq 0 ]
		comments "$build.pb.gz" | grep -qx "truncated, too deep: $SAMPLES"
	done
	end_pair
}

@test "code without call-frame information, made after the attach" {
	local build steps
	start_pair jit
	signal_pair '^made'
	profile_pair
	judge_pair "JIT code"
	share_of 'leaf@exe;$' 90
	# Two frames in each stack, and they are counted.
	for build in $BUILDS; do
		match "$build"
		steps=$(comments "$build.pb.gz" | sed -n 's/^frames passed by frame pointer.*: //p')
		echo "$steps frames in $SAMPLES samples"
		between $((2 * SAMPLES)) "$steps" $((2 * SAMPLES + 20))
	done
	end_pair

	start_pair jit leaf
	signal_pair '^made'
	profile_pair
	judge_pair "JIT code, leaf"
	share_of '@\[anon\];$' 90
	end_pair

	start_pair jit pop
	signal_pair '^made'
	profile_pair
	judge_pair "JIT code, taking its argument off"
	share_of 'call_popping@exe;[^;]*@\[anon\];$' 90
	end_pair
}

@test "calls by a jump, and calls that are their caller's last instruction" {
	one_case "tail call" calls tail still
	one_case "tail call, moving" calls tail moving
	one_case "noreturn" calls noreturn still
}

@test "gdb and eu-stack say the same of twelve threads" {
	local build
	for build in $BUILDS; do
		start stacks "$targets/unwind/$build/stacks"
		wait_for 10 grep -q ready stacks.out
		if ! EXOPROF=$exoprof "$root/scripts/compare-stacks" "$STARTED" > table; then
			cat table >&2
			return 1
		fi
		sed "s/^/#   $build /" table >&3
		grep -q '^12 of 12 threads equal' table
		end "$STARTED" KILL
		rm stacks.out
	done
	# It does see a difference: here exoprof has nothing.
	start_idle
	run ! env EXOPROF="$exoprof" "$root/scripts/compare-stacks" "$TARGET" 1
	[[ $output == *DIFFERENT*"0 of 1 threads equal"* ]]
}

# Asleep in a dozen ways, up to 160 KiB of stack below them, in signal handlers, and running.
@test "gdb and eu-stack say the same of two hundred threads, of which none is stopped for exoprof" {
	local build
	for build in $BUILDS; do
		start many "$targets/unwind/$build/many"
		wait_for 10 grep -q ready many.out
		if ! EXOPROF=$exoprof "$root/scripts/compare-stacks" --threads "$STARTED" > table; then
			cat table >&2
			return 1
		fi
		grep -q '^200 of 200 threads equal' table
		grep -q '^200 threads by exoprof, 200 by gdb' table
		end "$STARTED" KILL
		rm many.out
	done
}

# Without rows for that code 93% are whole. What remains is at a fork: the stack cannot be read while
# the kernel copies its page.
@test "what runs at exit, which has no call-frame information" {
	local build
	for build in $BUILDS; do
		start exits "$targets/unwind/$build/exits"
		wait_for 10 grep -q ready exits.out
		"$exoprof" record -p "$STARTED" --follow-children -F 999 -d 4 -o exits.folded
		end "$STARTED" KILL
		awk '{ all += $NF } /truncated/ { cut += $NF } /no unwind row/ { no_row += $NF }
			END { printf "%.2f %.2f\n", 100 - 100 * cut / all, 100 * no_row / all }' \
			exits.folded > exits.shares
		read -r whole no_row < exits.shares
		echo "# exit $build: $whole% whole, $no_row% without a row" >&3
		grep truncated exits.folded | head -n 10 >&2 || true
		between 99.5 "$whole" 100
		between 0 "$no_row" 0.1
		# That code has been seen.
		grep -q '^_start;.*;_dl_fini;.*libcrypto' exits.folded
		rm exits.out
	done
}
