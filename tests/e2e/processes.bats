# SPDX-License-Identifier: Apache-2.0
# Several processes, children, threads, and what they execute.

load helpers

start_family() {
	start_fed family "$targets/family"
	ELDEST=$(member eldest)
}

# Those that come later.
grow_family() {
	printf 1 >&4
	wait_for 10 grep -qx grown family.out
}

member() {
	awk -v name="$1" '$1 == name { print $2 }' family.out
}

# of_process FILE PID: its samples; of_thread FILE NAME.
of_process() {
	go tool pprof -symbolize=none -proto -output=of.pb.gz -tagfocus="pid=^$2\$" "$1" > /dev/null 2>&1
	samples of.pb.gz
}

of_thread() {
	go tool pprof -symbolize=none -proto -output=of.pb.gz -tagfocus="thread=^$2\$" "$1" > /dev/null 2>&1
	samples of.pb.gz
}

# only FUNCTION: standard input has samples, all of them with this one and down to _start or clone3.
only() {
	cat > only
	[ -s only ]
	not grep -v ";$1;" only
	not grep -vE ';(_start|clone3);$' only
}

@test "a thread's name is a label" {
	start_family
	start_exoprof -p "$TARGET" --no-heap
	fetch p.pb.gz 'profile?seconds=2'
	of_thread p.pb.gz a-worker | only burn_worker
	of_thread p.pb.gz family | not grep burn_worker
	# Not without the option, though it has a child.
	samples p.pb.gz | not grep burn_eldest
}

@test "children that are there and children to come are followed, by fork and by exec" {
	start_family
	start_exoprof -p "$TARGET" --follow-children --no-heap
	grep -q "(pid $TARGET) and 1 more at" exoprof.out
	grow_family
	fetch p.pb.gz 'profile?seconds=4'
	of_process p.pb.gz "$ELDEST" | only burn_eldest
	of_process p.pb.gz "$(member forked)" | only burn_forked
	of_process p.pb.gz "$(member executed)" | grep ';burn_executed;'
	of_process p.pb.gz "$TARGET" | grep ';burn_worker;'
	of_process p.pb.gz "$TARGET" | not grep -E ';burn_(eldest|forked|executed|brief);'
	# Those that were born and died while the profile was taken.
	samples p.pb.gz | grep ';burn_brief;.*;main;'
	comments p.pb.gz | grep -E "family \(pid $TARGET\) and [0-9]+ more"
}

@test "each of several processes that are named is profiled" {
	start_target burn
	local first=$TARGET
	start_target syscalls
	start_exoprof -p "$first" -p "$TARGET" -p "$first"
	grep -q "burn (pid $first) and 1 more at" exoprof.out
	fetch p.pb.gz 'profile?seconds=2'
	of_process p.pb.gz "$first" | grep ';burn_a;'
	of_process p.pb.gz "$TARGET" > of.second
	[ -s of.second ]
	not grep ';burn_a;' of.second
	fetch heap.pb.gz heap
	# One of them ends: the other goes on.
	end "$TARGET" KILL
	fetch p.pb.gz 'profile?seconds=2'
	of_process p.pb.gz "$first" | grep ';burn_a;'
	comments p.pb.gz | not grep 'target exited'
}

brief_ones_are_gone() {
	fetch heap.pb.gz heap
	by_site heap.pb.gz | awk '$1 == "site_brief" && $2 > 0 && $4 == 0 { found = 1 } END { exit !found }'
}

@test "the heap of a child has its own books" {
	start_family
	start_exoprof -p "$TARGET" --follow-children --heap-rate 1
	grow_family
	# Brief ones are followed for the rest of their lives only, if at all.
	wait_for 20 heap_has site_brief
	comments heap.pb.gz | grep 'some milliseconds after its fork'
	# What they had is gone with them. One may be there at the moment.
	wait_for 20 brief_ones_are_gone
}

heap_has() {
	fetch heap.pb.gz heap && by_site heap.pb.gz | grep -q "^$1"
}

# Without address space randomization both get the same addresses.
@test "blocks of two processes at one address are two blocks" {
	mkfifo go
	exec 4<> go
	STDIN=go start books setarch -R "$targets/books" --ops 2000
	TARGET=$STARTED
	STDIN=go start other setarch -R "$targets/books" --ops 3000
	wait_for 10 grep -qx ready books.out
	local other=$STARTED
	wait_for 10 grep -qx ready other.out
	start_exoprof -p "$TARGET" -p "$other" --heap-rate 1
	printf 11 >&4
	wait_for 60 grep -qx end books.out
	wait_for 60 grep -qx end other.out
	fetch heap.pb.gz heap
	of_process heap.pb.gz "$TARGET" > /dev/null
	equal_to_books of.pb.gz books.out
	of_process heap.pb.gz "$other" > /dev/null
	equal_to_books of.pb.gz other.out
}

# Found as a fork of the shell, whose allocator it leaves behind at once.
@test "the heap of what a child executes is followed" {
	# It goes on as long as somebody has the other end.
	mkfifo held
	exec 5<> held
	start_fed shell bash -c 'echo ready; read -rn1; "$0" < held' "$targets/leak"
	start_exoprof -p "$TARGET" --follow-children --heap-rate 65536
	printf 1 >&4
	wait_for 20 heap_has site_leaky
	wait_for 20 heap_has site_clean
	comments heap.pb.gz | not grep 'not followed'
}

