#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the page at / asks the server for: its own files, how the targets do, profiles that are kept.

load helpers

# The page's parts, as they were built.
web=$root/build/web

policy="default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

base() { echo "${URL%/debug/pprof/}"; }

# status [QUERY]: what /api/status says, in a file of that name.
status() {
	curl -sSf -o status "$(base)/api/status${1:-}"
}

# take QUERY: keeps a profile. ID is its number, in the file entry what is said of it.
take() {
	answer 201 "/api/snapshots?$1" -X POST
	cp body entry
	ID=$(jq .id entry)
	has "location: /api/snapshots/$ID"
	has 'content-type: application/json'
}

# The sum of a tree's own values of its shown type, and that of folded stacks.
sum_tree() { jq '.shown as $shown | .nodes.self[$shown] | add' "$1"; }
sum_folded() { awk '{ sum += $NF } END { printf "%d\n", sum }' "$1"; }

# is_tree FILE: as the page needs it.
is_tree() {
	jq -e '
		(.frames.name | length) as $frames | (.strings | length) as $strings |
		(.nodes.depth | length) as $nodes | .nodes as $n |
		.version == 1 and .strings[0] == "" and .shown < (.types | length) and
		([.frames.module, .frames.file, .frames.line, .frames.kind, .frames.name] | all(length == $frames)) and
		([.frames.name, .frames.module, .frames.file] | add | all(. >= 0 and . < $strings)) and
		(.frames.kind | all(. >= 0 and . <= 6)) and
		(.nodes.frame | length == $nodes and .[0] == -1 and (.[1:] | all(. >= 0 and . < $frames))) and
		(.nodes.self | length) == (.types | length) and (.nodes.self | all(length == $nodes)) and
		.nodes.depth[0] == 0 and
		([range(1; $nodes) | $n.depth[.] >= 1 and $n.depth[.] <= $n.depth[. - 1] + 1] | all) and
		(.diff == (.nodes | has("base")))' "$1" > /dev/null
}

# --- its own files --------------------------------------------------------------------------------

