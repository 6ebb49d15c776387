# SPDX-License-Identifier: Apache-2.0
# Much of one thing: threads, mappings, births, loads, execs, forks, stacks. Whatever there is too much
# of, every request ends, what is lost is counted, and all else is right (tests/targets/pressure.c).

load helpers
load pressure

@test "10,000 threads" {
	start_pressure threads 10000
	attach
	ask_all
	main_shares cpu.pb.gz
	# Each has its block, and says where it waits.
	[ "$(grep -c '^goroutine ' threads.txt)" -ge 10003 ]
	[ "$(grep -c '^site_waits' threads.txt)" -ge 9990 ]
	ask wall.pb.gz 'wall?seconds=1'
	samples wall.pb.gz | awk '/[ ;]site_waits;/ { ns += $2 } END { print ns / 1e9, "s waited"; exit ns < 9000e9 * 0.9 }'
	is_well
}

@test "5,000 mapped libraries, and 5,000 pages of code that is in no file" {
	start_pressure mappings 5000 "$targets/pressure-library.so"
	[ "$(grep -c ' r-xp ' "/proc/$TARGET/maps")" -ge 10000 ]
	attach --heap-rate 1
	ask_all
	main_shares cpu.pb.gz
	# What the libraries do has their functions' names.
	samples cpu.pb.gz | awk '/site_library;/ && !/[ ;]dlsym;/ { all += $1; if (/[ ;]lib_(burn|allocate);/) named += $1 }
		END { print named, "of", all; exit !(named >= 0.9 * all && named) }'
	heap_tells_all
	is_well
}

@test "threads are born and die, a thousand a second" {
	start_pressure births
	attach --heap-rate 1
	ask_all
	main_shares cpu.pb.gz
	heap_tells_all
	is_well
}

@test "libraries are loaded and unloaded all the time" {
	local libraries=() i
	for i in 1 2 3 4 5; do
		cp "$targets/pressure-library.so" "lib$i.so"
		libraries+=("$PWD/lib$i.so")
	done
	start_pressure loads "${libraries[@]}"
	attach --heap-rate 1
	ask_all
	main_shares cpu.pb.gz
	heap_tells_all
	is_well
}

@test "new libraries all the time, of more code than there is room for" {
	local before_kib other
	# Its mappings stay as they are: so must what the kernel side knows of them.
	printf g > begin
	STDIN=begin start other "$targets/pressure" different 1 "$targets/pressure-rows.so"
	other=$STARTED
	wait_for "$PATIENCE" grep -qx ready other.out
	start_pressure plugins 300 "$targets/pressure-wide.so"
	attach -p "$other"
	wait_for "$PATIENCE" done_at_least 6
	ask cpu.pb.gz 'profile?seconds=2'
	before_kib=$(unwinding)
	wait_for "$PATIENCE" done_at_least 30
	ask cpu.pb.gz 'profile?seconds=6'
	# The beginning of each library is not known yet.
	most_is_whole cpu.pb.gz lib_wide "plugins;steps" 0.7
	most_is_whole cpu.pb.gz lib_rows steps 0.98
	# All pages that there can be have room for five of them.
	[ "$(metric exoprof_unwind_files_let_go_total)" -ge 20 ]
	[ "$(metric exoprof_unwind_files_without_room)" -eq 0 ]
	[ "$(metric exoprof_unwind_files)" -le 20 ]
	# The rows of a library are some hundreds.
	[ "$(unwinding)" -le $((before_kib + 256)) ]
	is_well
}

@test "new libraries all the time, of more rows than are kept" {
	start_pressure plugins 40 "$targets/pressure-rows.so"
	attach
	wait_for "$PATIENCE" metric_at_least exoprof_unwind_rows 1000000
	ask cpu.pb.gz 'profile?seconds=1'
	takes
	wait_for $((2 * PATIENCE)) metric_at_least exoprof_unwind_files_let_go_total 60
	ask cpu.pb.gz 'profile?seconds=1'
	takes
	unwinding
	# Twice what is kept, and those that are in use.
	[ "$(metric exoprof_unwind_rows)" -le 2300000 ]
	[ "$(unwinding)" -le 10240 ]
	[ "$(find "/proc/$EXOPROF/fd" -lname '*plugin*' | wc -l)" -le 64 ]
	is_well
}

@test "who finds no room for rows gets it when others are gone" {
	local other
	start different "$targets/pressure" different 6 "$targets/pressure-wide.so"
	other=$STARTED
	wait_for "$PATIENCE" grep -qx ready different.out
	start_pressure plugins 1000000 "$targets/pressure-wide.so"
	attach -p "$other"
	ask cpu.pb.gz 'profile?seconds=2'
	comments cpu.pb.gz
	[ "$(metric exoprof_unwind_files_without_room)" -ge 1 ]
	comments cpu.pb.gz | grep -q 'files have not all unwind rows, for want of room'
	end "$other" KILL
	# It is tried each 10 s.
	wait_for 60 metric_is exoprof_unwind_files_without_room 0
	ask cpu.pb.gz 'profile?seconds=6'
	most_is_whole cpu.pb.gz lib_wide "plugins;steps" 0.98
	if comments cpu.pb.gz | grep 'for want of room'; then false; fi
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
}

@test "a process that forks all the time" {
	start_pressure forks
	attach --follow-children
	ask_all
	main_shares cpu.pb.gz
	is_well
}

@test "the kernel has more to tell than there is room for" {
	start_pressure forks
	attach --follow-children
	without_news 4
	ask_all
	main_shares cpu.pb.gz
	is_well
}

@test "a process that executes itself all the time" {
	start_execs
	attach
	ask_all
	# Each program's few samples are somebody's: its own, or, where it was gone before its mappings were
	# read, counted as of no known place.
	comments cpu.pb.gz
	samples cpu.pb.gz | awk '{ all += $1; if (/[ ;]burn_b;/) named += $1; else if (/truncated|\[lost/) cut += $1
			else other += $1 }
		END { print named + 0, "named,", cut + 0, "cut short and", other + 0, "of another kind of", all
			exit !(all > 50 && cut + named > other) }'
	execs_go_on
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	execs_go_on
}

@test "more stacks than there is room for" {
	start_pressure stacks 300000
	attach --heap-rate 1
	wait_for "$PATIENCE" all_done 300000
	ask_all
	main_shares cpu.pb.gz
	heap_tells_all
	lost_stacks heap.pb.gz
	is_well
}
