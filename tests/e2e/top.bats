# SPDX-License-Identifier: Apache-2.0
# The live view, as text and on a terminal, which is tmux here: what it shows can be asked for.

load helpers

teardown() {
	in_tmux kill-server 2> /dev/null || true
	stop_all
}

# --- as text ----------------------------------------------------------------------------------------

samples_so_far() {
	sed -nE 's/.* truncated of ([0-9]+) samples.*/\1/p' top.out | awk '{ sum += $1 } END { print sum + 0 }'
}

has_samples() { [ "$(samples_so_far)" -gt "$1" ]; }
has_blocks() { [ "$(grep -c samples top.out)" -ge "$1" ]; }

# self_of NAME: of all blocks on standard input, in seconds.
self_of() {
	awk -v name="$1" '$NF == name { sub("s", "", $1); sum += $1 } END { print sum + 0 }'
}

@test "plain text has a block an interval, each with what, when, losses, and shares as the work was" {
	start_target burn
	"$exoprof" top -p "$TARGET" --iterations 3 > top.out
	cat top.out
	[ "$(grep -cE "^[-0-9]{10}T[:0-9]{8}Z burn \(pid $TARGET\): CPU time, last [0-9]+\.[0-9] s: [0-9.]+s; 0 lost, [0-9.]+% truncated of [0-9]+ samples at 99 Hz\$" top.out)" -eq 3 ]
	# No escape sequence, nor anything else that is no text.
	not grep -qP '[^\t\n\x20-\x7e]' top.out
	between 0.6 "$(jq -n "$(self_of burn_a < top.out) / ($(self_of burn_a < top.out) + $(self_of burn_b < top.out))")" 0.9
	# All of the time is below main or the second thread, none of it in them.
	grep -qE '^ +0\.0[0-9]s +[0-9.]+% +[0-9.]+s +[0-9.]+%  outer$' top.out
}

@test "no sample is lost between two intervals, and no stack, however many there are" {
	start_target paths
	# It stands still while its CPU time is read, so that however late that is nothing is missed.
	kill -STOP "$TARGET"
	local before after blocks
	before=$(cpu_seconds "$TARGET")
	start top "$exoprof" top -p "$TARGET" -F 9999
	wait_for 20 has_blocks 1
	kill -CONT "$TARGET"
	# More stacks than the kernel's map has room for.
	wait_for 60 has_samples 40000
	kill -STOP "$TARGET"
	blocks=$(grep -c samples top.out)
	wait_for 10 has_blocks $((blocks + 2))
	after=$(cpu_seconds "$TARGET")
	end "$STARTED"
	[ "$STATUS" -eq 0 ]
	grep samples top.out
	not grep -qE ' [1-9][0-9]* lost|without a stack' top.out
	between 0.95 "$(jq -n "$(samples_so_far) / 9999 / ($after - $before)")" 1.05
	kill -CONT "$TARGET"
}

@test "the heap is followed if it is asked for, and shown by what allocated it" {
	start_fed leak "$targets/leak"
	"$exoprof" top -p "$TARGET" --type heap --heap-rate 1 --delay 2 -n 1 > top.out
	cat top.out
	grep -qE "leak \(pid $TARGET\): heap in use, 0:00:0[0-9] in all: .* of [1-9][0-9]* samples\$" top.out
	grep -q '^.*heap of glibc' top.out
	grep -qE '[KMG]iB.* main$' top.out
}

@test "a heap that is not followed is no reason to wait for ever" {
	start_target burn
	timeout 20 "$exoprof" top -p "$TARGET" --type heap --no-heap -n 1 > top.out
	cat top.out
	grep -q "burn (pid $TARGET): heap in use, not known yet$" top.out
	grep -q '^heap not followed: exoprof runs with --no-heap$' top.out
}

@test "the target's end is said, and plain text ends with it" {
	start_target burn
	start top "$exoprof" top -p "$TARGET" --plain
	wait_for 20 grep -q samples top.out
	end "$TARGET" KILL
	local top
	top=$(sed -n 2p .started)
	wait_for 10 has_ended "$top"
	wait "$top"
	grep -qx "exoprof: pid $TARGET has exited" top.err
}

@test "whoever has read enough may go" {
	start_target burn
	"$exoprof" top -p "$TARGET" 2> top.err | head -n 3 > top.out
	[ "${PIPESTATUS[0]}" -eq 0 ]
	[ "$(wc -l < top.out)" -eq 3 ]
	[ ! -s top.err ]
}