@test "--name picks a process by its name" {
	start sleeper bash -c 'exec -a anything "$0"' "$targets/burn"
	TARGET=$STARTED
	wait_for 10 grep -q ready sleeper.out
	cp "$targets/burn" ./only-one-burn
	start other ./only-one-burn
	wait_for 10 grep -q ready other.out
	run -0 "$exoprof" record --name only-one-burn -d 1 -o p.pb.gz
	comments p.pb.gz | grep "only-one-burn (pid $STARTED)"
}

@test "--name with several processes of that name lists them" {
	cp "$targets/burn" ./twin-burn
	start one ./twin-burn
	local one=$STARTED
	start two ./twin-burn
	local two=$STARTED
	wait_for 10 grep -q ready one.out
	wait_for 10 grep -q ready two.out
	run -1 --separate-stderr "$exoprof" record --name twin-burn -d 1 -o p.pb.gz
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *"2 processes are called 'twin-burn'"* ]]
	[[ $stderr == *"$one"* && $stderr == *"$two"* ]]
	[ ! -e p.pb.gz ]
	run -1 --separate-stderr "$exoprof" record --name no-such-program -d 1
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *"no process is called 'no-such-program'"* ]]
}

@test "--name with --follow-children takes a family by its head" {
	start_family
	run -0 "$exoprof" record --name family --follow-children -d 2 -o p.pb.gz
	of_process p.pb.gz "$ELDEST" | only burn_eldest
	comments p.pb.gz | grep "family (pid $TARGET)"
}

# run_in UNIT PROGRAM: in the control group that systemd would make for it.
run_in() {
	cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	mkdir -p "$cgroups/$1"
	start "$2" bash -c 'echo $$ > "$1/cgroup.procs"; exec "$2"' - "$cgroups/$1" "$targets/$2"
	wait_for 10 grep -q ready "$2.out"
}

teardown() {
	stop_all
	[ ! -v cgroups ] || find "$cgroups/exoprof-test.slice" -depth -type d -exec rmdir {} +
}

@test "--unit picks the process of a systemd service" {
	run_in "exoprof-test.slice/unit-$$.service" burn
	local burn=$STARTED
	# What a user's manager calls its units is no name of the system's.
	run_in "exoprof-test.slice/user@0.service/unit-$$.service" mixed
	run -0 "$exoprof" record --unit "unit-$$" -d 1 -o p.pb.gz
	comments p.pb.gz | grep "burn (pid $burn)"
	run -0 "$exoprof" record --unit "unit-$$.service" -d 1 -o p.pb.gz
	comments p.pb.gz | grep "burn (pid $burn)"
	run_in "exoprof-test.slice/unit-$$.service" syscalls
	run -1 --separate-stderr "$exoprof" record --unit "unit-$$" -d 1 -o q.pb.gz
	[[ $stderr == *"2 processes are of unit 'unit-$$': "*"$burn"* && $stderr == *"$STARTED"* ]]
	run -1 --separate-stderr "$exoprof" record --unit exoprof-test.slice -d 1 -o q.pb.gz
	[[ $stderr == *"no process is of a unit 'exoprof-test.slice'"* ]]
}

@test "an exec shows in name, arguments, mappings and samples" {
	start_fed shell bash -c 'echo ready; read -rn1; exec -a renamed "$0"' "$targets/burn"
	start_exoprof -p "$TARGET"
	fetch before.pb.gz 'profile?seconds=1'
	fetch during.pb.gz 'profile?seconds=3' & local fetching=$!
	wait_for 10 is_sampling
	printf 1 >&4
	wait $fetching
	samples during.pb.gz | grep ';burn_a;middle;outer;main;'
	wait_for 10 grep -q "pid $TARGET has executed another program, burn" exoprof.err
	run curl -sS "${URL}cmdline"
	[ "$output" = renamed ]
	fetch after.pb.gz 'profile?seconds=1'
	comments after.pb.gz | grep "burn (pid $TARGET)"
	go tool pprof -raw after.pb.gz 2> /dev/null | grep -A1 '^Mappings' | grep -q '/burn'
	go tool pprof -raw after.pb.gz 2> /dev/null | not grep -q '/bash'
}

@test "a program that executes and forks all the time harms nothing, and is followed" {
	start churn bash -c 'while :; do /bin/true; done'
	TARGET=$STARTED
	start_exoprof -p "$TARGET" --follow-children --heap-rate 1
	fetch p.pb.gz 'profile?seconds=4'
	[ "$(total p.pb.gz 1)" -gt 0 ]
	fetch heap.pb.gz heap
	[ "$(comments p.pb.gz | grep -cE ' [0-9]+ samples lost')" -eq 1 ]
	comments p.pb.gz | not grep -E ' [1-9][0-9]* samples lost'
	kill -0 "$TARGET"
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
}

@test "a pid that is given out again is another process" {
	start_target burn
	local first=$TARGET
	start_target syscalls
	start_exoprof -p "$first" -p "$TARGET" --follow-children --no-heap
	end "$first" KILL
	# The kernel gives out the number after this one.
	for _ in {1..50}; do
		echo $((first - 1)) > /proc/sys/kernel/ns_last_pid
		start again "$targets/burn"
		[ "$STARTED" -ne "$first" ] || break
		end "$STARTED" KILL
	done
	[ "$STARTED" -eq "$first" ]
	fetch p.pb.gz 'profile?seconds=2'
	of_process p.pb.gz "$TARGET" > of
	[ -s of ]
	samples p.pb.gz | not grep burn_a
}
