# SPDX-License-Identifier: Apache-2.0
# Time off the CPU: profiles of programs that keep books of their waits by their own clock, and by
# what the kernel says of them.

load helpers

# labelled FILE: a line a sample, "VALUE VALUE THREAD REASON STATE FRAMES": what the labels say, or -,
# spaces as _, and the frames' names as samples() has them. Of one value the second is 0.
labelled() {
	paste -d ' ' <(go tool pprof -raw "$1" 2> /dev/null | awk '
		function put() {
			if (n) print values, label["thread"], label["reason"], label["state"]
		}
		/^Samples:/ { part = "samples"; getline; next }
		/^Locations/ { part = "" }
		part == "samples" && /^ *-?[0-9][-0-9 ]*:/ {
			put()
			n = split($0, parts, ":")
			split(parts[1], value, " ")
			values = value[1] " " (value[2] == "" ? 0 : value[2])
			label["thread"] = label["reason"] = label["state"] = "-"
			next
		}
		part == "samples" {
			while (match($0, /[a-z]+:\[[^]]*\]/)) {
				split(substr($0, RSTART, RLENGTH - 1), parts, ":\\[")
				gsub(" ", "_", parts[2])
				label[parts[1]] = parts[2]
				$0 = substr($0, RSTART + RLENGTH)
			}
		}
		END { put() }') <(samples "$1" | sed 's/^[-0-9 ]*//')
}

# sites FILE: "SITE CONTENTIONS DELAY_NS" of what waited below each site_ function, in the thread that
# is there for it. Contentions are those with the reason that fits the site.
sites() {
	labelled "$1" | awk '
		BEGIN {
			reason["site_sleep"] = "sleep"; thread["site_sleep"] = "sleeper"
			reason["site_mutex"] = "lock"; thread["site_mutex"] = "mutex"
			reason["site_rwlock"] = "lock"; thread["site_rwlock"] = "rwlock"
			reason["site_condition"] = "condition"; thread["site_condition"] = "condition"
			reason["site_read"] = "io"; thread["site_read"] = "reader"
			reason["site_poll"] = "poll"; thread["site_poll"] = "poller"
		}
		{
			if (!match($6, /;site_[a-z]*;/)) next
			site = substr($6, RSTART + 1, RLENGTH - 2)
			if ($3 != thread[site]) { print "foreign", $0; next }
			ns[site] += $2
			# The mutex of a condition is taken again after the wait.
			if ($4 == reason[site] || (site == "site_condition" && $4 == "lock"))
				waits[site] += $1
			else if ($4 != "preempted")
				print "unfit", $0
		}
		END { for (site in ns) printf "%s %.0f %.0f\n", site, waits[site], ns[site] }' | sort
}

# equal_to_waits PROFILE BOOKS [SITE...]: delays within 3% and waits within 1% of the books, for these
# sites or all; and no others.
equal_to_waits() {
	local profile=$1 books=$2
	shift 2
	sed -n 's/^book //p' "$books" | grep -E "^($(IFS='|'; echo "${*:-.*}")) " | sort > expected
	sites "$profile" | grep -E "^($(IFS='|'; echo "${*:-.*}")) " > actual
	paste -d ' ' expected actual
	[ -s expected ]
	paste -d ' ' expected actual | awk '
		function off(a, b) { return b ? (a > b ? a - b : b - a) / b : 1 }
		NF != 6 || $1 != $4 || off($5, $2) > 0.01 || off($6, $3) > 0.03 { print "not equal:", $0; bad = 1 }
		END { exit bad }'
}

# do_waits [VARIABLE=VALUE...] EXOPROF-OPTION...: waits, from its beginning to its end, below exoprof;
# block.pb.gz and mutex.pb.gz of it.
do_waits() {
	start_fed waits "$targets/${WAITS:-waits}" 250
	start_exoprof -p "$TARGET" --no-heap --offcpu-rate 0 "$@"
	printf 1 >&4
	wait_for 60 grep -qx end waits.out
	fetch block.pb.gz block
	fetch mutex.pb.gz mutex
	comments block.pb.gz
	cat waits.out
}

has_only_locks() {
	not grep -E ';site_(sleep|read|poll);' <(samples mutex.pb.gz)
	labelled mutex.pb.gz | awk '$4 != "lock" { print "in mutex:", $0; bad = 1 } END { exit bad }'
}