# --- on a terminal ----------------------------------------------------------------------------------

in_tmux() {
	tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null "$@" 3>&-
}

# start_top COLUMNS ROWS [VARIABLE=VALUE...] -- OPTION...: exoprof top in a terminal of that size; EXOPROF
# is its pid.
start_top() {
	local columns=$1 rows=$2 environment=()
	shift 2
	while [ "$1" != -- ]; do
		environment+=("$1")
		shift
	done
	shift
	in_tmux new-session -d -x "$columns" -y "$rows" \
		"env LC_ALL=C.UTF-8 ${environment[*]} '$exoprof' top $*; echo status \$?; exec sleep 1000"
	wait_for 20 shows SELF
	EXOPROF=$(pgrep -P "$(ask_tmux pane_pid)" exoprof)
}

close_terminal() {
	local server
	server=$(ask_tmux pid)
	in_tmux kill-server
	# Until then it might take the next session with it.
	wait_for 10 is_gone "$server"
}

ask_tmux() { in_tmux display-message -p "#{$1}"; }
screen() { in_tmux capture-pane -p; }
press() { in_tmux send-keys "$@"; }
shows() { screen | grep -qE -- "$1"; }
shows_not() { ! shows "$1"; }

# Canonical mode, echo, the screen as it was before.
is_restored() {
	stty -a -F "$(ask_tmux pane_tty)" > tty
	grep -qE '(^| )icanon' tty && grep -qE '(^| )echo( |$)' tty && [ "$(ask_tmux alternate_on)" = 0 ]
}

# is_sorted_by COLUMN: the rows of the screen, by seconds.
is_sorted_by() {
	screen | awk -v at="$1" '$1 ~ /^[0-9.]+s$/ { value = $at + 0; if (n++ && value > last) bad = 1; last = value }
		END { exit bad || n < 3 }'
}

@test "the terminal shows the process, the losses and the functions; keys sort, switch, filter, pause" {
	start_target burn
	start_top 80 24 -- -p "$TARGET"
	wait_for 10 shows ' burn_a$'
	screen
	screen | sed -n 1p | grep -E "^burn \(pid $TARGET\)  up 0:00:[0-9]{2}, 2 threads, [0-9]+% CPU$"
	screen | sed -n 2p | grep -E '^CPU time, last [0-9]+\.[0-9] s: [0-9.]+s; 0 lost, [0-9.]+% truncated of [0-9]+ samples at 99 Hz$'
	wait_for 5 is_sorted_by 1

	press t
	wait_for 5 shows '>TOTAL'
	wait_for 5 is_sorted_by 3
	press s
	wait_for 5 shows '>SELF'

	press i
	wait_for 5 shows 'CPU time, 0:00:[0-9]{2} in all'
	press r
	wait_for 5 shows 'CPU time, 0:00:0[01] since the reset'

	press / burn_ot
	wait_for 5 shows 'filter: burn_ot_'
	press Enter
	wait_for 5 shows_not ' burn_a$'
	wait_for 5 shows ' burn_other$'
	press Escape
	wait_for 5 shows ' burn_a$'

	press p
	wait_for 5 shows '^paused'
	screen > paused
	sleep 1.5
	screen | diff paused -
	press p
	wait_for 5 shows_not '^paused'

	press h
	wait_for 5 shows 'heap is not followed: start exoprof top with --heap'
	[ "$(heap_links)" -eq 0 ]
	press '?'
	wait_for 5 shows 'PgUp'
	press '?'
	wait_for 5 shows ' burn_a$'

	press q
	wait_for 10 shows '^status 0$'
	wait_for 5 is_restored
}

@test "with --heap the keys lead to the heap and back" {
	start_fed leak "$targets/leak"
	start_top 80 24 -- -p "$TARGET" --heap --heap-rate 1
	has_heap_probes
	press h
	wait_for 10 shows '^heap in use, .*: [0-9.]+[KM]iB; 0 lost'
	wait_for 5 shows 'probes take|heap of glibc'
	wait_for 10 shows 'iB .* main$'
	press a
	wait_for 10 shows '^allocated, .*: [0-9.]+[KMG]iB; 0 lost'
	press c
	wait_for 10 shows '^CPU time, last'
}

