/* SPDX-License-Identifier: Apache-2.0 */
/* Probes on functions. Those on many by one link Debian 12's libbpf does not know by name yet. */
#ifndef EXOPROF_UPROBE_H
#define EXOPROF_UPROBE_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* By enum bpf_attach_type in the kernel's include/uapi/linux/bpf.h. */
enum uprobe_kind {
	UPROBE_ENTRY = 48,   /* since 6.6 */
	UPROBE_SESSION = 57, /* entry and return, as the entry's program wants it; since 6.13 */
};

/* Whether the running kernel has session probes, and so the others. */
bool uprobe__has_sessions(void);

/* Makes `program` one that is loaded for such probes. Between open and load. */
int uprobe__prepare(struct bpf_program *program, enum uprobe_kind kind);

/* Probes all the offsets of the file at `path` in the process `pid`. A link's fd, or -errno. */
int uprobe__attach(const struct bpf_program *program, enum uprobe_kind kind, pid_t pid,
		   const char *path, const uint64_t *offsets, const uint64_t *cookies,
		   size_t count);

/* Probes one offset, or the returns of the function there. A link's fd, or -errno. */
int uprobe__attach_one(const struct bpf_program *program, bool is_return, pid_t pid,
		       const char *path, uint64_t offset, uint64_t cookie);

#endif