# A thread that loses the CPU before its first instruction has no frame yet that rows know of: of
# thousands of waits one, now and then.
all_is_whole() {
	not grep -F '[lost]' <(labelled block.pb.gz)
	comments block.pb.gz | awk '/^stacks, by samples: / { found = $4 > 0 && $6 * 500 <= $4 && $8 == 0 }
		END { exit !found }'
}

@test "block and mutex have the waits that a program itself has measured" {
	do_waits
	equal_to_waits block.pb.gz waits.out
	equal_to_waits mutex.pb.gz waits.out site_mutex site_rwlock
	has_only_locks
	all_is_whole
	comments block.pb.gz | grep -q 'walked when the thread is back;'
	comments block.pb.gz | grep -q 'lost: 0 (call sites), 0 s, + 0 (beginnings) + 0 (ends)'
}

@test "the same where stacks are walked when a thread leaves the CPU" {
	do_waits --offcpu-walk switch
	equal_to_waits block.pb.gz waits.out
	equal_to_waits mutex.pb.gz waits.out site_mutex site_rwlock
	has_only_locks
	all_is_whole
	comments block.pb.gz | grep -q 'walked at each switch;'
}

@test "reasons are right without libc's debug file" {
	# The target's own root is looked through, too: both are started without the files.
	local program
	mkdir bin
	for program in "$exoprof" "$targets/waits"; do
		printf '#!/bin/sh\nexec unshare -m sh -c "mount -t tmpfs none /usr/lib/debug && exec %s \\"\$@\\"" sh "$@"\n' \
			"$program" > "bin/${program##*/}"
		chmod +x "bin/${program##*/}"
	done
	exoprof=$PWD/bin/exoprof
	targets=$PWD/bin
	do_waits
	equal_to_waits block.pb.gz waits.out
	equal_to_waits mutex.pb.gz waits.out site_mutex site_rwlock
	has_only_locks
	# Names are those that glibc exports: it says nothing of what is inlined.
	not grep lll_mutex_lock_optimized <(samples mutex.pb.gz)
}

# Its functions have no names. What is a mutex can be told by the value that waiting for it begins
# with; what else a futex may be cannot.
@test "a mutex is one in a static program without symbols, too" {
	WAITS=waits-static
	do_waits
	has_only_locks
	local truth found
	truth=($(sed -n 's/^book site_mutex //p' waits.out))
	found=($(labelled mutex.pb.gz | awk '$3 == "mutex" { waits += $1; ns += $2 } END { printf "%.0f %.0f\n", waits, ns }'))
	echo "${truth[@]} ${found[@]}"
	between $((truth[0] * 98 / 100)) "${found[0]}" $((truth[0] * 102 / 100))
	between $((truth[1] * 97 / 100)) "${found[1]}" $((truth[1] * 103 / 100))
	labelled block.pb.gz | awk '$3 == "rwlock"' > rwlock
	grep -q ' rwlock futex ' rwlock
	# In one round of each of two barriers the futex has that value.
	[ "$(awk '$4 == "lock" { n += $1 } END { print n + 0 }' rwlock)" -le 2 ]
}

begins_before_the_attach() {
	start_fed waits "$targets/waits" 1
	sleep 1
	local before_ns after_ns go_ns found
	before_ns=$(date +%s%N)
	start_exoprof -p "$TARGET" --no-heap "$@"
	after_ns=$(date +%s%N)
	sleep 1
	printf 1 >&4
	go_ns=$(date +%s%N)
	wait_for 60 grep -qx end waits.out
	fetch block.pb.gz block
	labelled block.pb.gz | grep ' waits io '
	all_is_whole
	found=$(labelled block.pb.gz | awk '$3 == "waits" && $4 == "io" && /;read;main;/ { ns += $2 } END { printf "%.0f\n", ns }')
	between $((go_ns - after_ns)) "$found" $((go_ns - before_ns + 100000000))
}

@test "a wait that began before the attach counts from there on" {
	begins_before_the_attach
}

@test "the same where stacks are walked when a thread leaves the CPU, which that one has already" {
	begins_before_the_attach --offcpu-walk switch
}

