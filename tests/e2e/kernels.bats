# SPDX-License-Identifier: Apache-2.0
# What not every kernel has: it is there, or something else instead, or it is refused in one line.

load helpers

has_session_probes() { grep -q '^ok *session uprobes' "$BATS_FILE_TMPDIR/check"; }

# From 6.16 on.
has_exit_tracepoint() { bpftool btf dump file /sys/kernel/btf/vmlinux | grep -q "'btf_trace_sched_exit_tp'"; }

# refused TEXT OPTION...: in one line, before the target is touched.
refused() {
	local text=$1
	shift
	run -1 "$exoprof" -p "$TARGET" --listen 127.0.0.1:0 "$@"
	[ "${#lines[@]}" -eq 1 ]
	grep -F "$text" <<< "$output"
}

@test "probes by sessions are taken, or refused in one line" {
	start_idle
	if has_session_probes; then
		start_exoprof -p "$TARGET" --heap-probes session
	else
		refused 'the kernel has no session uprobes (use --heap-probes auto)' --heap-probes session
	fi
}

@test "walks when the thread is back are made, or refused in one line" {
	start_idle
	if has_exit_tracepoint; then
		start_exoprof -p "$TARGET" --offcpu-walk back
	else
		refused 'does not tell when a thread is back on the CPU (use --offcpu-walk auto)' \
			--offcpu-walk back
	fi
}

@test "without a wish of the user's the best that the kernel has is taken" {
	local probes='uprobes and uretprobes' walk='at each switch'
	if has_session_probes; then probes='session uprobes'; fi
	if has_exit_tracepoint; then walk='when the thread is back'; fi
	start_target burn
	start_exoprof -p "$TARGET"
	fetch heap.pb.gz heap
	comments heap.pb.gz | tee comments
	grep -q " by $probes" comments
	fetch block.pb.gz block
	comments block.pb.gz | tee comments
	grep -q "walked $walk;" comments
}
