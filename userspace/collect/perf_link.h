/* SPDX-License-Identifier: Apache-2.0 */
/* A program at a perf event, by a link that has the event: libbpf's has two descriptors, of which
 * it gives but one. */
#ifndef EXOPROF_PERF_LINK_H
#define EXOPROF_PERF_LINK_H

#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <sys/types.h>

/* Of a process (else -1), or on a CPU (else -1). `cookie`: what the program is told of it. The
 * link's fd, which ends the event, too, or -errno. */
int perf_link__open(const struct bpf_program *program, const struct perf_event_attr *attr,
		    pid_t pid, int cpu, uint64_t cookie);

#endif