@test "waits that end while exoprof attaches are not in it, and none is cut short" {
	start_target mixed
	start_exoprof -p "$TARGET" --no-heap --offcpu-rate 0
	sleep 0.5
	fetch block.pb.gz block
	comments block.pb.gz
	labelled block.pb.gz | grep -q ';site_sleep;doze;'
	all_is_whole
}

@test "waits below --offcpu-min are left out, and counted" {
	start_fed naps "$targets/naps" pipe 4 20000
	start_exoprof -p "$TARGET" --no-heap --offcpu-min 1s
	printf 1 >&4
	wait_for 60 grep -qx end naps.out
	fetch block.pb.gz block
	cat naps.out
	comments block.pb.gz
	not grep site_pipe <(samples block.pb.gz)
	local truth left_out
	truth=$(awk '$1 == "book" { print $3 + $5 }' naps.out)
	left_out=$(comments block.pb.gz | sed -n 's/.*not in it: \([0-9]*\) waits below 1 s.*/\1/p')
	# And what is waited for as threads begin and end.
	between "$truth" "$left_out" $((truth + 200))
}

# of_site FILE SITE REASON: "CONTENTIONS DELAY_NS"
of_site() {
	labelled "$1" | awk -v site=";$2;" -v reason="$3" '
		index($6, site) { ns += $2; if ($4 == reason) waits += $1 }
		END { printf "%.0f %.0f\n", waits, ns }'
}

@test "every wait counts with --offcpu-rate 0" {
	start_fed naps "$targets/naps" pipe 4 20000
	start_exoprof -p "$TARGET" --no-heap --offcpu-rate 0 --offcpu-min 0
	printf 1 >&4
	wait_for 60 grep -qx end naps.out
	fetch block.pb.gz block
	local truth found
	truth=$(sed -n 's/^book pipe \([0-9]*\) .*/\1/p' naps.out)
	found=($(of_site block.pb.gz site_pipe io))
	echo "$truth ${found[@]}"
	[ "${found[0]}" -eq "$truth" ]
}

# 50,000 waits of 55 s in all: of those below 10 ms about 5,500 samples. That gives the sum with a
# standard deviation of 1/sqrt(5500) = 1.3%; of the number, since short ones stand for more each, 2%.
# Four of them: one in 16,000 runs is further off.
@test "the sampling of short waits has no bias" {
	start_fed naps "$targets/naps" nap 50 1000
	start_exoprof -p "$TARGET" --no-heap --offcpu-rate 10ms
	printf 1 >&4
	wait_for 60 grep -qx end naps.out
	fetch block.pb.gz block
	comments block.pb.gz
	local truth found
	truth=($(sed -n 's/^book nap //p' naps.out))
	found=($(of_site block.pb.gz site_nap sleep))
	echo "${truth[@]} ${found[@]}"
	between $((truth[0] * 92 / 100)) "${found[0]}" $((truth[0] * 108 / 100))
	between $((truth[1] * 95 / 100)) "${found[1]}" $((truth[1] * 105 / 100))
}

# Waits of a few microseconds, of which about one in twenty is sampled.
@test "nor has it where nearly all waits are short" {
	start_fed naps "$targets/naps" pipe 4 50000
	start_exoprof -p "$TARGET" --no-heap --offcpu-min 0
	printf 1 >&4
	wait_for 60 grep -qx end naps.out
	fetch block.pb.gz block
	comments block.pb.gz
	local truth found
	truth=($(sed -n 's/^book pipe //p' naps.out))
	found=($(of_site block.pb.gz site_pipe io))
	echo "${truth[@]} ${found[@]}"
	between $((truth[0] * 95 / 100)) "${found[0]}" $((truth[0] * 105 / 100))
}

@test "threadcreate has the stacks that created threads" {
	start_fed waits "$targets/waits" 1
	start_exoprof -p "$TARGET" --no-heap
	fetch before.pb.gz threadcreate
	# The first thread, which nobody saw being created.
	samples before.pb.gz | grep -qx '1 ;\[created_before_attach\];'
	[ "$(total before.pb.gz 1)" -eq 1 ]
	printf 1 >&4
	wait_for 60 grep -qx end waits.out
	fetch threads.pb.gz threadcreate
	labelled threads.pb.gz
	[ "$(total threads.pb.gz 1)" -eq 11 ]
	# run_all is inlined, and the first thread's creation may come from elsewhere in glibc.
	[ "$(labelled threads.pb.gz | awk '$3 == "waits" && $6 ~ /;pthread_create[^;]*;run_all;main;.*;_start;$/ { n += $1 } END { print n }')" -eq 10 ]
}

