# SPDX-License-Identifier: Apache-2.0
# Names, files, lines and inlined functions of programs whose truth is known: tests/targets/names.
# Every address of such a program that is in its profile is compared with what binutils and elfutils
# say of it (names_truth.awk tells of what they are wrong in), and what the sources say themselves, by
# comments on the lines in question, must be among it.

load helpers

names=$targets/names
sources=$root/tests/targets/names
FREQUENCY=1999
SECONDS_EACH=2
# Most programs have some 500 instructions that are sampled about eight times each; a busy machine
# gives less.
ADDRESSES_WANTED=50

# record_target [OPTION...]: of $TARGET, into profile.pb.gz and raw; ends it.
record_target() {
	"$exoprof" record -p "$TARGET" -d "$SECONDS_EACH" -F "$FREQUENCY" -o profile.pb.gz "$@"
	end "$TARGET" KILL
	rm target.out
	read_profile profile.pb.gz
}

# pprof must not add what it could look up itself.
read_profile() {
	go tool pprof -raw -symbolize=none "$1" > raw 2> pprof.err
	flags_are_true
}

# profile_of SEGMENTS WHICH: as names_profile.awk has it.
profile_of() {
	readelf -lW "$1" > segments
	awk -v which="$2" -f "$BATS_TEST_DIRNAME/names_profile.awk" segments raw | sort -u
}

# truth_of PROGRAM TOOLS: of all addresses that are in `profile`, as names_truth.awk has it; with
# "exports" for TOOLS, of the dynamic symbol table's names only.
truth_of() {
	local options=(--print-size --defined-only)
	[ "$2" != exports ] || options+=(--dynamic)
	nm "${options[@]}" "$1" > symbols
	cut -f1 profile > addresses
	addr2line -a -i -f -e "$1" < addresses > binutils
	# Its status is 1 where a line is not known.
	eu-addr2line -a -i -f -e "$1" < addresses > elfutils || true
	awk -v tools="$2" -f "$BATS_TEST_DIRNAME/names_truth.awk" symbols binutils elfutils | sort
}

# compare NAME RECORDED TRUTH [TOOLS]: the profile of the program RECORDED with what can be said of
# TRUTH, which is the same program, not stripped. Names for persons have no parameters, which addr2line
# -C cannot leave out.
compare() {
	profile_of "$2" system > profile
	truth_of "$3" "${4:-both}" > truth
	judge "$1" "system name"
	profile_of "$2" name > profile
	c++filt --no-params < truth > demangled
	mv demangled truth
	judge "$1" name
	judge_starts "$2" "$1" "${4:-both}"
}

# judge NAME WHICH: profile and truth must be equal, line by line, and not too few.
judge() {
	local all equal
	all=$(wc -l < profile)
	equal=$(comm -12 profile truth | wc -l)
	echo "# $1, by $2: $equal of $all addresses equal" >&3
	if [ "$equal" -lt "$all" ]; then
		echo "$1, $2, an address of each kind:" >&2
		join -t$'\a' <(tag truth) <(tag profile) | awk -F'\a' '$2 != $3 && !seen[$2, $3]++ {
			print $1 "\n  expected" $2 "\n  got     " $3 }' | head -n 60 >&2
		return 1
	fi
	[ "$all" -ge "$ADDRESSES_WANTED" ] || say_and_fail "$1: only $all addresses"
}

# The lines of a file with their addresses apart.
tag() {
	sed 's/\t/\a\t/' "$1" | sort -t$'\a' -k1,1
}

# judge_starts RECORDED NAME TOOLS: where a function of our sources begins there is a comment with its
# name. gcc does not tell where a lambda begins.
judge_starts() {
	local place name line right=0
	profile_of "$1" start > starts
	while IFS=$'\t' read -r place name; do
		[[ $place == "$sources"/* ]] || continue
		[[ $place != *:0 || $name != *'operator()'* || $2 != *.full ]] || continue
		line=$(awk -v at="${place##*:}" 'FNR == at && sub(/.*begins /, "") { sub(/ \*\/.*/, ""); print }' \
			"${place%:*}")
		[ -n "$line" ] && [[ $name == *"$line"* ]] ||
			say_and_fail "$2: $name should not begin at $place" || return
		right=$((right + 1))
	done < starts
	case $3 in
	symbols | exports) [ ! -s starts ] ;;
	*) [ $right -ge 4 ] || say_and_fail "$2: only $right functions begin anywhere" ;;
	esac
}

