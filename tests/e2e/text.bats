# SPDX-License-Identifier: Apache-2.0
# Profiles as text, as Go answers debug=1 and debug=2: pprof reads the same out of them as out of its
# own format.

load helpers

make_text=$root/build/e2e/make_text

# values FILE: sums of the values of all samples, as pprof reads them, behind the types' names.
values() {
	go tool pprof -raw "$1" 2> /dev/null | awk '
		/^Samples:/ { getline; for (i = 1; i <= NF; i++) type[i] = $i; in_samples = 1; next }
		/^Locations/ { in_samples = 0 }
		in_samples && /^ *-?[0-9][-0-9 ]*:/ {
			sub(/:.*/, "")
			for (i = 1; i <= NF; i++) sum[i] += $i
		}
		END { for (i = 1; i in type; i++) { sub(/\[dflt\]/, "", type[i]); printf "%s %.0f\n", type[i], sum[i] } }'
}

# stacks FILE: a line a stack, its values and its addresses. Notes have none.
stacks() {
	go tool pprof -raw "$1" 2> /dev/null | awk '
		/^Samples:/ { part = "samples"; getline; next }
		/^Locations/ { part = "locations"; next }
		/^Mappings/ { part = "" }
		part == "samples" && /^ *-?[0-9][-0-9 ]*:/ { line[++n] = $0 }
		part == "locations" && /^ *[0-9]+: 0x/ { id = $1; sub(":", "", id); address[id] = $2 }
		END {
			for (i = 1; i <= n; i++) {
				split(line[i], parts, ":")
				depth = split(parts[2], ids, " ")
				text = ""
				for (j = 1; j <= depth; j++) if (address[ids[j]] != "0x0") text = text " " address[ids[j]]
				count = split(parts[1], value, " ")
				for (j = 1; j <= count; j++) sum[text, j] += value[j]
				seen[text] = 1
			}
			for (text in seen) {
				for (j = 1; j <= count; j++) printf "%.0f ", sum[text, j]
				print ":" text
			}
		}' | sort
}

# same_heap: pprof reads the text as it reads the protobuf of the same moment.
same_heap() {
	fetch heap.txt 'heap?format=text'
	fetch heap.pb.gz heap
	head -n 1 heap.txt
	values heap.txt | tee text.values
	[ "$(wc -l < text.values)" -eq 4 ]
	values heap.pb.gz | diff text.values -
	not grep -q ' 0$' text.values
	# All samples, each by itself.
	stacks heap.pb.gz | diff <(stacks heap.txt) -
}

@test "heap as text: every value, of every stack, is that of the protobuf, at rate 1" {
	# Objects of 0 bytes are among them.
	start_books books --ops 10000
	start_exoprof -p "$TARGET" --heap-rate 1
	do_books
	same_heap
	grep -x '# mean bytes between samples: 1; values are of the whole' heap.txt
	grep -E '^# exoprof [0-9.]+: books \(pid ' heap.txt
	grep -E '^#	0x[0-9a-f]+	site_[a-z_]+\+0x[0-9a-f]+	/.*\.c:[0-9]+$' heap.txt
	grep -x "# TotalAlloc = $(awk '/^alloc_space/ { print $2 }' text.values)" heap.txt
	grep -x "# HeapObjects = $(awk '/^inuse_objects/ { print $2 }' text.values)" heap.txt
}

@test "heap as text: at the default rate values are not scaled twice" {
	start_books books --ops 1000000
	start_exoprof -p "$TARGET"
	do_books
	same_heap
	grep -x "# mean bytes between samples: $default_rate; values are of the whole" heap.txt
}

@test "heap as text: what was there before the attach is told of, and pprof reads the rest" {
	start_books books --ops 10000
	start_exoprof -p "$TARGET" --heap-rate 1
	do_books
	fetch before.txt 'heap?format=text&preattach=1'
	grep -E '^# not counted above, as the number of objects is not known: 0: [0-9]+ \[0: [0-9]+\] @ 0x1$' before.txt
	fetch heap.pb.gz heap
	values heap.pb.gz | diff <(values before.txt) -
}

