# SPDX-License-Identifier: Apache-2.0
# A target that maps, and runs, files made to do harm to who reads them (tests/hostile/make_files.py).
# HOSTILE_SMALL=1 takes the largest there are: minutes instead of seconds.

load helpers

HOSTILE_SMALL=${HOSTILE_SMALL:-16}
# Requests must end; how soon depends on who else uses the machine.
PATIENCE=$((HOSTILE_SMALL == 1 ? 1200 : 240))
# What exoprof may take at its worst moment, MiB.
RSS_MAX=$((HOSTILE_SMALL == 1 ? 3072 : 1024))

setup_file() {
	"$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build/exoprof" check > "$BATS_FILE_TMPDIR/check" 2>&1
	"$BATS_TEST_DIRNAME/../hostile/make_files.py" "$BATS_FILE_TMPDIR/files" "$HOSTILE_SMALL"
}

teardown() {
	stop_all
	local pid
	for pid in $(cat "$BATS_TEST_TMPDIR/.started"); do rm -f "/tmp/perf-$pid.map"; done
}

# start_hostile FOLDER: told by descriptor 4. TARGET is its pid.
start_hostile() {
	start_fed hostile "$targets/hostile" "$1"
}

# ask NAME PATH: within PATIENCE, to NAME; says how long it took.
ask() {
	local began=$SECONDS status
	status=$(curl -sS --max-time "$PATIENCE" -o "$1" -w '%{http_code}' "$URL$2")
	echo "# $2: $status after $((SECONDS - began)) s, $(resident)" >&3
	[ "$status" = 200 ] || say_and_fail "$2 gives $status: $(head -c 300 "$1")"
}

# The most that exoprof's processes had, and have.
resident() {
	local pid
	for pid in $EXOPROF $(pgrep -P "$EXOPROF"); do
		awk -v ORS=' ' '/^VmHWM|^VmRSS/ { print $1, int($2 / 1024) " MiB" }' "/proc/$pid/status"
	done
}

peak_mib() { awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$EXOPROF/status"; }

descriptors() { ls "/proc/$EXOPROF/fd" | wc -l; }

# honest_shares PROFILE: honest_a has three times what honest_b has; of n samples a share p is off by
# sqrt(p * (1 - p) / n) by chance. Both together have as much as the files' code, whatever names that
# has, beside which there is what cutting one of them takes.
honest_shares() {
	samples "$1" | awk '
		/[ ;]honest_a;/ { a += $1; next }
		/[ ;]honest_b;/ { b += $1; next }
		/[ ;]burn_(a|b|other);/ { next }
		{ other += $1 }
		END {
			n = a + b
			if (n < 40) { print "only " n " samples"; exit 1 }
			sd = sqrt(0.75 * 0.25 / n)
			printf "honest_a: %.3f of %d, truth 0.75: %+.1f sd; %d others\n", a / n, n, (a / n - 0.75) / sd, other
			exit !(a / n > 0.75 - 4 * sd - 0.02 && a / n < 0.75 + 4 * sd + 0.02 && other > 0.5 * n && other < 2 * n)
		}'
}

# Nothing of a file that only root may read has come out.
no_secrets() {
	local secret
	secret=$(head -n 1 /etc/shadow)
	[ -n "$secret" ]
	for answer in "$@"; do
		case $answer in *.pb.gz) zcat "$answer" ;; *) cat "$answer" ;; esac > plain
		not grep -qF -- "$secret" plain
	done
}

