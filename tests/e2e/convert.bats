# SPDX-License-Identifier: Apache-2.0
# Profiles that other programs wrote, read by exoprof and written in other formats. No kernel, no
# root: a Go program profiles itself.

load helpers

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	GO111MODULE=off GOFLAGS= GOCACHE=$PWD/go go build -o own_profiles "$BATS_TEST_DIRNAME/own_profiles.go"
	mkdir profiles
	./own_profiles profiles
	# The schema of speedscope's format, as its makers publish it.
	mkdir -p "$root/build/speedscope"
	cp "$root"/tests/speedscope/package*.json "$root/build/speedscope"
	(cd "$root/build/speedscope" && npm ci --ignore-scripts --no-audit --no-fund)
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	: > .started
	own=$BATS_FILE_TMPDIR/profiles
	export PPROF_TMPDIR=$PWD/pprof
}

convert() {
	"$exoprof" convert "$@"
}

# pprof_total FILE TYPE UNIT: what pprof says of the whole profile.
pprof_total() {
	go tool pprof -top -sample_index="$2" -unit="$3" "$1" 2> /dev/null | sed -n "s/.* of \([0-9.]*\)$3 total.*/\1/p"
}

# pprof_sum FILE COLUMN: of all samples, exactly.
pprof_sum() {
	go tool pprof -raw "$1" 2> /dev/null |
		awk -v column="$2" '/^Locations/ { exit } in_samples && / *[-0-9 ]+: / { sub(/:.*/, ""); sum += $column } /^Samples:/ { in_samples = 1; getline } END { printf "%d\n", sum }'
}

folded_sum() {
	awk '{ sum += $NF } END { printf "%d\n", sum }' "$1"
}

# scope_sum FILE NAME: of the weights of one of its profiles.
scope_sum() {
	jq --arg name "$2" '.profiles[] | select(.name == $name) | .weights | add' "$1"
}

# refuses PATTERN COMMAND...: status 1, and one line that says what is wrong with what.
refuses() {
	local pattern=$1
	shift
	run --separate-stderr "$@"
	echo "$stderr"
	[ "$status" -eq 1 ]
	[ "$(wc -l <<< "$stderr")" -eq 1 ]
	grep -q "^exoprof: .*$pattern" <<< "$stderr"
}

@test "pprof to pprof: every sample, value, label, location and line is kept" {
	local name
	for name in cpu heap1 heap2 allocs goroutine block mutex threadcreate; do
		convert "$own/$name.pb.gz" -o "$name.pb.gz"
		go tool pprof -raw "$own/$name.pb.gz" > before
		go tool pprof -raw "$name.pb.gz" > after
		[ "$(wc -l < before)" -gt 5 ]
		cmp before after
	done
	# There was something to keep.
	go tool pprof -raw cpu.pb.gz | grep -q 'task:\[burn\]'
	go tool pprof -raw heap2.pb.gz | grep -q 'bytes:\[1024\]'
	# A profile of exoprof's own making, from what has no ids of its own.
	printf 'main;work 3\nmain;[truncated: no mapping] 4\n' | convert - -o folded.pb.gz
	convert folded.pb.gz -o again.pb.gz
	cmp folded.pb.gz again.pb.gz
}

@test "what is not gzipped is read, and standard input and output do" {
	gzip -dc "$own/cpu.pb.gz" | convert - -o - --format pprof > cpu.pb.gz
	convert - -o same.pb.gz < "$own/cpu.pb.gz"
	cmp cpu.pb.gz same.pb.gz
	go tool pprof -top cpu.pb.gz | grep -q burnInner
}

@test "pprof to folded stacks: the totals are pprof's, for each type" {
	local type column=0
	convert "$own/cpu.pb.gz" -o cpu.folded
	[ "$(folded_sum cpu.folded)" -gt 500000000 ]
	[ "$(folded_sum cpu.folded)" -eq "$(pprof_total "$own/cpu.pb.gz" cpu ns)" ]
	grep -q '^runtime.main;main.main;.*;main.burn;main.burnInner [0-9]*$' cpu.folded
	for type in alloc_objects alloc_space inuse_objects inuse_space; do
		column=$((column + 1))
		convert "$own/heap2.pb.gz" -o heap.folded --sample-index "$type"
		[ "$(folded_sum heap.folded)" -gt 1000 ]
		[ "$(folded_sum heap.folded)" -eq "$(pprof_sum "$own/heap2.pb.gz" $column)" ]
		convert "$own/heap2.pb.gz" -o number.folded --sample-index $((column - 1))
		cmp heap.folded number.folded
	done
	# The last type is the one that is shown, as pprof has it.
	convert "$own/heap2.pb.gz" -o shown.folded
	cmp heap.folded shown.folded
}

