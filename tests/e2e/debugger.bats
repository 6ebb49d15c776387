# SPDX-License-Identifier: Apache-2.0
# A debugger with a breakpoint on the malloc that exoprof probes: each writes back what it found there.

load helpers

# start_gdb: on the target, which it lets run with a breakpoint on malloc that only counts.
start_gdb() {
	printf '%s\n' 'set pagination off' 'set confirm off' 'break malloc' 'ignore 1 1000000' \
		'python print("begun", flush=True)' 'continue' > commands
	start gdb gdb -q -nx -p "$TARGET" -x commands
	GDB=$STARTED
	wait_for 60 grep -q begun gdb.out
}

# An interrupt stops the target; at the end of its commands gdb leaves it.
end_gdb() {
	kill -INT "$GDB"
	wait_for 20 has_ended "$GDB"
}

@test "probes that a debugger takes away when it leaves are set again, and that is said" {
	start_books books --ops 20
	start_gdb
	start_exoprof -p "$TARGET" --heap-rate 1
	end_gdb
	wait_for 20 grep -q "^exoprof: probes were taken away in the memory of pid $TARGET" exoprof.err
	cat exoprof.err
	[ "$(wc -l < exoprof.err)" -eq 1 ]
	grep -q 'they were set again' exoprof.err
	do_books
	fetch heap.pb.gz heap
	equal_to_books heap.pb.gz books.out
	comments heap.pb.gz | grep -E '^heap: probes were taken away .* 1 time, the last at 20.*, and set again: '
	curl -sS "$URL" | grep -q 'probes were taken away'
	end "$EXOPROF"
	[ "$STATUS" -eq 0 ]
	code_intact
}

@test "a debugger that came later and stays is told of at the end, and attaching once more helps" {
	start_books books --ops 20
	start_exoprof -p "$TARGET"
	start_gdb
	end "$EXOPROF"
	cat exoprof.err
	[ "$(wc -l < exoprof.err)" -eq 1 ]
	grep -q "^exoprof: pid $TARGET is traced by pid $GDB (gdb): " exoprof.err
	start_exoprof -p "$TARGET" --heap-rate 1
	end_gdb
	do_books
	fetch heap.pb.gz heap
	equal_to_books heap.pb.gz books.out
	end "$EXOPROF"
	[ ! -s exoprof.err ]
	code_intact
}
