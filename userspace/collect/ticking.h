/* SPDX-License-Identifier: Apache-2.0 */
/* A perf event on every CPU, with a program tied to it. */
#ifndef EXOPROF_TICKING_H
#define EXOPROF_TICKING_H

#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <stddef.h>

/* All zero: nothing ticks. */
struct ticking {
	struct bpf_link **links; /* one an online CPU */
	size_t count, capacity;
};

/* 0 or -errno, and nothing ticks. */
int ticking__start(struct ticking *ticking, struct bpf_program *program,
		   const struct perf_event_attr *attr);
void ticking__stop(struct ticking *ticking);

#endif