@test "the page, its script and its style come with a policy, and only once" {
	start_idle
	start_exoprof -p "$TARGET"
	local path file etag
	for path in / /page.js /page.css; do
		file=$web/${path#/}
		[ "$path" != / ] || file=$web/index.html
		answer 200 "$path"
		cmp body "$file"
		has "content-security-policy: $policy"
		has 'cache-control: no-cache'
		has 'vary: accept-encoding'
		etag=$(sed -n 's/^etag: //Ip' <<< "$HEAD")
		answer 200 "$path" --compressed
		cmp body "$file"
		if [ "$(stat -c %s "$file")" -gt 1024 ]; then has 'content-encoding: gzip'; fi
		has "etag: $etag"
		rm body
		answer 304 "$path" -H "If-None-Match: \"other\", $etag"
		[ ! -s body ]
		answer 200 "$path" -H 'If-None-Match: "other"'
	done
	answer 200 /
	has 'content-type: text/html; charset=utf-8'
	answer 200 /page.js
	has 'content-type: text/javascript; charset=utf-8'
	answer 405 /page.js -X POST
	has 'allow: GET, HEAD'
}

@test "the page has less than 300 KB" {
	cat "$web"/index.html "$web"/page.js "$web"/page.css | wc -c > size
	[ "$(cat size)" -gt 0 ]
	[ "$(cat size)" -lt 300000 ]
}

# build_web NAME [no]: in a folder of that name, with what is in bin alone; its lines are in NAME.out.
build_web() {
	PATH=$BATS_TEST_TMPDIR/bin "$root/scripts/build-web" "$BATS_TEST_TMPDIR/$1" "${@:2}" > "$1.out" 2>&1
	cat "$1.out"
	[ ! -s "$1/web/index.html" ] && [ -e "$1/web/page.js" ] && [ -e "$1/web/page.css" ]
}

@test "where npm is not there, or does not work, exoprof is built without the page" {
	local tool
	mkdir bin
	for tool in bash env dirname mkdir realpath find rm tar cmp cp timeout sh; do
		ln -s "$(command -v $tool)" bin/
	done
	build_web without
	[ "$(wc -l < without.out)" -eq 1 ]
	grep -q 'there is no npm' without.out
	printf '#!/bin/sh\necho no network >&2\nexit 1\n' > bin/npm
	chmod +x bin/npm
	build_web failing
	[ "$(wc -l < failing.out)" -eq 1 ]
	grep -q 'npm cannot install' failing.out
	grep -q 'no network' failing/web-src.log
	build_web unwanted no
	[ ! -s unwanted.out ]
}

# --- how the targets do ---------------------------------------------------------------------------

@test "the status tells of the target, of each kind, and of exoprof itself" {
	start_target burn
	local before after
	before=$(date +%s%3N)
	start_exoprof -p "$TARGET" --no-heap
	sleep 1.5
	status
	after=$(date +%s%3N)
	jq -c 'del(.history)' status
	jq -e --argjson pid "$TARGET" --argjson before "$before" --argjson after "$after" '
		.attached_ms >= $before and .attached_ms <= $after and .now_ms > .attached_ms and .now_ms <= $after and
		.target_count == 1 and (.targets | length) == 1 and (.targets[0] |
			.pid == $pid and .name == "burn" and .alive and .threads == 2 and
			(.command | length) == 1 and (.command[0] | endswith("/burn")) and
			.started_ms > $before - 10000 and .started_ms <= $before + 20) and
		.heap.followed == false and .heap.probe_cpu_share == null and
		.self.cpu_seconds > 0 and .self.rss_bytes > 1000000 and .self.map_bytes > 0 and
		.stacks.truncated == 0' status
	jq -e '(.kinds | map({(.name): .}) | add) as $k | ($k | length) == 8 and
		$k.profile.takes_seconds and $k.wall.takes_seconds and ($k.heap.takes_seconds | not) and
		($k.heap.why_not | length) > 0 and $k.block.why_not == null and $k.goroutine.count == 2' status
	answer 400 '/api/status?since=x'
	is_error 'since: milliseconds'
	answer 200 /api/status --compressed
	has 'content-type: application/json'
	has 'content-encoding: gzip'
	end "$TARGET" KILL
	wait_for 5 eval 'status && jq -e ".targets[0].alive | not" status'
}

# map_bytes: of kernel memory, as the kernel tells it of the maps that exoprof has open: all but those
# of unwind rows, which another map holds, though the last of them may be open.
map_bytes() {
	local ids
	ids=$(cat "/proc/$EXOPROF/fdinfo/"* 2> /dev/null | awk '$1 == "map_id:" { print $2 }' | sort -u | as_json)
	bpftool -j map show | jq --argjson ids "$ids" \
		'[.[] | select(.name != "unwind_block" and (.id | IN($ids[]))) | .bytes_memlock] | add'
}

@test "of its memory in the kernel the status tells all" {
	start_idle
	start_exoprof -p "$TARGET"
	local all rows
	all=$(map_bytes)
	status
	curl -sSf -o metrics "$(base)/metrics"
	rows=$(awk '$1 == "exoprof_unwind_memory_bytes" { print $2 }' metrics)
	echo "$(jq .self.map_bytes status): $rows of rows, $all of other maps"
	jq -e --argjson rows "$rows" --argjson all "$all" '$rows > 0 and .self.map_bytes == $all + $rows' status
}

# cpu_ms: that the target had by now.
cpu_ms() { awk -v tick="$(getconf CLK_TCK)" '{ print ($14 + $15) * 1000 / tick }' "/proc/$TARGET/stat"; }

@test "the history has what the target used, second by second" {
	start_target burn
	start_exoprof -p "$TARGET"
	sleep 1.2
	local since from used began took
	status
	since=$(jq '.history | .start_ms + ((.cpu | length) - 1) * .step_ms' status)
	began=$(date +%s%3N)
	from=$(cpu_ms)
	sleep 5
	used=$(($(cpu_ms) - from))
	status "?since=$since"
	took=$(($(date +%s%3N) - began))
	echo "$used ms of CPU in $took ms: $(jq -c .history status)"
	# A point a second, but for those that a busy machine had no time for; and what the kernel says of
	# the target, half or twice as much at most.
	jq -e --argjson since "$since" --argjson used "$used" --argjson took "$took" '.history |
		.step_ms == 1000 and .start_ms == $since + 1000 and
		(.cpu | length) as $n | ($n - $took / 1000 | . > -2.5 and . < 2.5) and
		(.rss | length) == $n and (.threads | length) == $n and
		([.threads[] | values] | length > $n / 2 and all(. == 2)) and
		([.rss[] | values] | all(. > 100000 and . < 100000000)) and
		([.cpu[] | values] | all(. < 2.5) and (add / length) / ($used / $took) > 0.5 and
			(add / length) / ($used / $took) < 2)' status
	status "?since=$(($(date +%s%3N) + 60000))"
	jq -e '.history.cpu == []' status
	status
	jq -e '.history.cpu[0] == null' status
}

@test "of several processes the history is the sum" {
	start one "$targets/burn"
	TARGET=$STARTED
	start two "$targets/burn"
	local other=$STARTED
	wait_for 10 grep -q ready two.out
	start_exoprof -p "$TARGET" -p "$other" --no-heap
	sleep 1.5
	status
	jq -c '[.targets, .history]' status
	jq -e --argjson one "$TARGET" --argjson two "$other" '
		(.target_count == 2) and (.targets | map(.pid)) == [$one, $two] and .history.threads[-1] == 4' status
}

# --- profiles that are kept -----------------------------------------------------------------------

@test "a profile is kept, and read again in any format" {
	start_demo
	start_exoprof -p "$DEMO"
	for _ in $(seq 50); do curl -s -o /dev/null "$DEMO_URL/gc"; done
	take 'profile=heap'
	jq -e --argjson pid "$DEMO" '.kind == "heap" and .query == "" and .duration_ms == 0 and
		.title == "demo-server (pid \($pid))" and .pprof == "/api/snapshots/\(.id)?format=pprof"' entry
	local path=/api/snapshots/$ID
	answer 200 "$path"
	has 'content-type: application/octet-stream'
	cp body heap.pb.gz
	[ "$(stat -c %s heap.pb.gz)" -eq "$(jq .bytes entry)" ]
	go tool pprof -top "$(base)$path" > top
	cat top
	grep -q '^Type: inuse_space' top
	answer 200 "$path?format=tree"
	has 'content-type: application/vnd.exoprof.tree+json'
	cp body tree
	is_tree tree
	jq -e --argjson pid "$DEMO" '.kind == "heap" and .title == "demo-server (pid \($pid))" and
		.outcome.whole > 0 and .types[.shown].type == "inuse_space" and
		([.strings[.frames.module[]]] | map(select(endswith("/demo-server"))) | length) > 0' tree
	answer 200 "$path?format=folded"
	echo "$(sum_tree tree), $(sum_folded body)"
	[ "$(sum_tree tree)" -eq "$(sum_folded body)" ]
	[ "$(sum_tree tree)" -gt 0 ]
	answer 200 "$path?format=flamegraph&sample_index=alloc_space" --compressed
	has 'content-encoding: gzip'
	grep -q '<title>Allocated' body
	answer 200 "$path?format=speedscope"
	jq -e '.profiles | length == 4' body
	answer 200 "$path?format=text"
	grep -q '^heap profile: ' body
	answer 200 "$path?download=1"
	grep -qE "^content-disposition: attachment; filename=\"demo-server-$DEMO-heap-[0-9]{8}T[0-9]{6}Z\.pb\.gz\"$" <<< "$HEAD"
	answer 200 "$path?format=tree&download=1" --head
	grep -qE "^content-disposition: .*Z\.tree\.json\"$" <<< "$HEAD"
}

@test "a profile of the next seconds is kept with what it was asked for" {
	start_target burn
	start_exoprof -p "$TARGET" --no-heap
	take 'seconds=1&profile=profile&thread=burn'
	jq -e '.query == "seconds=1&thread=burn" and .kind == "profile" and .duration_ms >= 950 and .duration_ms < 5000' entry
	go tool pprof -top "$(base)/api/snapshots/$ID" > top
	grep -q burn_a top
	curl -sSf -o list "$(base)/api/snapshots"
	jq -e --slurpfile entry entry '.snapshots == $entry and .bytes == $entry[0].bytes and
		.max_bytes == 67108864 and .max_count == 32' list
	# The process may be gone by the time that it is looked at.
	end "$TARGET" KILL
	answer 200 "/api/snapshots/$ID?format=tree"
	is_tree body
	jq -e '.kind == "profile" and .duration_ms >= 1000' body
	answer 500 '/api/snapshots?profile=profile&seconds=1' -X POST
	is_error 'Could not take the CPU profile: the target has exited'
}

@test "two of one kind are compared" {
	start_demo
	start_exoprof -p "$DEMO"
	local i first
	for i in $(seq 50); do curl -s -o /dev/null "$DEMO_URL/gc"; done
	take 'profile=allocs'
	first=$ID
	for i in $(seq 100); do curl -s -o /dev/null "$DEMO_URL/gc"; done
	take 'profile=allocs'
	answer 200 "/api/snapshots/$ID?base=$first&format=tree"
	is_tree body
	jq -e --arg title "$first → $ID" '.diff and .kind == "allocs" and (.title | endswith($title)) and
		.shown as $s | .types[$s].type == "alloc_space" and
		(.nodes.base[$s] | add) > 0 and (.nodes.self[$s] | add) > 2 * (.nodes.base[$s] | add)' body
	# The difference that exoprof diff makes of the files.
	curl -sSf -o before.pb.gz "$(base)/api/snapshots/$first"
	curl -sSf -o after.pb.gz "$(base)/api/snapshots/$ID"
	"$exoprof" diff before.pb.gz after.pb.gz -o diff.folded
	answer 200 "/api/snapshots/$ID?base=$first&format=folded"
	diff body diff.folded
	go tool pprof -top "$(base)/api/snapshots/$ID?base=$first" > top
	cat top
	grep -q gc_heavy_handler top
	answer 200 "/api/snapshots/$ID?base=$first&format=flamegraph"
	grep -q 'more than before' body
	answer 400 "/api/snapshots/$ID?base=$first&format=text"
	is_error 'a difference can be had as'
	take 'profile=goroutine'
	answer 400 "/api/snapshots/$ID?base=$first"
	is_error 'only two of one kind can be compared'
	answer 404 "/api/snapshots/$first?base=99"
	answer 400 "/api/snapshots/$first?base=x"
}

@test "the oldest makes room, and says so" {
	start_idle
	start_exoprof -p "$TARGET" --no-heap
	for _ in $(seq 33); do take 'profile=goroutine' > /dev/null; done
	answer 404 /api/snapshots/1
	is_error 'snapshot 1 is gone: it was deleted, or had to make room (at most 32 are kept'
	answer 404 /api/snapshots/34
	is_error 'there never was a snapshot 34'
	curl -sSf -o list "$(base)/api/snapshots"
	jq -e '(.snapshots | map(.id)) == [range(2; 34)]' list
	rm body
	answer 204 /api/snapshots/2 -X DELETE
	[ ! -s body ]
	answer 404 /api/snapshots/2 -X DELETE
	is_error 'snapshot 2 is gone'
	answer 404 '/api/snapshots/2?format=tree'
	curl -sSf -o metrics "$(base)/metrics"
	grep -qx 'exoprof_snapshots 31' metrics
	# One path for all of them.
	[ "$(grep -c 'path="/api/snapshots/' metrics)" -eq "$(grep -c 'path="/api/snapshots/N"' metrics)" ]
	grep -qx 'exoprof_http_requests_total{path="/api/snapshots/N",code="404"} 4' metrics
}

@test "whoever hangs up gets no snapshot" {
	start_idle
	start_exoprof -p "$TARGET"
	local option
	for option in --http1.1 --http2-prior-knowledge; do
		run -28 curl -sS $option -X POST -o body --max-time 1 "$(base)/api/snapshots?profile=profile&seconds=30"
		wait_for 5 not is_sampling
	done
	curl -sSf -o list "$(base)/api/snapshots"
	jq -e '.snapshots == []' list
}

@test "pages of other origins have nothing taken, read or deleted" {
	start_idle
	start_exoprof -p "$TARGET" --no-heap
	local origin
	take 'profile=goroutine'
	for origin in http://evil.example "http://evil.example:${URL##*:}" null 'http://127.0.0.1:1'; do
		answer 403 '/api/snapshots?profile=goroutine' -X POST -H "Origin: $origin"
		is_error 'only for the page that exoprof itself serves'
		answer 403 "/api/snapshots/$ID" -X DELETE -H "Origin: $origin"
		answer 403 /api/status -H "Origin: $origin"
	done
	not grep -qi 'access-control' <<< "$HEAD"
	# An <img> there, of which no origin is told; but a link leads here.
	for origin in cross-site same-site; do
		answer 403 "/api/snapshots/$ID?format=flamegraph" -H "Sec-Fetch-Site: $origin" -H 'Sec-Fetch-Dest: image'
		is_error 'only for the page that exoprof itself serves'
		answer 403 "/api/snapshots" -H "Sec-Fetch-Site: $origin"
		answer 200 "/api/snapshots/$ID?format=flamegraph" -H "Sec-Fetch-Site: $origin" -H 'Sec-Fetch-Dest: document'
	done
	answer 200 /api/status -H 'Sec-Fetch-Site: same-origin' -H 'Sec-Fetch-Dest: empty'
	answer 200 /api/status -H 'Sec-Fetch-Site: none' -H 'Sec-Fetch-Dest: document'
	answer 201 '/api/snapshots?profile=goroutine' -X POST -H "Origin: $(base)"
	answer 200 "/api/snapshots/$ID"
}

@test "what is wrong with a request is told in a line" {
	start_idle
	start_exoprof -p "$TARGET" --no-heap
	answer 400 /api/snapshots -X POST
	is_error 'profile: which kind?'
	answer 400 '/api/snapshots?profile=nosuch' -X POST
	is_error 'there is no kind "nosuch"'
	answer 400 '/api/snapshots?profile=goroutine&format=tree' -X POST
	is_error 'give the format when reading it'
	answer 400 '/api/snapshots?profile=block&seconds=x' -X POST
	is_error 'seconds: a whole number'
	answer 500 '/api/snapshots?profile=heap' -X POST
	is_error 'Could not take the heap profile'
	take 'profile=goroutine'
	answer 400 "/api/snapshots/$ID?format=nosuch"
	is_error 'unknown format "nosuch"'
	answer 400 "/api/snapshots/$ID?format=threads"
	is_error 'of a process that runs'
	answer 400 "/api/snapshots/$ID?sample_index=nosuch"
	is_error "it has no sample type 'nosuch', but goroutine"
	answer 405 /api/snapshots -X DELETE
	has 'allow: GET, HEAD, POST'
	answer 405 "/api/snapshots/$ID" -X POST
	has 'allow: GET, HEAD, DELETE'
	answer 405 /api/status -X POST
	answer 404 /api/snapshots/x
	answer 404 /api/snapshots/
	answer 404 /api/snapshots/11111111111111111111
}

# --- the format of its pictures -------------------------------------------------------------------

@test "every profile can be had as a tree, over HTTP and as a file" {
	start_target burn
	start_exoprof -p "$TARGET"
	local kind
	for kind in heap allocs block mutex goroutine threadcreate 'profile?seconds=1' 'wall?seconds=1'; do
		fetch tree "$kind$([[ $kind == *\?* ]] && echo '&' || echo '?')format=tree"
		echo "$kind: $(head -c 200 tree)"
		is_tree tree
		jq -e --arg kind "${kind%\?*}" '.kind == $kind' tree
	done
	answer 200 /debug/pprof/goroutine -H 'Accept: application/vnd.exoprof.tree+json'
	is_tree body
	"$exoprof" record -p "$TARGET" --type cpu -d 1 -o cpu.tree.json
	is_tree cpu.tree.json
	"$exoprof" record -p "$TARGET" --type cpu -d 1 -o cpu.pb.gz
	"$exoprof" convert cpu.pb.gz -o again.tree.json
	is_tree again.tree.json
	"$exoprof" convert cpu.pb.gz -o cpu.folded
	[ "$(sum_tree again.tree.json)" -eq "$(sum_folded cpu.folded)" ]
	"$exoprof" diff cpu.pb.gz cpu.pb.gz -o diff.tree.json
	is_tree diff.tree.json
	jq -e '.diff and .nodes.self == .nodes.base' diff.tree.json
}
