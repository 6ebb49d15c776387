# SPDX-License-Identifier: Apache-2.0
# Code that is put into a program and taken out of it again (userspace/inline), by put_stub, without
# probes: the program must not notice.

load helpers

put_stub=$root/build/e2e/put_stub

stubs_left() { grep -c exoprof-inline "/proc/$TARGET/maps" || true; }

open_files() { find "/proc/$TARGET/fd" -lname '*exoprof-inline*' | wc -l; }

# put_often [VARIABLE=VALUE...]: into a program with these in its environment.
put_often() {
	start_churn env "$@"
	"$put_stub" "$TARGET" "${TIMES:-40}" 20 "${ALLOCATOR:-glibc}" | tee stub.out
	code_intact_stopped
	[ "$(stubs_left)" -eq 0 ]
	[ "$(open_files)" -eq 0 ]
	is_unharmed
}

@test "it comes and goes while threads allocate, take signals, fork, throw and load libraries" {
	put_often
	grep -q '^glibc: \([0-9]*\) of \1 functions$' stub.out
}

@test "the same with other allocators" {
	local ALLOCATOR TIMES=20
	for ALLOCATOR in jemalloc:libjemalloc.so.2 tcmalloc:libtcmalloc_minimal.so.4 mimalloc:libmimalloc.so.2.0; do
		local library=${ALLOCATOR#*:}
		ALLOCATOR=${ALLOCATOR%:*}
		put_often LD_PRELOAD="$library"
		grep -q "^$ALLOCATOR: [1-9]" stub.out
	done
}

@test "whoever puts it there is killed at any moment: the program goes on" {
	local i left=0
	for ((i = 0; i < 40; i++)); do
		THREADS=8 start_churn
		start stub "$put_stub" "$TARGET" 1000 1
		wait_for 10 grep -q exoprof-inline "/proc/$TARGET/maps"
		sleep "$(printf '0.%03d' $((RANDOM % 60)))"
		kill -KILL "$STARTED"
		wait "$STARTED" || true
		sleep 0.1
		if [ "$(stubs_left)" -ne 0 ]; then left=$((left + 1)); fi
		is_unharmed > /dev/null
	done
	echo "$left of $i times it was in the middle of something"
	[ "$left" -ge 3 ]
}

# Stacks through the stub, by its call-frame information, which eu-stack reads in memory.
@test "while it is there others walk stacks through it" {
	THREADS=4 start_churn
	start stub "$put_stub" "$TARGET" 1 10000
	wait_for 10 grep -q exoprof-inline "/proc/$TARGET/maps"
	# It traces the program until the last jump is written.
	wait_for 5 grep -qx 'TracerPid:.0' "/proc/$TARGET/status"
	sleep 0.5
	local text i
	text=$(awk -F- '/exoprof-inline/ { print substr($1, 1, length($1) - 4) }' "/proc/$TARGET/maps")
	for ((i = 0; i < 6; i++)); do eu-stack -p "$TARGET"; done > stacks
	# Of each thread: whether the stub is in its stack, the program's own function behind it, and the
	# first of all at the end.
	awk -v text="$text" '
		function judge() { if (inside) lost++; inside = 0 }
		/^TID/ { judge() }
		index($2, text) { if (!inside) seen++; inside = 1 }
		inside && / (churn|fork_often|load_often)\(void\*\)/ { named++ }
		/clone3/ { inside = 0 }
		END { judge(); print seen " stacks through the stub, " named " named, " lost + 0 " lost"
			exit !seen || named < seen || lost }' stacks
	wait "$STARTED"
	is_unharmed
}

@test "it is not put where it must not be" {
	start_churn
	start strace strace -f -o trace -e trace=none -p "$TARGET"
	wait_for 10 grep -q attached strace.err
	run "$put_stub" "$TARGET" 1 0
	[ "$status" -eq 1 ]
	grep -qx 'none: another process traces it' <<< "$output"
	end "$STARTED"
	is_unharmed
}
