# SPDX-License-Identifier: Apache-2.0
# Programs whose files are not where exoprof would look by their path: in containers, in a chroot,
# deleted, replaced. And debug files, wherever they are.

load helpers

boxed=$targets/boxed

# What runs in a container is no child of the test's, and as the first process of its pid namespace it
# takes no signal but SIGKILL.
teardown() {
	local pid
	for pid in $(cat "$BATS_TEST_TMPDIR/.contained" 2> /dev/null); do
		kill -KILL "$pid" 2> /dev/null || true
	done
	stop_all
}

# make_root DIR FULL|STRIPPED: a root that has the program, its library and libc in it.
make_root() {
	mkdir -p "$1"/{opt/app,lib64,lib/x86_64-linux-gnu,old,proc}
	cp /lib64/ld-linux-x86-64.so.2 "$1/lib64"
	cp /lib/x86_64-linux-gnu/libc.so.6 "$1/lib/x86_64-linux-gnu"
	cp "$boxed/$2"/{boxed,other,libboxed.so} "$1/opt/app"
}

# add_debug_file ROOT FILE: of boxed/stripped, to where ROOT's packages would have it.
add_debug_file() {
	local id
	id=$(build_id "$boxed/stripped/$2")
	mkdir -p "$1/usr/lib/debug/.build-id/${id:0:2}"
	cp "$boxed/stripped/$2.debug" "$1/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug"
}

build_id() {
	readelf -n "$1" | awk '/Build ID:/ { print $3 }'
}

# start_contained ROOT: its program in namespaces of its own, in a copy of ROOT on a file system that
# is mounted in there alone. TARGET is its pid out here.
start_contained() {
	cat > enter.sh <<- 'END'
		set -e
		mount -t tmpfs box "$2"
		cp -a "$1/." "$2"
		mount -t proc proc "$2/proc"
		cd "$2"
		pivot_root . old
		LD_LIBRARY_PATH=/old/lib/x86_64-linux-gnu /old/bin/umount -l /old
		exec /opt/app/boxed
	END
	mkdir -p box
	start contained unshare --mount --pid --fork sh enter.sh "$1" "$PWD/box"
	wait_for 10 grep -qx ready contained.out
	TARGET=$(pgrep -P "$STARTED")
	echo "$TARGET" >> "$BATS_TEST_TMPDIR/.contained"
	[ ! -e /opt/app/boxed ]
	[ ! -e box/opt ]
}

# record_folded FILE [OPTION...]: a second and a half of TARGET's CPU time.
record_folded() {
	"$exoprof" record -p "$TARGET" -d 2 -o "$1" --format folded "${@:2}"
	cat "$1"
}

# Of a folded file's samples, the share whose stacks match.
share() {
	awk -v match_="$2" '{ n = $NF; sub(/ [0-9]+$/, ""); all += n; if ($0 ~ match_) some += n }
		END { printf "%.3f\n", all ? some / all : 0 }' "$1"
}

# The stacks of boxed, from main to where it burns, its names beginning with $2; above that there may be
# the kernel. Half of the work is in each, but it goes to and fro in milliseconds, and a sample is taken
# every ten.
has_all_names() {
	local program library
	program=$(share "$1" ";main;$2_outer;$2_middle;$2_burn_here(;|\$)")
	library=$(share "$1" ";main;$2_outer;$2_middle;boxed_library;library_middle;library_burn(;|\$)")
	echo "in the program: $program, in its library: $library"
	between 0.15 "$program" 0.85
	between 0.15 "$library" 0.85
	between 0.95 "$(jq -n "$program + $library")" 1
}

# Whole stacks begin in _start, wherever the program runs.
has_whole_stacks() {
	between 0.97 "$(share "$1" '(^|;)_start;.*;main;')" 1
}

@test "a program in a container has the names and the stacks that it has outside" {
	start outside "$boxed/full/boxed"
	TARGET=$STARTED
	wait_for 10 grep -qx ready outside.out
	record_folded outside.folded
	end "$TARGET"

	make_root "$PWD/image" full
	start_contained "$PWD/image"
	# It is a container: what it calls 1 is another process out here.
	[ "$TARGET" -ne 1 ]
	[ "$(awk '$1 == "NSpid:" { print $NF }' "/proc/$TARGET/status")" = 1 ]
	record_folded inside.folded

	local file
	for file in outside inside; do
		has_all_names $file.folded boxed
		has_whole_stacks $file.folded
	done
}

@test "a program in a chroot has its names" {
	make_root "$PWD/jail" full
	start jailed chroot "$PWD/jail" /opt/app/boxed
	TARGET=$STARTED
	wait_for 10 grep -qx ready jailed.out
	record_folded p.folded
	has_all_names p.folded boxed
	has_whole_stacks p.folded
}

@test "without debug files a stripped program's static functions have no names" {
	make_root "$PWD/image" stripped
	start_contained "$PWD/image"
	record_folded p.folded
	[ "$(share p.folded 'boxed_library')" != 0.000 ]
	[ "$(share p.folded 'boxed_(outer|middle|burn_here)|library_(middle|burn)')" = 0.000 ]
}