@test "the screen scrolls, and follows its size" {
	start_target burn
	start_top 80 12 -- -p "$TARGET"
	wait_for 10 shows ' 1-6 of [0-9]+'
	press Down
	wait_for 5 shows ' 2-7 of [0-9]+'
	press PageUp
	wait_for 5 shows ' 1-6 of [0-9]+'
	press End
	wait_for 5 shows_not ' 1-6 of'
	press Home
	wait_for 5 shows ' 1-6 of'
	local size
	for size in '200 50' '30 8' '1 1' '80 3' '120 30'; do
		in_tmux resize-window -x "${size% *}" -y "${size#* }"
		sleep 0.3
		kill -0 "$EXOPROF"
	done
	# Wide and high enough for all of it.
	wait_for 5 shows ' 1-([0-9]+) of \1$'
	wait_for 5 shows 's/t sort .* \? help$'
}

@test "a long name is cut to the screen" {
	start_target burn
	start_top 46 24 -- -p "$TARGET"
	wait_for 5 shows '  __libc_s…$'
}

@test "signals and the end of the target give the terminal back" {
	start_target burn
	local signal
	for signal in TERM INT QUIT; do
		start_top 80 24 -- -p "$TARGET"
		kill "-$signal" "$EXOPROF"
		wait_for 10 shows '^status 0$'
		wait_for 5 is_restored
		close_terminal
	done

	# Stopped, it is the shell's terminal.
	start_top 80 24 -- -p "$TARGET"
	press C-z
	wait_for 10 grep -q '^State:.T' "/proc/$EXOPROF/status"
	wait_for 5 is_restored
	kill -CONT "$EXOPROF"
	wait_for 5 shows ' burn_a$'

	end "$TARGET" KILL
	wait_for 10 shows '^The target has exited; this is the last view'
	wait_for 5 shows "^burn \(pid $TARGET\)  has exited"
	wait_for 5 shows ' burn_a$'
	press q
	wait_for 10 shows '^status 0$'
	wait_for 5 is_restored
}

@test "names of a hostile target do not reach the terminal as they are" {
	cp "$targets/burn" burn
	objcopy --strip-debug --redefine-sym burn_a=$'\e[2Jburn\e]0;owned\a' burn $'ev\eil'
	start hostile $'./ev\eil'
	wait_for 10 grep -q ready hostile.out
	start_top 80 24 TERM=xterm -- -p "$STARTED"
	in_tmux pipe-pane "cat > raw"
	press t
	wait_for 10 shows 'burn\?\]0;owned\?'
	press s
	sleep 1.5
	screen
	wait_for 5 shows '^ev\?il \(pid'
	[ -s raw ]
	not grep -qF $'\e[2Jburn' raw
	not grep -qF 'owned'$'\a' raw
	not grep -qF $'\e]0;' raw

	"$exoprof" top -p "$STARTED" -n 1 > plain
	grep -qF '?[2Jburn?]0;owned?' plain
	grep -q 'ev?il (pid' plain
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]' plain
}

@test "without colours no colour is set" {
	start_target syscalls
	start_top 80 24 NO_COLOR=1 -- -p "$TARGET"
	wait_for 5 shows vfs_read
	in_tmux capture-pane -pe > plain
	not grep -qE $'\e\\[[34][0-7]m' plain
	close_terminal
	start_top 80 24 -- -p "$TARGET"
	wait_for 5 shows vfs_read
	in_tmux capture-pane -pe > coloured
	grep -qE $'\e\\[36m' coloured
	close_terminal

	# No escape sequences at all where the terminal has none.
	in_tmux new-session -d -x 80 -y 200 "TERM=dumb '$exoprof' top -p $TARGET -n 1; exec sleep 1000"
	wait_for 10 shows 'CPU time, last'
	wait_for 5 shows '^ +>SELF'
}

@test "waits and locks are shown, too, and what it cannot show is refused" {
	start_fed waits "$targets/waits" 5000
	printf 1 >&4
	run -0 "$exoprof" top -p "$TARGET" --type mutex -n 2 --plain
	grep -Eq '[0-9.]+m?s +[0-9.]+%  site_mutex$' <<< "$output"
	not grep -q site_read <<< "$output"
	run -0 "$exoprof" top -p "$TARGET" --type block -n 2 --plain
	grep -q 'time off the CPU' <<< "$output"
	grep -Eq '[0-9.]+m?s +[0-9.]+%  site_read$' <<< "$output"
	run -2 "$exoprof" top -p "$TARGET" --type wall -n 1 --plain
	grep -q "'wall' is none of those that it shows" <<< "$output"
}