# schedstats THREAD...: the files where the kernel says how long the threads of TARGET have been on a
# CPU.
schedstats() {
	local thread
	for thread in "$@"; do
		grep -lx "$thread" "/proc/$TARGET/task/"*/comm | sed 's/comm$/schedstat/'
	done
}

# Of each thread: the window is all of its time, and the share on the CPU is what the kernel says.
@test "wall is the whole window for every thread, on the CPU and off it" {
	start_target mixed
	start_exoprof -p "$TARGET" --no-heap --frequency 997
	local threads=(both computing sleeping asleep) thread
	local files before_ns after_ns
	files=($(schedstats "${threads[@]}"))
	# What passes before and after the window is kept short: others may be busy then.
	before_ns=${EPOCHREALTIME/./}000
	cat "${files[@]}" > before
	fetch wall.pb.gz 'wall?seconds=5'
	cat "${files[@]}" > after
	after_ns=${EPOCHREALTIME/./}000
	comments wall.pb.gz
	labelled wall.pb.gz | awk '{ ns[$3, $5] += $2 }
		END { for (k in ns) { split(k, parts, SUBSEP); printf "%s %s %.0f\n", parts[1], parts[2], ns[k] } }' > shares
	cat shares
	paste -d ' ' before after |
		awk -v ns=$((after_ns - before_ns)) '{ printf "%.0f\n", ($4 - $1) / ns * 1000 }' > permille
	local i=0 on off truth
	for thread in "${threads[@]}"; do
		on=$(awk -v t="$thread" '$1 == t && $2 == "on-cpu" { n = $3 } END { print n + 0 }' shares)
		off=$(awk -v t="$thread" '$1 == t && $2 == "off-cpu" { n = $3 } END { print n + 0 }' shares)
		i=$((i + 1))
		truth=$(sed -n "${i}p" permille)
		echo "$thread: on $on, off $off; by the kernel on $truth of 1000"
		between 4850000000 "$(jq -n "$on + $off")" 5150000000
		# On a busy machine the shares before and after the window are others.
		between $((truth - 50)) "$(jq -n "$on / 5000000")" $((truth + 50))
	done
	not grep -E '\[(lost|truncated)' <(labelled wall.pb.gz)
	labelled wall.pb.gz | grep -q ' asleep signal off-cpu .*;site_asleep;sleep_on;start_thread;clone3;$'
	labelled wall.pb.gz | grep -q ' computing - on-cpu ;site_work;compute;start_thread;clone3;$'
}

@test "goroutine has every thread once, whole, and says what it does" {
	start_target mixed
	start_exoprof -p "$TARGET" --no-heap
	fetch threads.pb.gz goroutine
	labelled threads.pb.gz | tee threads
	[ "$(total threads.pb.gz 1)" -eq 5 ]
	grep -q '^1 0 mixed join sleeping ;.*;main;__libc_start_call_main;.*;_start;$' threads
	grep -q '^1 0 asleep signal sleeping ;.*;site_asleep;sleep_on;start_thread;clone3;$' threads
	grep -Eq '^1 0 computing (- running|preempted runnable) ;.*site_work;compute;start_thread;clone3;$' threads
	grep -Eq '^1 0 both .*;mix;start_thread;clone3;$' threads
	grep -Eq '^1 0 sleeping .*;doze;start_thread;clone3;$' threads
	comments threads.pb.gz | grep -q 'stacks, by samples: 5 whole, 0 truncated, 0 lost'
	comments threads.pb.gz | grep -q 'threads: 5; none was stopped to look at it; 0 did not hold still'
}

@test "a stopped process has stopped threads, and goes on being stopped" {
	start_target mixed
	start_exoprof -p "$TARGET" --no-heap
	kill -STOP "$TARGET"
	fetch threads.pb.gz goroutine
	labelled threads.pb.gz | tee threads
	[ "$(grep -c ' stopped stopped ' threads)" -eq 5 ]
	grep -q '^State:.*T' "/proc/$TARGET/status"
	kill -CONT "$TARGET"
}

