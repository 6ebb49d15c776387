/* SPDX-License-Identifier: Apache-2.0 */
/* A perf event on every CPU, with a program tied to it. */
#ifndef EXOPROF_TICKING_H
#define EXOPROF_TICKING_H

#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/link_keeper.h"

/* Without links: nothing ticks. */
struct ticking {
	struct kept_links
		links; /* one an online CPU; of no keeper: what is over within a millisecond */
};

/* `cookie`: what the program is told of these ticks. 0 or -errno, and nothing ticks. */
int ticking__start(struct ticking *ticking, const struct bpf_program *program, uint64_t cookie,
		   const struct perf_event_attr *attr);
void ticking__stop(struct ticking *ticking);

#endif
