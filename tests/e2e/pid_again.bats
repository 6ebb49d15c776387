# SPDX-License-Identifier: Apache-2.0
# A pid that is given out again, to another program (tests/targets/reborn.c).

load helpers

# of_process FILE PID: its samples.
of_process() {
	go tool pprof -symbolize=none -proto -output=of.pb.gz -tagfocus="pid=^$2\$" "$1" > /dev/null 2>&1
	samples of.pb.gz
}

# executes PID NAME
executes() {
	[ "$(readlink "/proc/$1/exe")" = "$targets/$2" ]
}

# reborn PID NAME [ARGUMENT...]: one of tests/targets, with that pid.
reborn() {
	local pid=$1 name=$2
	shift 2
	start reborn "$targets/reborn" "$pid" "$targets/$name" "$@"
	wait_for 10 executes "$pid" "$name"
	wait_for 10 grep -q ready reborn.out
}

says_nothing() {
	[ ! -s exoprof.err ] || say_and_fail "$(< exoprof.err)"
}

counter() {
	curl -sS "${URL%debug/pprof/}metrics" | awk -v name="$1" 'index($0, name) == 1 { sum += $NF } END { printf "%d\n", sum }'
}

@test "who gets the pid of a target that has ended is not taken for it" {
	local state
	start_target burn
	start_exoprof -p "$TARGET"
	fetch p.pb.gz 'profile?seconds=1'
	end "$TARGET" KILL
	wait_for 10 grep -q "pid $TARGET has exited" exoprof.err
	fetch heap.pb.gz heap
	reborn "$TARGET" mixed
	# Longer than it takes to look at what there is (2 s).
	sleep 3
	run curl -sS -o body -w '%{http_code}' "${URL}profile?seconds=1"
	[ "$output" = 500 ]
	grep -q 'the target has exited' body
	state=$(curl -sS "${URL%debug/pprof/}api/status")
	[ "$(jq -c '[.targets[] | [.pid, .name, .alive]]' <<< "$state")" = "[[$TARGET,\"burn\",false]]" ]
	[ "$(counter exoprof_heap_probes_attached)" -eq 0 ]
	fetch again.pb.gz heap
	diff <(samples heap.pb.gz) <(samples again.pb.gz)
	[ "$(wc -l < exoprof.err)" -eq 1 ]
	# Asked for, it is followed as any other.
	start_exoprof_as other -p "$TARGET"
	fetch p.pb.gz 'profile?seconds=1'
	samples p.pb.gz | grep -q ';site_work;'
	not grep -q 'burn_' <(samples p.pb.gz)
}

@test "a child's pid that comes again, now a grandchild's, is another process" {
	start_fed parent bash -c 'echo ready
		"$1/burn" > burn.out & echo "child $!" > child; child=$!
		read -r -n 1; kill -KILL $child; wait $child
		"$1/reborn" $child "$1/mixed"; true' parent "$targets"
	wait_for 10 grep -q ready burn.out
	local child
	child=$(awk '{ print $2 }' child)
	start_exoprof -p "$TARGET" --follow-children
	fetch first.pb.gz 'profile?seconds=1'
	of_process first.pb.gz "$child" | grep -q ';burn_[a-z]*;'
	# One profile over the end of the one and the life of the other.
	curl -sS -o both.pb.gz "${URL}profile?seconds=6" & local fetching=$!
	wait_for 10 is_sampling
	sleep 1
	printf 1 >&4
	wait_for 10 executes "$child" mixed
	wait $fetching
	of_process both.pb.gz "$child" > both
	grep -q ';burn_a;middle;outer;main;' both
	grep -q ';site_work;' both
	# Nobody's address was looked up in the other's program.
	not grep -E ';(burn_[a-z]*|middle|outer);.*site_work|site_work;.*(burn_|middle|outer)|\[(mixed|burn)\+0x|unknown' both
	fetch last.pb.gz 'profile?seconds=1'
	of_process last.pb.gz "$child" > last
	grep -q ';site_work;' last
	not grep -q 'burn_' last
	says_nothing
}

@test "who gets a dead child's pid, and is no relative, is not followed" {
	start_fed parent bash -c 'echo ready
		"$1/burn" > burn.out & echo "child $!" > child; child=$!
		read -r -n 1; kill -KILL $child; wait $child
		read -r -n 1' parent "$targets"
	wait_for 10 grep -q ready burn.out
	local child
	child=$(awk '{ print $2 }' child)
	start_exoprof -p "$TARGET" --follow-children
	wait_for 10 test "$(counter exoprof_processes)" -eq 2
	printf 1 >&4
	wait_for 10 is_gone "$child"
	reborn "$child" mixed
	sleep 3
	fetch p.pb.gz 'profile?seconds=2'
	[ -z "$(of_process p.pb.gz "$child")" ]
	[ "$(counter exoprof_processes)" -eq 1 ]
	says_nothing
}
