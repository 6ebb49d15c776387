# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/bench.d/heap.bash: the tools it compares. A row NAME of the table has
#   title[NAME]      what the table calls it
#   with[NAME]       what the target is started under, for a tool that has to be there at the start;
#                    @ is the work directory
#   attach_NAME      starts the tool on the process $pid and sets $tool; false, with $why set, where
#                    it does not work
#   folded_NAME      the tool's stacks of $pid, one a line as "root;...;leaf weight"; ends the tool
#                    or the target where the tool tells only then. None: the tool shows no stacks
#   base[NAME]       the row of the same allocator without its profiler

rows=(none floor exoprof exact pair inline inline_exact memleak memleak_100 bpftrace heaptrack gperftools jemalloc
	jemalloc_prof tcmalloc tcmalloc_sampling)
packages=(bpfcc-tools linux-headers-amd64 bpftrace heaptrack google-perftools libgoogle-perftools4
	libjemalloc2 libjemalloc-dev binutils procps util-linux wrk curl jq)

declare -A title=(
	[none]='no tool'
	[floor]='floor: one empty uprobe on malloc, calloc, realloc and free'
	[exoprof]='**exoprof**, 512 KiB (the default)'
	[exact]='**exoprof** --heap-rate 1: every allocation'
	[pair]='**exoprof** --heap-probes pair, 512 KiB'
	[inline]='**exoprof** --heap-mode inline, 512 KiB'
	[inline_exact]='**exoprof** --heap-mode inline --heap-rate 1'
	[memleak]='memleak-bpfcc -p PID'
	[memleak_100]='memleak-bpfcc -p PID -s 100'
	[bpftrace]='bpftrace: count malloc, calloc and free by ustack'
	[heaptrack]='heaptrack'
	[gperftools]='gperftools, HEAPPROFILE'
	[jemalloc]='jemalloc, not profiling'
	[jemalloc_prof]='jemalloc, prof:true, 512 KiB'
	[tcmalloc]='tcmalloc, not sampling'
	[tcmalloc_sampling]='tcmalloc, TCMALLOC_SAMPLE_PARAMETER, 512 KiB'
)
declare -A with=(
	[heaptrack]='heaptrack -o @/heaptrack'
	[gperftools]='env LD_PRELOAD=libtcmalloc.so.4 HEAPPROFILE=@/gperftools'
	[jemalloc]='env LD_PRELOAD=libjemalloc.so.2'
	[jemalloc_prof]='env LD_PRELOAD=libjemalloc.so.2
		MALLOC_CONF=prof:true,lg_prof_sample:19,prof_final:true,prof_prefix:@/jemalloc'
	[tcmalloc]='env LD_PRELOAD=libtcmalloc.so.4'
	[tcmalloc_sampling]='env LD_PRELOAD=libtcmalloc.so.4 TCMALLOC_SAMPLE_PARAMETER=524288'
)
declare -A base=([jemalloc_prof]=jemalloc [tcmalloc_sampling]=tcmalloc [gperftools]=tcmalloc)
declare -A remark=(
	[memleak]='the headers it compiles against are of another kernel where this one has none'
	[heaptrack]='can attach by gdb, too, of which its manual warns'
	[tcmalloc_sampling]='no stacks without a call in the program'
)

# pass PATTERN FILE SECONDS: waits until the pattern is in the file.
pass() {
	for ((i = 0; i < 10 * $3; i++)); do
		grep -q "$1" "$2" && return 0
		sleep 0.1
	done
	return 1
}

alive() {
	kill -0 "$1" 2>/dev/null
}

# end SIGNAL SECONDS PID: false where the process had to be killed.
end() {
	kill -"$1" "$3" 2>/dev/null || true
	for ((i = 0; i < 10 * $2; i++)); do
		alive "$3" || break
		sleep 0.1
	done
	alive "$3" || return 0
	# shellcheck disable=SC2046
	kill -KILL $(tree "$3") 2>/dev/null
	wait "$3" 2>/dev/null
	return 1
}

libc() {
	awk '/libc\.so\.6$/ { print $6; exit }' /proc/"$pid"/maps
}

# --- the floor ----------------------------------------------------------------------------------

# push_of FUNCTION FILE: the file offset of the function's first push, which the kernel emulates.
push_of() {
	local vaddr push
	vaddr=0x$(nm -D "$2" | awk -v name="$1@@" '$3 ~ "^" name { print $1; exit }')
	push=0x$(objdump -d --start-address="$vaddr" --stop-address=$((vaddr + 32)) "$2" |
		awk -F: '/\tpush / { gsub(" ", "", $1); print $1; exit }')
	readelf -lW "$2" | awk '$1 == "LOAD" && / R E / { print $2, $3 }' | {
		read -r offset start
		echo $((push - start + offset))
	}
}

attach_floor() {
	local file places=()
	file=$(libc)
	for name in malloc calloc realloc free; do places+=("$(push_of $name "$file")"); done
	env --default-signal=INT $build/floor "$pid" "$file" "${places[@]}" >"$work/tool" 2>&1 &
	tool=$!
	pass attached "$work/tool" 5 || why=$(head -n 1 "$work/tool")
	[ -z "$why" ]
}

