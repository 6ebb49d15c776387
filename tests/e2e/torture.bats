# SPDX-License-Identifier: Apache-2.0
# Some rows of scripts/torture, a time or two each: that they run, and that what they do harms nobody.

load helpers

# rows TIMES ROW...
rows() {
	local times=$1
	shift
	TIMES=$times run --separate-stderr "$root/scripts/torture" "$@"
	echo "$stderr"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^| `' <<< "$output")" -eq $# ]
}

@test "torture: exoprof is ended, and killed, under load" {
	rows 2 ended killed
}

@test "torture: the target is killed, stopped, frozen, traced" {
	rows 1 target-exits-attaching target-exits-profiling target-stopped target-frozen target-traced
}

@test "torture: the disk is full, pipes are closed, memory is short" {
	rows 2 disk-full closed-output no-memory
}

@test "torture: what is not reached makes torture fail, and is named" {
	not env TIMES=1 "$root/scripts/torture" --minutes 0 ended 2> why
	grep -q 'not reached in 0 minutes' why
	grep -q 'failed: ended' why
}
