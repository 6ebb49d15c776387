# SPDX-License-Identifier: Apache-2.0
# The target's program lies on a file system that stops answering (tests/hostile/hanging_fs.py).

load helpers

# start_hanging PROGRAM [COMMAND...]: of tests/targets, on that file system at mnt, run by COMMAND.
# SERVER and TARGET are their pids.
start_hanging() {
	mkdir files mnt
	cp "$targets/$1" files/
	# Its stdin stays open.
	mkfifo go
	exec 4<> go
	STDIN=go start hanging "$root/tests/hostile/hanging_fs.py" files mnt "${@:2}"
	SERVER=$STARTED
	wait_for 30 grep -q ready hanging.out
	TARGET=$(pgrep -P "$SERVER")
}

hang() {
	kill -USR1 "$SERVER"
	# It looks twenty times a second.
	sleep 0.2
}

# end_exoprof: SIGTERM; what it held in the kernel is in LINKS.
end_exoprof() {
	LINKS=$(held_links "$EXOPROF")
	[ -n "$LINKS" ]
	kill "$EXOPROF"
}

# Though the process may be there until the file system answers. Not by what it holds: of one whose first
# thread has ended that cannot be seen.
detached() {
	local link
	for link in $LINKS; do
		not bpftool link show id "$link"
	done
}

# ends_with_server STATUS: what waits in the kernel does so no longer.
ends_with_server() {
	kill "$SERVER"
	wait_for 15 has_ended "$EXOPROF"
	local status=0
	wait "$EXOPROF" || status=$?
	[ "$status" -eq "$1" ]
}

@test "a file system that hangs before the attach costs its names, nothing else" {
	start_hanging burn mnt/burn
	local hanging=$TARGET
	start_target burn
	hang
	start_exoprof -p "$hanging" -p "$TARGET"
	[ "$(wc -l < exoprof.err)" -eq 1 ]
	grep -q 'a file system that .* does not answer' exoprof.err
	fetch p.pb.gz 'profile?seconds=3'
	samples p.pb.gz | grep -q 'burn_a;middle;outer;main;'
	# The one that hangs: by its path, without names.
	samples p.pb.gz | grep -q '\[burn+0x'
	fetch answer goroutine
	answer 200 /healthz
	# Answers again, and all is well.
	kill -USR2 "$SERVER"
	named() {
		fetch again.pb.gz 'profile?seconds=1'
		not grep -q '\[burn+0x' <(samples again.pb.gz)
	}
	wait_for 30 named
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	[ "$(wc -l < exoprof.err)" -eq 1 ]
}

@test "while a file system hangs SIGTERM takes the probes away, and whoever waits gets 503" {
	start_hanging burn mnt/burn
	start_exoprof -p "$TARGET"
	# Its names are known from here on.
	fetch p.pb.gz 'profile?seconds=1'
	hang
	fetch p.pb.gz 'profile?seconds=1'
	samples p.pb.gz | grep -q 'burn_a;middle;outer;main;'
	curl -sS -o late -w '%{http_code}' "${URL}profile?seconds=60" > code & local fetching=$!
	wait_for 10 is_sampling
	end_exoprof
	wait $fetching
	[ "$(cat code)" = 503 ]
	wait_for 15 detached
	ends_with_server 0
	[ ! -s exoprof.err ]
}

@test "a thread that a file system keeps has its requests answered, and does not keep exoprof" {
	# The whole root hangs: names are looked for in debug files below it.
	start_hanging waits-static chroot mnt /waits-static
	start_exoprof -p "$TARGET" --no-heap
	hang
	SECONDS=0
	run curl -sS --max-time 120 -o body -w '%{http_code}' "${URL}goroutine"
	[ "$output" = 503 ]
	grep -q 'a file system that the target has files on does not answer' body
	[ "$SECONDS" -lt 60 ]
	[ "$(wc -l < exoprof.err)" -eq 1 ]
	grep -q 'who asks gets an error until it does' exoprof.err
	answer 200 /healthz
	# It is known by now.
	SECONDS=0
	run curl -sS --max-time 60 -o body -w '%{http_code}' "${URL}profile?seconds=60"
	[ "$output" = 503 ]
	[ "$SECONDS" -lt 20 ]
	end_exoprof
	wait_for 15 detached
	ends_with_server 0
}

# Its allocator is on that file system, too, and what of it is open then the kernel cannot close.
@test "kill -9 while a file system hangs takes the probes away" {
	start_hanging books.static mnt/books.static
	start_exoprof -p "$TARGET"
	[ "$(heap_links)" -gt 0 ]
	# Its connection is not closed either.
	start fetching curl -sS --max-time 60 -o late "${URL}profile?seconds=60"
	wait_for 10 is_sampling
	LINKS=$(held_links "$EXOPROF")
	hang
	kill -KILL "$EXOPROF"
	wait_for 15 detached
	# It really was such an end: a thread is still there.
	cat "/proc/$EXOPROF/task/"*/status | grep -q '^State:[[:space:]]D'
	grep -q '^State:[[:space:]][RSD]' "/proc/$TARGET/status"
	ends_with_server 137
}
