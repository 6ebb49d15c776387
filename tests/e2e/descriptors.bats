# SPDX-License-Identifier: Apache-2.0
# The files that exoprof has open, of which it may have so many.

load helpers

# start_limited SOFT:HARD [OPTION...]: exoprof, which may have so many.
start_limited() {
	start exoprof prlimit "--nofile=$1" "$exoprof" "${@:2}" --listen 127.0.0.1:0
	EXOPROF=$STARTED
	wait_for 20 grep -q 'profiling' exoprof.out || { cat exoprof.err >&2; return 1; }
	URL=$(grep -o 'http://[^ ,]*' exoprof.out)
}

count_descriptors() {
	find "/proc/$EXOPROF/fd" -mindepth 1 | wc -l
}

# Starts 300 programs on a byte, one after the other, of which every third stays; and at last burn.
start_many() {
	cat > many.bash <<-'END'
		trap 'kill $(jobs -p)' EXIT
		echo ready
		read -rn1
		for ((i = 0; i < 100; i++)); do
			/bin/true
			/bin/true
			sleep 1000 &
		done
		"$0" &
		echo started
		while read -rt0.001 -n1 || [ $? -gt 128 ]; do :; done
	END
	start_fed many bash -c "$(< many.bash)" "$targets/burn"
}

has_executed_all() {
	[ "$(grep -lx sleep /proc/[0-9]*/comm 2> /dev/null | cut -d/ -f3 | while read -r pid; do
		grep -qx "PPid:[[:space:]]$TARGET" "/proc/$pid/status" && echo "$pid"
	done | wc -l)" -eq 100 ]
}

@test "a hundred processes with the same libraries need few descriptors, whatever is executed" {
	start_many
	start_limited 256:256 -p "$TARGET" --follow-children --no-heap
	local before
	before=$(count_descriptors)
	printf 1 >&4
	wait_for 60 grep -qx started many.out
	wait_for 10 has_executed_all
	# Each mapping is read again after two seconds.
	sleep 4
	fetch p.pb.gz 'profile?seconds=3'
	# A pidfd each, and what all share: three programs, libraries, symbols.
	echo "descriptors: $before, then $(count_descriptors)"
	[ "$(count_descriptors)" -ge $((before + 100)) ]
	[ "$(count_descriptors)" -lt $((before + 140)) ]
	comments p.pb.gz | grep -E 'and [0-9]+ more'
	samples p.pb.gz > stacks
	# The first process and the last one, with a file that it alone has.
	grep ';execute_command;.*;main;.*;__libc_start_main.*;_start;$' stacks
	grep ';burn_a;middle;outer;main;.*;__libc_start_main.*;_start;$' stacks
	[ ! -s exoprof.err ] || { cat exoprof.err >&2; false; }
}

@test "what cannot be opened for want of descriptors is said" {
	start_target burn
	start_exoprof -p "$TARGET" --no-heap
	# No more than there are.
	prlimit --pid "$EXOPROF" --nofile=3:4096
	wait_for 10 grep -q 'could not be opened, for want of descriptors.*ulimit -n' exoprof.err
	[ "$(grep -c descriptors exoprof.err)" -eq 1 ]
	prlimit --pid "$EXOPROF" --nofile=4096:4096
	fetch p.pb.gz 'profile?seconds=1'
	samples p.pb.gz | grep ';burn_a;'
}

@test "a profile that there are no descriptors for says what to do" {
	start_idle
	start_exoprof -p "$TARGET" --no-heap
	# One more, for the connection.
	prlimit --pid "$EXOPROF" --nofile=$(($(count_descriptors) + 1)):4096
	answer 500 '/debug/pprof/profile?seconds=1'
	is_error 'Could not take the CPU profile: '
	is_error 'ulimit -n'
	prlimit --pid "$EXOPROF" --nofile=4096:4096
	answer 200 '/debug/pprof/profile?seconds=1'
}

@test "exoprof may open as many files as the hard limit says, its command as before" {
	start_idle
	start_limited 300:400 -p "$TARGET" --no-heap
	grep -E '^Max open files +400 +400 ' "/proc/$EXOPROF/limits"
	run -0 --separate-stderr prlimit --nofile=300:400 "$exoprof" run --listen 127.0.0.1:0 -- \
		bash -c 'ulimit -Sn; ulimit -Hn'
	[ "${lines[0]}" = 300 ]
	[ "${lines[1]}" = 400 ]
}

# count_unwound: the files that the kernel side has rows of, as the index page has it.
count_unwound() {
	curl -sS "$URL" | sed -nE 's/.*Unwind rows: [0-9]+ of ([0-9]+) files.*/\1/p'
}

@test "a file without a build ID is known again when it is executed again" {
	objcopy --remove-section .note.gnu.build-id "$(command -v sleep)" nameless
	start shell bash -c 'while :; do ./nameless 0.05; done'
	TARGET=$STARTED
	start_exoprof -p "$TARGET" --follow-children --no-heap
	sleep 5
	# bash, nameless, and the libraries of both.
	echo "files: $(count_unwound)"
	[ "$(count_unwound)" -ge 4 ]
	[ "$(count_unwound)" -lt 12 ]
}
