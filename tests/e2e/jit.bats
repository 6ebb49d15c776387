# SPDX-License-Identifier: Apache-2.0
# Names that come from no file of code: of JavaScript that Node.js compiles while it runs, and of BPF
# programs in the kernel.

load helpers

# V8's own functions, in node's file, have no call-frame information, and what it compiles has none.
WHOLE_PERCENT=99

teardown() {
	stop_all
	# The lists stay when node is gone.
	local pid
	for pid in $(cat "$BATS_TEST_TMPDIR/.started"); do rm -f "/tmp/perf-$pid.map"; done
}

# start_node MODE [OPTION...]: TARGET is its pid. Functions are left as they are written, so that the
# truth about their callers is known.
start_node() {
	start target node --perf-basic-prof --no-turbo-inlining "${@:2}" "$root/tests/targets/work.js" "$1"
	TARGET=$STARTED
	wait_for 20 grep -q ready target.out
}

# whole FILE: the share of the samples whose stacks are, in percent, from the profile's comments.
whole() {
	comments "$1" | awk '/^stacks, by samples:/ {
		all = $4 + $6 + $8
		printf "# %d samples, %.2f%% whole\n", all, 100 * $4 / all > "/dev/stderr"
		exit !(all >= 100 && 100 * $4 >= '$WHOLE_PERCENT' * all)
	}' 2>&3 || { comments "$1" >&2; return 1; }
}

# begin_somewhere FOLDED: at least so many percent begin where the program or a thread does.
begin_somewhere() {
	awk -v wanted="$WHOLE_PERCENT" '{
		value = $NF; all += value
		if ($0 ~ /^(_start|__clone3|clone3|clone|\[libc[^;]*\]);/) begun += value
		else other[substr($0, 1, 60)] += value
	} END {
		for (o in other) print o, other[o] > "/dev/stderr"
		exit !(all && 100 * begun >= wanted * all)
	}' "$1"
}

# chain_of FOLDED: where site_leaf, site_inner, site_middle and site_outer are, by which they are
# called: prints the share of samples with the right callers, in percent.
chain_of() {
	awk -v wanted="$WHOLE_PERCENT" '
		BEGIN { caller["site_leaf"] = "site_inner"; caller["site_inner"] = "site_middle"; caller["site_middle"] = "site_outer" }
		{
			value = $NF; depth = split($0, frames, ";"); seen = wrong = 0; below = ""
			for (f = 1; f <= depth; f++) {
				here = frames[f]
				if (here !~ /^(JS|LazyCompile|Function):/) here = ""
				else { sub(/^[A-Za-z]*:[*~^+]?/, "", here); sub(/ .*/, "", here) }
				if (here in caller) { seen = 1; if (below != caller[here]) wrong = 1 }
				below = here
			}
			if (seen) { all += value; if (!wrong) right += value }
		}
		END {
			printf "# %.2f%% with the right callers\n", all ? 100 * right / all : 0 > "/dev/fd/3"
			exit !(all && 100 * right >= wanted * all)
		}' "$1"
}

@test "JavaScript that computes: names, callers, whole stacks" {
	start_node chain
	sleep 2
	start_exoprof -p "$TARGET" --no-heap --frequency 499
	fetch p.pb.gz 'profile?seconds=4'
	whole p.pb.gz
	fetch p.folded 'profile?seconds=4&format=folded'
	chain_of p.folded
	begin_somewhere p.folded
	fetch p.svg 'profile?seconds=1&format=flamegraph'
	grep -q '<g class="jit"' p.svg
	grep -q 'site_inner' p.svg
	grep -q 'JIT code' p.svg
	top p.pb.gz cpu | grep -q 'site_inner .*work.js'
}

@test "JavaScript that baseline code and the interpreter run" {
	start_node chain --no-opt --interpreted-frames-native-stack
	sleep 2
	start_exoprof -p "$TARGET" --no-heap --frequency 499
	fetch p.pb.gz 'profile?seconds=4'
	whole p.pb.gz
	fetch p.folded 'profile?seconds=4&format=folded'
	chain_of p.folded
}

@test "a server under load, in JavaScript" {
	start_node server
	wait_for 10 grep -q listening target.out
	start load wrk -t1 -c8 -d15s "$(grep -o 'http://[^ ]*' target.out)"
	sleep 2
	start_exoprof -p "$TARGET" --no-heap --frequency 499
	fetch p.pb.gz 'profile?seconds=5'
	whole p.pb.gz
	top p.pb.gz cpu | grep -q 'site_answer .*work.js'
	top p.pb.gz cpu | grep -q 'site_middle .*work.js'
}

@test "JavaScript that allocates, with the collector's threads" {
	start_node garbage
	sleep 2
	start_exoprof -p "$TARGET" --no-heap --frequency 499
	fetch p.pb.gz 'profile?seconds=5'
	whole p.pb.gz
	fetch p.folded 'profile?seconds=4&format=folded'
	begin_somewhere p.folded
	grep -q 'site_tree' p.folded
	# Garbage is collected on threads of their own, by functions in node's file.
	grep -qi 'scaveng\|marking\|heap' p.folded
}

@test "a list of an earlier process, or of another user, names nothing" {
	start_target unwind/keep-fp/jit
	printf '0 7fffffffffff everything\n' > "/tmp/perf-$TARGET.map"
	kill -USR1 "$TARGET"
	wait_for 10 grep -q made target.out
	start_exoprof -p "$TARGET" --no-heap
	fetch p.folded 'profile?seconds=2&format=folded'
	grep -q ';everything;' p.folded
	# By its name and size it is what it was.
	touch -d '1 day ago' "/tmp/perf-$TARGET.map"
	end "$EXOPROF"
	start_exoprof_as again -p "$TARGET" --no-heap
	fetch q.folded 'profile?seconds=2&format=folded'
	not grep -q everything q.folded
	end "$EXOPROF"
	touch "/tmp/perf-$TARGET.map"
	chown nobody "/tmp/perf-$TARGET.map"
	start_exoprof_as third -p "$TARGET" --no-heap
	fetch r.folded 'profile?seconds=2&format=folded'
	not grep -q everything r.folded
}

@test "BPF programs that are loaded while exoprof runs: here those of another one" {
	start_demo
	start_load 20 /gc
	start_exoprof -p "$DEMO" --no-heap --frequency 499
	# By now exoprof has read the kernel's list.
	fetch before.folded 'profile?seconds=2&format=folded'
	local first=$URL
	start_exoprof_as second -p "$DEMO" --heap-rate 1
	URL=$first
	sleep 3
	fetch p.folded 'profile?seconds=3&format=folded'
	grep -q 'bpf_prog_[0-9a-f]*_walk_step \[bpf\]' p.folded
	grep -q 'vfs_\|sock_\|tcp_' p.folded
}