@test "--no-offcpu leaves waits alone; threads are there all the same" {
	start_target mixed
	start_exoprof -p "$TARGET" --no-heap --no-offcpu
	[ "$(curl -s -o answer -w '%{http_code}' "${URL}block")" -ne 200 ]
	[ "$(curl -s -o answer -w '%{http_code}' "${URL}wall?seconds=1")" -ne 200 ]
	fetch threads.pb.gz goroutine
	[ "$(total threads.pb.gz 1)" -eq 5 ]
	[ "$(count_links "$EXOPROF" '^offcpu_')" -eq 0 ]
}

@test "a thread that has ended is said to, and the others are there" {
	start_fed ends_first "$targets/ends_first"
	start_exoprof -p "$TARGET" --no-heap
	printf 1 >&4
	wait_for 10 grep -q '^State:.*Z' "/proc/$TARGET/status"
	# The mappings have been read again.
	sleep 2.5
	fetch threads.pb.gz goroutine
	labelled threads.pb.gz | tee threads
	[ "$(total threads.pb.gz 1)" -eq 2 ]
	grep -q ' ended zombie ;\[no_stack\];$' threads
	grep -q ' signal sleeping .*;stay_on;start_thread;clone3;$' threads
}

@test "threads that gdb holds are traced, and held by gdb alone" {
	start_target mixed
	start_exoprof -p "$TARGET" --no-heap
	mkfifo commands
	exec 5<> commands
	STDIN=commands start gdb gdb -nx -q -p "$TARGET"
	wait_for 20 grep -q '^State:.*t (tracing' "/proc/$TARGET/status"
	fetch threads.pb.gz goroutine
	labelled threads.pb.gz | tee threads
	[ "$(grep -c ' stopped traced .*;\(clone3\|_start\);$' threads)" -eq 5 ]
	echo quit >&5
	wait_for 20 has_ended "$STARTED"
	exec 5>&-
	not grep -q '^State:.*t (tracing' "/proc/$TARGET/task/"*/status
}

# More than a thousand a second where nobody else is busy.
@test "threads that are born and end by the thousand are counted, each once" {
	start_fed births "$targets/births" 3
	start_exoprof -p "$TARGET" --no-heap
	printf 1 >&4
	sleep 1
	fetch threads.pb.gz goroutine
	fetch wall.pb.gz 'wall?seconds=1'
	wait_for 60 grep -qx end births.out
	fetch created.pb.gz threadcreate
	fetch block.pb.gz block
	cat births.out
	comments block.pb.gz
	# And the first thread, which nobody saw being created.
	[ "$(total created.pb.gz 1)" -eq $(($(sed -n 's/^created //p' births.out) + 1)) ]
	not grep -E '\[lost|read_fault' <(labelled block.pb.gz)
	comments block.pb.gz | grep -q 'lost: 0 (call sites), 0 s, + 0 (beginnings) + 0 (ends)'
}

@test "a program goes on when exoprof is killed while it waits" {
	start_fed waits "$targets/waits" 200
	start_exoprof -p "$TARGET" --no-heap
	printf 1 >&4
	curl -s -o /dev/null "${URL}wall?seconds=10" &
	sleep 0.5
	end "$EXOPROF" KILL
	wait_for 60 grep -qx end waits.out
	wait_for 10 no_program_left
	[ "$(sed -n 's/^book site_sleep \([0-9]*\) .*/\1/p' waits.out)" -ge 200 ]
}

# 40,000 names of a thread make as many rows; there is room for 32,768.
@test "where there is no room for more call sites, what is lost is counted" {
	start_fed renames "$targets/renames" 40000
	start_exoprof -p "$TARGET" --no-heap --offcpu-rate 0 --offcpu-min 0
	printf 1 >&4
	wait_for 60 grep -qx end renames.out
	fetch block.pb.gz block
	comments block.pb.gz
	local counted lost
	counted=$(comments block.pb.gz | sed -n 's/^off cpu: \([0-9]*\) waits sampled.*/\1/p')
	lost=$(comments block.pb.gz | sed -n 's/.*lost: \([0-9]*\) (call sites).*/\1/p')
	[ "$counted" -ge 32768 ]
	[ "$lost" -gt 1000 ]
	# Some are preempted, too; some sleep so short that they do not.
	between 39000 $((counted + lost)) 50000
	[ "$(comments block.pb.gz | sed -n 's/.*(call sites), \([0-9.e-]*\) s.*/\1/p')" != 0 ]
}
