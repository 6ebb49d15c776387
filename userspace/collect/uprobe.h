/* SPDX-License-Identifier: Apache-2.0 */
/* Session probes, which Debian 12's libbpf does not know by name yet. */
#ifndef EXOPROF_UPROBE_H
#define EXOPROF_UPROBE_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether the running kernel has them. */
bool uprobe_session__supported(void);

/* Makes `program` one that is loaded as a session probe. Between open and load. */
int uprobe_session__prepare(struct bpf_program *program);

/* Probes all the offsets of the file at `path` in the process `pid`. A link's fd, or -errno. */
int uprobe_session__attach(const struct bpf_program *program, pid_t pid, const char *path,
			   const uint64_t *offsets, const uint64_t *cookies, size_t count);

#endif
