# SPDX-License-Identifier: Apache-2.0
# One failing call at a time, evenly taken: the whole of it is scripts/faults by hand.

load helpers

# faults_are_borne OPTION...: of scripts/faults. So many at least have to fail, or nothing was tried.
faults_are_borne() {
	local least=$1
	shift
	run "$root/scripts/faults" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "${lines[-1]}" =~ ^([0-9]+)\ injected,\ 0\ not\ ok$ ]]
	[ "${BASH_REMATCH[1]}" -ge "$least" ]
}

@test "whichever call fails while exoprof attaches, it works or says why not, and leaves nothing" {
	faults_are_borne 20 --most 3 --scenario attach
}

@test "whichever call fails while a profile is read and drawn, it is drawn or it is said why not" {
	faults_are_borne 10 --most 12 --scenario convert
}
