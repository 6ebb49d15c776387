# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/demo and scripts/walkthrough: what both do with a server and exoprof beside it.

server=127.0.0.1:8080
profiler=127.0.0.1:6060

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

say() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

# wait_for FILE TEXT PID: until the program has written the text, or has ended.
wait_for() {
	local i
	for ((i = 0; i < 200; i++)); do
		if grep -q "$2" "$1"; then return; fi
		if ! kill -0 "$3" 2>/dev/null; then break; fi
		sleep 0.05
	done
	cat "$1" >&2
	die "did not start (is another program using port ${server#*:} or ${profiler#*:}?)"
}