@test "pprof to folded stacks and back: the totals stay" {
	convert "$own/cpu.pb.gz" -o cpu.folded
	convert cpu.folded -o back.pb.gz
	[ "$(pprof_sum back.pb.gz 1)" -eq "$(pprof_sum "$own/cpu.pb.gz" 2)" ]
	go tool pprof -top back.pb.gz | grep -q 'main.burnInner'
	convert back.pb.gz -o again.folded
	cmp cpu.folded again.folded
}

@test "speedscope: the file is as its schema says" {
	local name
	for name in cpu heap2 goroutine mutex threadcreate; do
		convert "$own/$name.pb.gz" -o "$name.speedscope.json"
		python3 -m jsonschema -i "$name.speedscope.json" \
			"$root/build/speedscope/node_modules/speedscope/dist/release/file-format-schema.json"
	done
	# The schema can say no.
	jq 'del(.profiles[0].weights)' cpu.speedscope.json > bad.json
	not python3 -m jsonschema -i bad.json \
		"$root/build/speedscope/node_modules/speedscope/dist/release/file-format-schema.json"
}

@test "speedscope: totals are pprof's, and stay on the way back" {
	local type column=0
	convert "$own/heap2.pb.gz" -o heap.speedscope.json
	convert heap.speedscope.json -o back.pb.gz
	[ "$(jq -r .activeProfileIndex heap.speedscope.json)" -eq 3 ]
	for type in alloc_objects alloc_space inuse_objects inuse_space; do
		column=$((column + 1))
		[ "$(scope_sum heap.speedscope.json $type)" -eq "$(pprof_sum "$own/heap2.pb.gz" $column)" ]
		[ "$(pprof_sum back.pb.gz $column)" -eq "$(pprof_sum "$own/heap2.pb.gz" $column)" ]
	done
	[ "$(jq -c '[.profiles[].unit]' heap.speedscope.json)" = '["none","bytes","none","bytes"]' ]
	jq -r '.shared.frames[] | select(.name == "main.leak") | .file' heap.speedscope.json | grep -q 'own_profiles.go$'
	convert "$own/cpu.pb.gz" -o cpu.speedscope.json
	[ "$(jq -r '.profiles[1].unit' cpu.speedscope.json)" = nanoseconds ]
	[ "$(scope_sum cpu.speedscope.json cpu)" -eq "$(pprof_sum "$own/cpu.pb.gz" 2)" ]
}

@test "speedscope: another tool's threads become labels" {
	cat > two.json <<- END
		{"shared": {"frames": [{"name": "main"}, {"name": "work", "file": "w.py", "line": 3}]},
		 "profiles": [
		  {"type": "sampled", "name": "t1", "unit": "seconds", "startValue": 0, "endValue": 1,
		   "samples": [[0], [0, 1]], "weights": [0.25, 0.5]},
		  {"type": "evented", "name": "t2", "unit": "seconds", "startValue": 0, "endValue": 1,
		   "events": [{"type": "O", "frame": 0, "at": 0}, {"type": "C", "frame": 0, "at": 0.125}]}]}
	END
	convert two.json -o two.pb.gz
	[ "$(pprof_sum two.pb.gz 1)" -eq 875000000 ]
	go tool pprof -top -tagfocus=thread=t2 two.pb.gz 2> /dev/null | grep -q '125ms .* main'
	go tool pprof -top -lines two.pb.gz 2> /dev/null | grep -q 'work w.py:3'
}

@test "a flame graph of a Go program" {
	convert "$own/heap2.pb.gz" -o heap.svg
	grep -q '<title>Heap in use · own_profiles</title>' heap.svg
	grep -q '<g class="app" .*<title>main.leak$' heap.svg
	convert "$own/heap2.pb.gz" -o - --format flamegraph | cmp - heap.svg
}