# place MARKER: FILE:LINE of the comment in the sources.
place() {
	local found
	found=$(awk -v marker="$1" '{
		text = $0
		sub(/.*(\/\*|\/\/) /, "", text)
		sub(/ \*\/$/, "", text)
		if (text == marker) print FILENAME ":" FNR
	}' "$sources"/*.[ch]*)
	[ "$(wc -l <<< "$found")" -eq 1 ] && [ -n "$found" ] || say_and_fail "which is '$1'? $found" || return
	echo "$found"
}

# seen NAME MARKER [NAME MARKER]...: these functions, inlined into each other, innermost first, at the
# lines with these comments, at ten addresses or more of the `profile`.
seen() {
	local chain='' count
	while [ $# -gt 0 ]; do
		chain+=$'\t'"$1|$(place "$2")"
		shift 2
	done
	count=$(cut -f2- profile | sed 's/^/\t/' | grep -cxF "$chain" || true)
	[ "$count" -ge 10 ] || say_and_fail "only $count addresses have $chain"
}

# called FUNCTION CALLER MARKER: whenever the caller is right below it, it is at the line with that
# comment, not at the one it will go on with.
called() {
	awk -v callee="$1" -v caller="$2" -v where="$(place "$3")" '
		/^Samples:/ { part = "samples"; getline; next }
		/^Locations/ { part = "locations"; next }
		/^Mappings/ { part = "" }
		part == "samples" && /:/ { sub(/.*: /, ""); stacks[++count] = $0 }
		part == "locations" {
			is_more = !/^ *[0-9]+: 0x/
			if (!is_more) id = $1 + 0
			sub(/^ *([0-9]+: 0x[0-9a-f]+ )?(M=[0-9]+ )?/, "")
			sub(/\(.*\)$/, "")
			sub(/ s=-?[0-9]+$/, "")
			sub(/\.constprop[.0-9]*/, "")
			place = name = $0
			sub(/.* /, "", place)
			sub(/ [^ ]*$/, "", name)
			outer[id] = name
			if (!is_more) { inner[id] = name; at[id] = place }
		}
		END {
			for (i = 1; i <= count; i++) {
				depth = split(stacks[i], ids, " ")
				for (k = 1; k < depth; k++) {
					if (outer[ids[k]] != callee || inner[ids[k + 1]] != caller) continue
					if (at[ids[k + 1]] == where) right++
					else wrong[at[ids[k + 1]]]++
				}
			}
			for (other in wrong) printf "%s at %s below %s\n", caller, other, callee
			printf "%s at %s below %s: %d stacks\n", caller, where, callee, right
			exit !right || length(wrong)
		}' raw >&2
}

flags_of_program() {
	sed -n '/^Mappings/,$p' raw | sed -n 's/^1: .* //p'
}

# A mapping says of itself what its locations have, and nothing else. What has inlined functions must
# say so, and what says so must have lines.
flags_are_true() {
	awk '
		/^Locations/ { part = "locations"; next }
		/^Mappings/ { part = "mappings"; next }
		part == "locations" {
			is_more = !/^ *[0-9]+: 0x/
			if (!is_more) mapping = match($0, / M=[0-9]+ /) ? substr($0, RSTART + 3, RLENGTH - 4) : 0
			match($0, / [^ ]*:-?[0-9]+ s=-?[0-9]+(\(.*\))?$/)
			name = substr($0, 1, RSTART - 1)
			place = substr($0, RSTART + 1)
			if (name !~ /\[[^ ]*[+]0x[0-9a-f]+\]$/) has[mapping] = has[mapping] "FN"
			if (place !~ /^:/) has[mapping] = has[mapping] "FL"
			if (place !~ /^[^ ]*:0 /) has[mapping] = has[mapping] "LN"
			if (is_more) has[mapping] = has[mapping] "IN"
		}
		part == "mappings" {
			id = $1 + 0
			for (flag = split("FN FL LN", flags, " "); flag; flag--)
				if (!index($0, "[" flags[flag] "]") != !index(has[id], flags[flag])) bad = 1
			if (index(has[id], "IN") && !/\[IN\]/) bad = 1
			if (/\[IN\]/ && !/\[LN\]/) bad = 1
			if (bad) { print "flags: " $0; exit 1 }
		}' raw >&2
}

seen_inlines() {
	seen mix 'burns mix' twist 'twist calls mix' turn 'turn calls twist'
	seen twist 'burns twist' turn 'turn calls twist'
	seen turn 'burns turn'
	seen mix 'burns mix' fold 'fold calls mix' more 'more calls fold'
	seen more 'burns more'
	seen times 'burns times'
	seen usual 'burns usual'
	seen usual 'burns usual, apart'
	seen rare 'burns rare'
	called turn main 'main calls turn'
	called more main 'main calls more'
	called times main 'main calls times'
	called usual main 'main calls usual'
	called rare usual 'usual calls rare'
}

# inlines BUILD [TRUTH [TOOLS]]
inlines() {
	start_target "names/inlines.$1"
	record_target
	compare "inlines.$1" "$names/inlines.$1" "$names/inlines.${2:-$1}" "${3:-both}"
	[ "$(flags_of_program)" = '[FN][FL][LN][IN]' ]
	seen_inlines
}

@test "functions inlined into each other, over three files" {
	inlines full
}

@test "DWARF 4, and DWARF 5 in compressed sections" {
	inlines dwarf4
	inlines dwarf5-gz
}

@test "a static executable" {
	inlines static
}

@test "clang's code, which has no .debug_aranges" {
	not grep -q debug_aranges <(readelf -SW "$names/inlines.clang")
	inlines clang clang binutils
}

# Here neither tool has the lines and the chains, so the same code with all debug information in the
# program stands in.
@test "split DWARF" {
	local build
	for build in full split; do
		objcopy -O binary --only-section=.text "$names/inlines.$build" "text.$build"
		nm "$names/inlines.$build" | grep -i ' t ' > "functions.$build"
	done
	cmp text.full text.split
	cmp functions.full functions.split
	inlines split full
}

@test "templates, overloads and lambdas of C++" {
	start_target names/templates.full
	record_target
	compare templates.full "$names/templates.full" "$names/templates.full"
	seen mix 'burns mix' 'names::box<unsigned long>::turn<3>' 'turn<N> calls mix'
	seen mix 'burns mix' 'names::box<unsigned long>::turn<-4>' 'turn<N> calls mix'
	seen 'names::box<unsigned long>::nudge' 'burns nudge' names::overloaded 'overloaded calls nudge'
	seen names::overloaded 'burns overloaded(int)'
	seen 'main::{lambda(unsigned long)#2}::operator()' 'burns apart'
	[ "$(flags_of_program)" = '[FN][FL][LN][IN]' ]

	start_target names/templates.clang
	record_target
	compare templates.clang "$names/templates.clang" "$names/templates.clang" binutils
}

@test "mangled names of Rust, D and C++" {
	start_target names/mangled.full
	record_target
	profile_of "$names/mangled.full" name > profile
	# Each is what the source says it is, to the letter; judge_starts is content with a part.
	local name
	sed -n 's|^/\* begins \(.*\) \*/ MANGLED.*|\1|p' "$sources/mangled.c" > wanted
	[ -s wanted ]
	while read -r name; do
		echo "# $(cut -f2 profile | grep -cF "$name|") addresses of $name" >&3
		[ "$(cut -f2 profile | grep -cF "$name|" || true)" -ge 10 ] || say_and_fail "not seen: $name"
	done < wanted
	cut -f2 profile | cut -d'|' -f1 | sort -u | grep -vxF -e main -e _start > got
	diff <(sort wanted) got
	judge_starts "$names/mangled.full" mangled.full both
	profile_of "$names/mangled.full" system > profile
	truth_of "$names/mangled.full" both > truth
	judge mangled.full "system name"
}

# unnamed_within PROGRAM FUNCTION...: what has no name is in these functions of hidden.full, is called by the
# file's name and by an address in that function, and each of them is there.
unnamed_within() {
	profile_of "$1" unnamed > unnamed
	shift
	nm -S "$names/hidden.full" > symbols
	local at name function start size value
	: > found
	while IFS=$'\t' read -r at name; do
		value=${name##*+}
		value=$((${value%]}))
		function=
		while read -r start size _ symbol; do
			if ((0x$start <= at && at < 0x$start + 0x$size)); then
				function=$symbol
				((0x$start <= value && value <= at)) || say_and_fail "$name at $at" || return
			fi
		done < <(awk 'NF == 4' symbols)
		echo "${name%+*} $function" >> found
	done < unnamed
	sort -u found | cut -d' ' -f2 | sort > functions
	diff <(printf '%s\n' "$@" | sort) functions
}

@test "a stripped file shows the names it exports, and none for what is between them" {
	start_target names/hidden.dynsym
	record_target
	compare hidden.dynsym "$names/hidden.dynsym" "$names/hidden.dynsym" exports
	[ "$(flags_of_program)" = '[FN]' ]
	unnamed_within "$names/hidden.dynsym" hidden_between hidden_last
	cut -d' ' -f1 found | sort -u | grep -qx '\[hidden.dynsym'
}

@test "a stripped file with its symbols in .gnu_debugdata shows them, and no lines" {
	start_target names/hidden.minidebug
	record_target
	compare hidden.minidebug "$names/hidden.minidebug" "$names/hidden.full" symbols
	[ "$(flags_of_program)" = '[FN]' ]
	cut -f2 profile | cut -d'|' -f1 | sort -u > seen
	grep -qx hidden_between seen
	grep -qx shown_first seen
}

seen_hidden() {
	seen mix 'burns mix' hidden_between 'hidden_between calls mix'
	seen mix 'burns mix' shown_last 'shown_last calls mix'
	seen hidden_last 'burns hidden_last'
	[ "$(flags_of_program)" = '[FN][FL][LN][IN]' ]
}

@test "a debug file by build ID" {
	start_target names/hidden.buildid
	record_target --debug-dir "$names/debug"
	compare hidden.buildid "$names/hidden.buildid" "$names/hidden.full"
	seen_hidden
}

@test "a debug file by debuglink, next to the program" {
	not grep -q 'Build ID' <(readelf -n "$names/hidden.debuglink")
	start_target names/hidden.debuglink
	record_target
	compare hidden.debuglink "$names/hidden.debuglink" "$names/hidden.full"
	seen_hidden
}

@test "a program that was deleted since it started" {
	cp "$names/inlines.full" program
	start target ./program
	TARGET=$STARTED
	wait_for 10 grep -q ready target.out
	rm program
	record_target
	compare deleted "$names/inlines.full" "$names/inlines.full"
	seen_inlines
}

@test "a program that was replaced by another one since it started" {
	local name
	# The one in its place does have other names for the same addresses.
	for name in full other; do nm -n "$names/hidden.$name" | awk '/shown|hidden|other/ { print $1 }' > "at.$name"; done
	cmp at.full at.other
	cp "$names/hidden.full" program
	start target ./program
	TARGET=$STARTED
	wait_for 10 grep -q ready target.out
	cp "$names/hidden.other" new
	mv new program
	record_target
	compare replaced "$names/hidden.full" "$names/hidden.full"
	seen_hidden
	not grep -q other_ raw
}

# build_copy [OPTION...]: of inlines, from sources in this test's own folder.
build_copy() {
	mkdir sources
	cp "$sources"/{inlines.c,inlines_more.c,inlines.h,mix.h,names.h} sources
	gcc -O2 -g "$@" "$BATS_TEST_TMPDIR"/sources/{inlines,inlines_more}.c -o program
}

# line_listed FILE PLACE: has samples of its own and says what the source says.
line_listed() {
	local line=${2##*:}
	grep -E "^ +[0-9.]+[mu]?s +[0-9.]+[mu]?s +$line:.*BURN" "$1"
}

@test "go tool pprof lists sources with the time of each line, from any folder" {
	# For -weblist: Go's own pprof, unlike github.com/google/pprof, looks code up where the file's
	# headers say (cmd/pprof/pprof.go, ObjAddr), which is right for executables of a fixed address only.
	build_copy -no-pie
	start target ./program
	TARGET=$STARTED
	wait_for 10 grep -q ready target.out
	start_exoprof -p "$TARGET" --no-heap -F "$FREQUENCY"
	fetch served.pb.gz "profile?seconds=$SECONDS_EACH"
	mkdir elsewhere
	cd elsewhere
	go tool pprof -list '^turn$' ../served.pb.gz > turn.list
	go tool pprof -list '^mix$' ../served.pb.gz > mix.list
	cat turn.list mix.list
	grep -q "ROUTINE.* turn in $BATS_TEST_TMPDIR/sources/inlines.c" turn.list
	line_listed turn.list "$(place 'burns turn')"
	grep -q "ROUTINE.* mix in $BATS_TEST_TMPDIR/sources/mix.h" mix.list
	line_listed mix.list "$(place 'burns mix')"
	# A line that calls what is inlined has its time, none of it its own.
	grep -E "^ +\. +[0-9.]+[mu]?s +$(place 'turn calls twist' | cut -d: -f2):.*twist" turn.list

	go tool pprof -weblist '^turn$' -output turn.html ../served.pb.gz
	grep -q 'burns turn' turn.html
	grep -q 'IMULQ.*inlines.c:' turn.html
	go tool pprof -top -lines ../served.pb.gz > top
	cat top
	grep -q " mix $BATS_TEST_TMPDIR/sources/mix.h:$(place 'burns mix' | cut -d: -f2) (inline)$" top
}

@test "a profile keeps names and lines where program and sources are gone" {
	build_copy
	start target ./program
	TARGET=$STARTED
	wait_for 10 grep -q ready target.out
	record_target
	go tool pprof -top -lines profile.pb.gz > before
	mkdir gone
	mv program sources gone
	mkdir empty
	mv profile.pb.gz empty
	cd empty
	go tool pprof -top -lines profile.pb.gz > after
	cat after
	diff ../before after
	local at
	at=$(place 'burns twist')
	grep -q " twist $BATS_TEST_TMPDIR/sources/inlines.h:${at##*:} (inline)$" after
}