@test "what runs in hostile files is profiled, and all else is right" {
	local before
	start_hostile "$BATS_FILE_TMPDIR/files"
	start_target burn
	local honest=$STARTED hostile
	hostile=$(head -n 1 "$BATS_TEST_TMPDIR/.started")
	local began=$SECONDS
	start_exoprof_patiently -p "$hostile" -p "$honest" --frequency 499 --heap-rate 1
	echo "# attached after $((SECONDS - began)) s, $(resident)" >&3
	before=$(descriptors)
	printf 1 >&4
	wait_for 60 grep -qx end hostile.out
	ask cpu.pb.gz 'profile?seconds=10'
	ask heap.pb.gz heap
	ask threads.txt 'goroutine?debug=2'
	ask cpu.svg 'profile?seconds=2&format=flamegraph'
	ask block.pb.gz block
	ask heap.txt 'heap?format=text'
	ask cpu2.pb.gz 'profile?seconds=1'
	echo "# descriptors: $before before, $(descriptors) after" >&3
	[ "$(descriptors)" -le $((before + 200)) ]
	[ "$(peak_mib)" -le "$RSS_MAX" ]
	# None of them is worth the life of who reads its rows, by all that is known.
	curl -sS "${URL%/debug/pprof/}/metrics" | grep '^exoprof_unwind_restarts_total' | tee restarts
	grep -qx 'exoprof_unwind_restarts_total{reason="died"} 0' restarts
	# pprof opens the files that a profile names where it finds them, and does not survive these.
	mv "$BATS_FILE_TMPDIR/files" "$BATS_FILE_TMPDIR/moved"
	comments cpu.pb.gz
	no_secrets cpu.pb.gz heap.pb.gz threads.txt cpu.svg heap.txt
	honest_shares cpu.pb.gz
	samples cpu.pb.gz | awk '
		/[ ;]burn_a;/ { a += $1 } /[ ;]burn_b;/ { b += $1 } /[ ;]burn_/ { all += $1 }
		END { print "burn_a", a, "burn_b", b, "of", all; exit !(all > 40 && a > 1.5 * b) }'
	# The books: its own, and what was allocated through the files.
	by_site heap.pb.gz | grep -x "$(sed -n 's/^site //p' hostile.out)"
	samples heap.pb.gz | awk -v truth="$(sed -n 's/^elsewhere //p' hostile.out)" '
		$5 !~ /;site_own;/ && $2 == 1000 * $1 { objects += $1; bytes += $2 }
		END { print objects, bytes, "truth", truth; exit objects " " bytes != truth }'
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	kill -0 "$hostile"
	kill -0 "$honest"
}

# The attach reads all files, too.
start_exoprof_patiently() {
	start exoprof "$exoprof" "$@" --listen 127.0.0.1:0
	EXOPROF=$STARTED
	if ! wait_for "$PATIENCE" grep -q profiling exoprof.out; then
		cat exoprof.err >&2
		return 1
	fi
	URL=$(grep -o 'https\?://[^ ,]*' exoprof.out | head -n 1)
}

# look: at the target's code that is in no file, which is when its list is read.
look() {
	ask cpu.pb.gz 'profile?seconds=2'
	ask symbol.txt "symbol?0x$(awk '$2 ~ /x/ && NF == 5 { split($1, a, "-"); print a[1]; exit }' "/proc/$TARGET/maps")"
	no_secrets cpu.pb.gz symbol.txt
	honest_shares cpu.pb.gz
}

@test "a hostile list of a JIT compiler's functions harms nobody" {
	mkdir one
	cp "$BATS_FILE_TMPDIR"/*/section_headers_beyond.elf one
	start_hostile "$PWD/one"
	start_exoprof_patiently -p "$TARGET" --frequency 499
	local list=/tmp/perf-$TARGET.map start
	start=$(awk '$2 ~ /x/ && NF == 5 { split($1, a, "-"); print a[1]; exit }' "/proc/$TARGET/maps")
	[ -n "$start" ]

	echo "$start 1000 jit_before" > "$list"
	sleep 3
	look
	samples cpu.pb.gz | grep -q jit_before

	rm "$list"; ln -s /etc/shadow "$list"; sleep 3; look
	rm "$list"; mkfifo "$list"; sleep 3; look
	rm "$list"; ln -s /dev/zero "$list"; sleep 3; look
	rm "$list"; mkdir "$list"; sleep 3; look; rmdir "$list"
	# Large, and without an end of line; then only holes.
	head -c 200000000 /dev/zero | tr '\0' 'a' > "$list"; sleep 3; look
	rm "$list"; truncate -s 8G "$list"; sleep 3; look
	rm "$list"; head -c 10000000 /dev/urandom > "$list"; sleep 3; look
	# All of them on each other.
	awk -v start="$start" 'BEGIN { for (i = 0; i < 300000; i++) printf "%s %x jit_%d\n", start, 4096 - i % 4096, i }' > "$list"
	sleep 3
	look
	samples cpu.pb.gz | grep -q 'jit_'
	# Another one all the time.
	start replacing bash -c "while :; do echo '$start 1000 jit_one' > '$list.new'; mv '$list.new' '$list'
		head -c 100000 '$root/Makefile' > '$list.new'; mv '$list.new' '$list'; : > '$list'; done"
	local replacing=$STARTED
	look
	look
	end "$replacing"
	rm -f "$list.new" "$list"
	echo "# $(resident), $(descriptors) descriptors" >&3
	[ "$(peak_mib)" -le 512 ]
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	kill -0 "$TARGET"
}