@test "what cannot be read is refused in one line" {
	refuses 'no.pb.gz: No such file' convert no.pb.gz -o x.svg
	refuses 'Is a directory' convert . -o x.svg
	: > empty
	refuses 'empty: it is empty' convert empty -o x.svg
	head -c 100 "$own/heap1.pb.gz" > cut.pb.gz
	refuses 'cut.pb.gz: its gzip data is damaged or cut off' convert cut.pb.gz -o x.svg
	gzip -dc "$own/heap1.pb.gz" | head -c 1000 > cut
	refuses 'none of pprof' convert cut -o x.svg
	refuses 'a program, not a profile' convert "$exoprof" -o x.svg
	echo 'what is this?' > text
	refuses 'line 1 is no folded stack' convert text -o x.svg
	echo '{"traceEvents": []}' > trace.json
	refuses 'not speedscope' convert trace.json -o x.svg
	refuses "no sample type 'goats', but alloc_objects, alloc_space, inuse_objects, inuse_space" \
		convert "$own/heap1.pb.gz" -o x.svg --sample-index goats
	refuses 'cannot write /nowhere/x.svg: No such file' convert "$own/cpu.pb.gz" -o /nowhere/x.svg
	# Nothing was written.
	[ ! -e x.svg ]
}

@test "what a format cannot say is said on the terminal" {
	printf 'main 5\nfreed -3\n' > signed.folded
	run --separate-stderr convert signed.folded -o signed.svg
	[ "$status" -eq 0 ]
	grep -q '1 of the 2 samples of signed.folded are below zero: they are left out' <<< "$stderr"
	convert signed.folded -o signed.pb.gz 2> said
	not grep -q 'below zero' said
	[ "$(pprof_sum signed.pb.gz 1)" -eq 2 ]
	# Text has them, in a form that is no other tool's.
	convert signed.folded -o signed.txt 2> said
	not grep -q 'below zero' said
	grep -q '^exoprof profile: samples/count 2$' signed.txt
	grep -q '^-3 @' signed.txt
	# A sample of one value in location 1, at 0x10, of a mapping; "", "samples", "count".
	printf '\012\004\010\001\020\002\022\006\012\001\001\022\001\007\032\002\010\001\042\006\010\001\020\001\030\020\062\000\062\007samples\062\005count' > nameless
	run --separate-stderr convert nameless -o nameless.folded
	[ "$status" -eq 0 ]
	grep -q '1 of the 1 locations of nameless have no name' <<< "$stderr"
	[ "$(cat nameless.folded)" = '[unknown] 7' ]
}

@test "what inflates without end is refused, and takes little memory" {
	head -c 1100M /dev/zero | gzip -1 > bomb.gz
	refuses 'bomb.gz: it inflates to more than 1024 MiB' convert bomb.gz -o x.svg
	# 128 million empty samples, 80 bytes each in memory.
	head -c 256M /dev/zero | tr '\0' '\22' | sed 's/\x12\x12/\x12\x00/g' | gzip -1 > samples.gz
	refuses 'samples.gz: it takes more than 2048 MiB to unpack' convert samples.gz -o x.svg
}

# with_memory MIB COMMAND...: refused more than that.
with_memory() {
	local mib=$1
	shift
	(ulimit -d $((mib * 1024)) && "$@")
}

@test "memory that runs out is said to have run out" {
	# Of a build with sanitizers the shadow counts, too: it would not even start.
	exoprof=$root/build/exoprof
	# 8 million empty samples.
	head -c 16M /dev/zero | tr '\0' '\22' | sed 's/\x12\x12/\x12\x00/g' | gzip -1 > samples.gz
	refuses 'samples.gz: not enough memory' with_memory 200 convert samples.gz -o x.svg
	# A string that the JSON reader has to copy, as there is an escape in it.
	{
		printf '{"name":"\\n'
		head -c 100M /dev/zero | tr '\0' a
		printf '"}'
	} | gzip -1 > string.gz
	refuses 'string.gz: not enough memory' with_memory 200 convert string.gz -o x.svg
	# What is small still fits.
	printf 'main 1\n' > small.folded
	with_memory 200 convert small.folded -o x.folded
	cmp small.folded x.folded
}

@test "a bad command line is status 2 and one line" {
	local arguments
	for arguments in "" "$own/cpu.pb.gz" "-o x.svg" "$own/cpu.pb.gz -o x.gif" "$own/cpu.pb.gz -o -" \
		"$own/cpu.pb.gz b -o x.svg" "$own/cpu.pb.gz -o x.svg --format gif" \
		"$own/goroutine.pb.gz -o x.threads" "$own/cpu.pb.gz -o x --format threads"; do
		run --separate-stderr "$exoprof" convert $arguments
		echo "$stderr"
		[ "$status" -eq 2 ]
		grep -q '^exoprof convert: ' <<< "$stderr"
	done
}