# --- exoprof ------------------------------------------------------------------------------------

attach_exoprof() {
	if serve "$pid" "$@"; then
		tool=$exoprof
		return 0
	fi
	why=$(head -n 1 "$work/exoprof")
	return 1
}

attach_exact() {
	attach_exoprof --heap-rate 1
}

attach_pair() {
	attach_exoprof --heap-probes pair
}

attach_inline() {
	attach_exoprof --heap-mode inline
}

attach_inline_exact() {
	attach_exoprof --heap-mode inline --heap-rate 1
}

folded_exoprof() {
	curl -sf "${url}allocs?format=folded"
}

folded_exact() {
	folded_exoprof
}

folded_pair() {
	folded_exoprof
}

folded_inline() {
	folded_exoprof
}

folded_inline_exact() {
	folded_exoprof
}

# --- tools by BPF: tracefs and the headers that they want are in a mount namespace of their own ---

# They are ended by SIGINT, which what bash starts in the background ignores unless told otherwise.
start_in_namespace() {
	env --default-signal=INT unshare --mount bash -c '
		mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
		modules=/lib/modules/$(uname -r)
		if [ ! -e "$modules/build" ] && [ ! -e /sys/kernel/kheaders.tar.xz ]; then
			mount -t tmpfs tmpfs /lib/modules && mkdir "$modules"
			for headers in /usr/src/linux-headers-*-amd64; do
				ln -sfn "$headers" "$modules/build"
				ln -sfn "${headers%-amd64}-common" "$modules/source"
			done
		fi
		exec "$@"' bash "$@" >"$work/tool" 2>&1 &
	tool=$!
}

# Waits until the tool opens no more perf events, which is the one sign common to them that all
# probes are in place.
probes_in_place() {
	local now fds=0 same=0
	for ((i = 0; i < 150 && same < 5; i++)); do
		sleep 0.2
		alive "$tool" || return 1
		now=$(find /proc/"$tool"/fd -lname 'anon_inode:\[perf_event\]' 2>/dev/null | wc -l)
		same=$((now && now == fds ? same + 1 : 0))
		fds=$now
	done
	[ "$same" -eq 5 ]
}

# Tries again, since one attach in five or so of memleak's ends in "Invalid argument" here.
attach_in_namespace() {
	local try
	for try in 1 2 3; do
		start_in_namespace "$@"
		! probes_in_place || return 0
		! alive "$tool" || break
	done
	why=$(grep -E '^ERROR|rror:|^cannot|^Exception' "$work/tool" | head -n 1)
	[ -n "$why" ] || why='did not attach in 30 s'
	return 1
}

attach_memleak() {
	attach_in_namespace memleak-bpfcc -p "$pid" "$@"
}

attach_memleak_100() {
	attach_memleak -s 100
}

# It prints what is outstanding, every five seconds, leaf first; the last time counts.
folded_memleak() {
	pass 'allocations from stack' "$work/tool" 20
	end INT 40 "$tool"
	awk '
		function flush() { if (frames != "") all = all frames " " weight "\n"; frames = "" }
		/Top [0-9]+ stacks/ { frames = ""; all = "" }
		/allocations from stack/ { flush(); weight = $4; next }
		/^\t\t/ { sub(/\+0x.*/, "", $2); frames = $2 (frames == "" ? "" : ";") frames }
		END { flush(); printf "%s", all }' "$work/tool"
}

folded_memleak_100() {
	folded_memleak
}

attach_bpftrace() {
	local file
	file=$(libc)
	attach_in_namespace bpftrace -e "
		uprobe:$file:malloc, uprobe:$file:calloc /pid == $pid/ { @alloc[ustack] = count(); }
		uprobe:$file:free /pid == $pid/ { @free[ustack] = count(); }"
}

# It prints all at its end, leaf first.
folded_bpftrace() {
	end INT 40 "$tool"
	awk '
		/^@alloc\[/ { frames = ""; within = 1; next }
		within && /^\]: / { print frames " " $2; within = 0; next }
		within && NF { sub(/\+.*/, "", $1); frames = $1 (frames == "" ? "" : ";") frames }
		' "$work/tool"
}

# --- tools that are in the target from the start: they tell when it ends --------------------------

folded_heaptrack() {
	end TERM 20 "$pid"
	wait "$job" 2>/dev/null
	heaptrack_print -f "$work"/heaptrack.* -F "$work/flames" --flamegraph-cost-type allocations \
		>/dev/null 2>&1
	sed 's/ ([^)]*)//g' "$work/flames"
}

# collapsed PPROF PREFIX
collapsed() {
	local files=()
	end TERM 20 "$pid"
	mapfile -t files < <(ls -t "$work/$2".*heap)
	"$1" --collapsed --inuse_objects $build/chain "${files[0]}" 2>/dev/null | sed 's/<[0-9a-f]*>//g'
}

folded_gperftools() {
	collapsed google-pprof gperftools
}

folded_jemalloc_prof() {
	collapsed jeprof jemalloc
}