@test "debug files that only the container has are used, by build ID" {
	make_root "$PWD/image" stripped
	add_debug_file "$PWD/image" boxed
	add_debug_file "$PWD/image" libboxed.so
	start_contained "$PWD/image"
	record_folded p.folded
	has_all_names p.folded boxed
}

@test "debug files that only the container has are used, by debug link" {
	make_root "$PWD/image" stripped
	cp "$boxed/stripped/boxed.debug" "$PWD/image/opt/app"
	mkdir -p "$PWD/image/usr/lib/debug/opt/app"
	cp "$boxed/stripped/libboxed.so.debug" "$PWD/image/usr/lib/debug/opt/app"
	start_contained "$PWD/image"
	record_folded p.folded
	has_all_names p.folded boxed
}

# The kernel gives a chroot's paths as they are outside of it.
@test "debug files in a chroot are used, by build ID and by debug link" {
	make_root "$PWD/jail" stripped
	add_debug_file "$PWD/jail" boxed
	mkdir -p "$PWD/jail/usr/lib/debug/opt/app"
	cp "$boxed/stripped/libboxed.so.debug" "$PWD/jail/usr/lib/debug/opt/app"
	start jailed chroot "$PWD/jail" /opt/app/boxed
	TARGET=$STARTED
	wait_for 10 grep -qx ready jailed.out
	record_folded p.folded
	has_all_names p.folded boxed
}

@test "a container's debug files are found when it has ended" {
	make_root "$PWD/image" stripped
	add_debug_file "$PWD/image" boxed
	add_debug_file "$PWD/image" libboxed.so
	start_contained "$PWD/image"
	"$exoprof" record -p "$TARGET" -d 100 -o p.folded &
	local recording=$!
	sleep 3
	kill -KILL "$TARGET"
	wait "$recording"
	cat p.folded
	has_all_names p.folded boxed
}

@test "the user's own folders of debug files come first, by build ID and by debug link" {
	make_root "$PWD/image" stripped
	local id
	id=$(build_id "$boxed/stripped/boxed")
	mkdir -p "ids/.build-id/${id:0:2}" links/opt/app
	cp "$boxed/stripped/boxed.debug" "ids/.build-id/${id:0:2}/${id:2}.debug"
	cp "$boxed/stripped/libboxed.so.debug" links/opt/app
	start_contained "$PWD/image"
	# The first is not there, and the second's path does not begin at /.
	record_folded p.folded --debug-dir /nonexistent --debug-dir ids --debug-dir "$PWD/links"
	has_all_names p.folded boxed
}

@test "a debug file of another build is not used" {
	make_root "$PWD/image" stripped
	local id
	id=$(build_id "$boxed/stripped/boxed")
	mkdir -p "$PWD/image/usr/lib/debug/.build-id/${id:0:2}"
	cp "$boxed/stripped/other.debug" "$PWD/image/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug"
	cp "$boxed/stripped/other.debug" "$PWD/image/opt/app/boxed.debug"
	start_contained "$PWD/image"
	record_folded p.folded
	[ "$(share p.folded '(boxed|other)_(outer|middle|burn_here)')" = 0.000 ]
}

@test "a program that is deleted, and one that is replaced while it runs, have their own names" {
	cp "$boxed"/full/{boxed,other,libboxed.so} .
	start deleted ./boxed
	local first=$STARTED second third
	wait_for 10 grep -qx ready deleted.out
	rm boxed
	cp other boxed
	start replaced ./boxed
	second=$STARTED
	wait_for 10 grep -qx ready replaced.out
	mv other boxed.new
	cp "$boxed/full/boxed" boxed.new
	mv boxed.new boxed
	start replacing ./boxed
	third=$STARTED
	wait_for 10 grep -qx ready replacing.out
	grep -q 'boxed (deleted)' "/proc/$first/maps"
	grep -q 'boxed (deleted)' "/proc/$second/maps"

	TARGET=$first record_folded first.folded
	TARGET=$second record_folded second.folded
	TARGET=$third record_folded third.folded
	has_all_names first.folded boxed
	has_all_names second.folded other
	has_all_names third.folded boxed
}

# Without these capabilities /proc/PID/map_files is closed.
@test "where mapped files cannot be opened themselves they are found by their path in there" {
	local less=(setpriv --bounding-set=-sys_admin,-checkpoint_restore "$exoprof")
	"${less[@]}" check | grep -q 'needs CAP_CHECKPOINT_RESTORE'
	make_root "$PWD/image" full
	start_contained "$PWD/image"
	"${less[@]}" record -p "$TARGET" -d 2 -o contained.folded
	cat contained.folded
	has_all_names contained.folded boxed

	start jailed chroot "$PWD/image" /opt/app/boxed
	TARGET=$STARTED
	wait_for 10 grep -qx ready jailed.out
	"${less[@]}" record -p "$TARGET" -d 2 -o jailed.folded
	cat jailed.folded
	has_all_names jailed.folded boxed
	end "$TARGET"

	# What is not there any more is left without names rather than with another's.
	cp "$boxed"/full/{boxed,other,libboxed.so} .
	start replaced ./boxed
	TARGET=$STARTED
	wait_for 10 grep -qx ready replaced.out
	rm boxed
	cp other boxed
	"${less[@]}" record -p "$TARGET" -d 1 -o replaced.folded
	cat replaced.folded
	[ "$(share replaced.folded '(boxed|other)_(outer|middle|burn_here)')" = 0.000 ]
}