# --- diff -----------------------------------------------------------------------------------------

compare() {
	"$exoprof" diff "$own/heap1.pb.gz" "$own/heap2.pb.gz" "$@"
}

# class_of NAME FILE: how a frame is coloured, and what its tooltip says.
class_of() {
	grep -A1 "<title>$1\$" "$2" | sed -n 's/^<g class="\([^"]*\)".*/\1/p'
}

@test "diff: pprof's format is what -diff_base makes of the two" {
	local type
	compare -o diff.pb.gz
	for type in alloc_objects alloc_space inuse_objects inuse_space; do
		go tool pprof -top -nodecount=1000 -sample_index=$type diff.pb.gz > ours
		go tool pprof -top -nodecount=1000 -sample_index=$type -diff_base "$own/heap1.pb.gz" "$own/heap2.pb.gz" > pprofs
		cmp ours pprofs
	done
	go tool pprof -top diff.pb.gz | grep -q -- '-[0-9.]*MB .* main.keep'
}

@test "diff: what leaks is red, what was freed is blue" {
	compare -o diff.svg
	class_of main.leak diff.svg | grep -qx 'more c[4-6]'
	class_of main.keep diff.svg | grep -qx 'less c6'
	grep -A1 '<title>main.leak$' diff.svg | grep -q 'before 0 B, 0.00%; after .* MiB, .*; +.* MiB (new)'
	grep -A1 '<title>main.keep$' diff.svg | grep -q 'before .* MiB, .*; after .* MiB, .*; −.* MiB (−.*%)'
	grep -q '<title>Heap in use · heap1.pb.gz → heap2.pb.gz</title>' diff.svg
	# The other way round it is the other way round.
	"$exoprof" diff "$own/heap2.pb.gz" "$own/heap1.pb.gz" -o back.svg
	class_of main.keep back.svg | grep -qx 'more c6'
	not grep -q '<title>main.leak$' back.svg
	grep -q 'not shown, since gone: .* MiB in' back.svg
	"$exoprof" diff "$own/heap2.pb.gz" "$own/heap1.pb.gz" -o reversed.svg --reverse
	class_of main.leak reversed.svg | grep -qx 'less c[4-6]'
	# A diff of pprof's own is drawn as one, too.
	go tool pprof -proto -output theirs.pb.gz -diff_base "$own/heap1.pb.gz" "$own/heap2.pb.gz"
	convert theirs.pb.gz -o theirs.svg
	[ "$(class_of main.keep theirs.svg)" = 'less c6' ]
}

@test "diff: folded stacks have both values; normalized, both totals are the same" {
	local shown
	compare -o diff.folded --sample-index alloc_space
	[ "$(awk '{ sum += $(NF - 1) } END { printf "%d\n", sum }' diff.folded)" -eq "$(pprof_sum "$own/heap1.pb.gz" 2)" ]
	[ "$(folded_sum diff.folded)" -eq "$(pprof_sum "$own/heap2.pb.gz" 2)" ]
	printf 'a 1000\nb 3000\n' > before.folded
	printf 'a 5000\nb 3000\n' > after.folded
	"$exoprof" diff before.folded after.folded -o - --format folded --normalize > normalized
	printf 'a 2000 5000\nb 6000 3000\n' | cmp - normalized
}

@test "diff: what cannot be compared is refused in one line" {
	refuses 'cpu.pb.gz has samples/count, cpu/nanoseconds, .*heap1.pb.gz has alloc_objects/count' \
		"$exoprof" diff "$own/cpu.pb.gz" "$own/heap1.pb.gz" -o x.svg
	refuses 'no.pb.gz: No such file' "$exoprof" diff "$own/cpu.pb.gz" no.pb.gz -o x.svg
	[ ! -e x.svg ]
	local arguments
	for arguments in "$own/cpu.pb.gz -o x.svg" "a b c -o x.svg" "a b" "a b -o x.speedscope.json"; do
		run --separate-stderr "$exoprof" diff $arguments
		echo "$stderr"
		[ "$status" -eq 2 ]
		grep -q '^exoprof diff: ' <<< "$stderr"
	done
}