@test "the offset of a frame in its function is the linker's" {
	start_fed leak "$targets/leak"
	start_exoprof -p "$TARGET" --heap-rate 4096
	sleep 1
	fetch heap.txt 'heap?format=text'
	local address offset symbol bias
	read -r address offset < <(sed -nE 's/^#	(0x[0-9a-f]+)	site_leaky\+(0x[0-9a-f]+)	.*/\1 \2/p' heap.txt | head -n 1)
	symbol=0x$(nm "$targets/leak" | awk '$3 == "site_leaky" { print $1 }')
	bias=0x$(awk '/leak$/ { sub("-.*", "", $1); print $1; exit }' "/proc/$TARGET/maps")
	echo "at $address, $offset behind $symbol, loaded at $bias"
	[ $((address - bias - symbol)) -eq $((offset)) ]
}

@test "CPU time as text is for people" {
	start_target burn
	start_exoprof -p "$TARGET"
	fetch cpu.txt 'profile?seconds=1&format=text'
	head -n 20 cpu.txt
	head -n 1 cpu.txt | grep -E '^exoprof profile over [12]\.[0-9]{3} s: samples/count [0-9]+, cpu/nanoseconds [0-9]+$'
	grep -E '^# stacks, by samples: ' cpu.txt
	grep -x '# labels: {"thread":"burn"}' cpu.txt
	run go tool pprof -raw cpu.txt
	[ "$status" -ne 0 ]
}

@test "record writes text to a file named .txt" {
	start_target burn
	"$exoprof" record -p "$TARGET" --type cpu -d 1 -o cpu.txt
	head -n 1 cpu.txt | grep '^exoprof profile over '
}

@test "threads are no format for a heap" {
	start_idle
	start_exoprof -p "$TARGET"
	[ "$(curl -sS -o answer -w '%{http_code}' "${URL}heap?format=threads")" = 400 ]
	grep 'format=threads is for the goroutine profile alone' answer
	run "$exoprof" record -p "$TARGET" --format threads
	[ "$status" -ne 0 ]
	[[ "$output" == *"format threads is for goroutine profiles only"* ]]
}

# Made by hand: what every line and label of theirs may be.
@test "block, mutex, goroutine and threadcreate as text: pprof reads what it reads of the protobuf" {
	local kind
	for kind in block mutex goroutine threadcreate; do
		"$make_text" $kind text > $kind.txt
		"$make_text" $kind pprof > $kind.pb.gz
		echo "$kind"
		values $kind.txt | tee text.values
		[ -s text.values ]
		values $kind.pb.gz | diff text.values -
		stacks $kind.pb.gz | diff <(stacks $kind.txt) -
	done
	head -n 1 block.txt | grep -x -e '--- contention:'
	head -n 1 mutex.txt | grep -x -e '--- mutex:'
	head -n 1 goroutine.txt | grep -x 'goroutine profile: total 43'
}

@test "threads are in Go's own form" {
	"$make_text" goroutine threads > threads.txt
	head -n 20 threads.txt
	# As github.com/maruel/panicparse reads it: a header, then pairs of lines, then an empty one.
	awk '
		state == "" && /^(#|$)/ { next }
		state == "" && /^goroutine [0-9]+ \[[^]]+\]:$/ { blocks++; state = "function"; next }
		state == "function" && /^$/ { state = ""; next }
		state == "function" && /^.+\(\.\.\.\)$/ { state = "file"; next }
		state == "file" && /^\t(\?\?|.+\.c):[0-9]+( \+0x[0-9a-f]+)?$/ { state = "function"; next }
		{ print "line " NR ": " $0; bad = 1; exit }
		END { exit bad || blocks != 41 }' threads.txt
	grep -x 'goroutine 4002 \[sleeping, =: "worker" @ 0x1\]:' threads.txt
}