@test "a process is found by its pid in a container" {
	make_root "$PWD/image" full
	start_contained "$PWD/image"
	local one=$TARGET two
	rm -r box
	start_contained "$PWD/image"
	two=$TARGET
	[ "$one" -ne "$two" ]
	local pid
	for pid in "$one" "$two"; do
		start_exoprof_as "by-$pid" --container-pid 1 --of "$pid" --no-heap
		grep -q "profiling boxed (pid $pid)" "by-$pid.out"
		end "$EXOPROF"
	done
	"$exoprof" record --container-pid 1 --of "$one" -d 2 -o p.folded
	has_all_names p.folded boxed
}

@test "a pid that the container does not have is said in one line" {
	make_root "$PWD/image" full
	start_contained "$PWD/image"
	run -1 --separate-stderr "$exoprof" record --container-pid 4242 --of "$TARGET" -o p.folded
	echo "$stderr"
	[ "$(wc -l <<< "$stderr")" -eq 1 ]
	[[ "$stderr" == "exoprof: no process has pid 4242 in the container of pid $TARGET"* ]]
	run -1 --separate-stderr "$exoprof" record --container-pid 1 --of 99999999 -o p.folded
	echo "$stderr"
	[ "$(wc -l <<< "$stderr")" -eq 1 ]
	[[ "$stderr" == *"container of pid 99999999: no such process"* ]]
	[ ! -e p.folded ]
}

@test "a container's pid without its container, and the like, are usage errors" {
	local options
	for options in '--container-pid 1' '--of 1' "-p $$ --container-pid 1 --of $$" \
		'--container-pid 0 --of 1' '--container-pid 1 --of x' "-p $$ --debug-dir="; do
		run -2 --separate-stderr "$exoprof" record $options
		echo "$options: $stderr"
		[ "$(grep -vc '^Try ' <<< "$stderr")" -eq 1 ]
	done
}

# --- debuginfod ---

# What a server would have of boxed/stripped.
make_server_folder() {
	local file
	for file in boxed libboxed.so; do
		mkdir -p "www/buildid/$(build_id "$boxed/stripped/$file")"
		cp "$boxed/stripped/$file.debug" "www/buildid/$(build_id "$boxed/stripped/$file")/debuginfo"
	done
}

start_stripped() {
	mkdir -p app
	cp "$boxed"/stripped/{boxed,libboxed.so} app
	start stripped app/boxed
	TARGET=$STARTED
	wait_for 10 grep -qx ready stripped.out
}

has_fetched() {
	local file
	for file in boxed libboxed.so; do
		[ -s "cache/$(build_id "$boxed/stripped/$file")/debuginfo" ] || return
	done
}

@test "debug files are fetched from a debuginfod server, and not before DEBUGINFOD_URLS names one" {
	make_server_folder
	start www python3 -u -m http.server --bind 127.0.0.1 --directory www 0
	local www=$STARTED
	wait_for 10 grep -q 'port [0-9]' www.out
	start_stripped
	export DEBUGINFOD_CACHE_PATH=$PWD/cache
	record_folded none.folded
	[ "$(share none.folded 'burn')" = 0.000 ]
	not grep -q GET www.err

	export DEBUGINFOD_URLS
	DEBUGINFOD_URLS=http://127.0.0.1:$(sed -n 's/.*port \([0-9]*\).*/\1/p' www.out)
	start_exoprof -p "$TARGET" --no-heap
	fetch first.folded 'profile?seconds=1&format=folded'
	wait_for 10 has_fetched
	fetch second.folded 'profile?seconds=1&format=folded'
	has_all_names second.folded boxed
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	# They are the next one's, whether the server is there or not.
	end "$www"
	record_folded cached.folded
	has_all_names cached.folded boxed
}

@test "a debuginfod server that hangs holds up neither a profile nor exoprof's end" {
	start hanging python3 -c 'if True:
		import socket, time
		s = socket.socket()
		s.bind(("127.0.0.1", 0))
		s.listen(64)
		print("port", s.getsockname()[1], flush=True)
		time.sleep(1000)'
	wait_for 10 grep -q port hanging.out
	start_stripped
	export DEBUGINFOD_CACHE_PATH=$PWD/cache
	export DEBUGINFOD_URLS
	DEBUGINFOD_URLS=http://127.0.0.1:$(sed 's/port //' hanging.out)
	start_exoprof -p "$TARGET" --no-heap
	local began=$EPOCHREALTIME
	fetch p.folded 'profile?seconds=1&format=folded'
	between 1 "$(jq -n "$EPOCHREALTIME - $began")" 4
	# It has been asked.
	ss -Htn "dst $(sed 's/port /127.0.0.1:/' hanging.out)" | grep -q .
	began=$EPOCHREALTIME
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	between 0 "$(jq -n "$EPOCHREALTIME - $began")" 4
}
