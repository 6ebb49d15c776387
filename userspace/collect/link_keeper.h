/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what ties programs to probes and events: their links. What a killed process has open the
 * kernel lets go of once no thread uses the table of descriptors any more, and all at a time, so a
 * target's file on a file system that hangs would leave every probe where it is (fuse_flush() waits
 * for a server that has read the request, whoever is killed). The keeper is a thread with a table
 * of its own, in which links are and nothing else: SIGKILL ends it, and them, whatever the others
 * wait for. Until a link is handed over, microseconds after it was made, that does not hold. */
#ifndef EXOPROF_LINK_KEEPER_H
#define EXOPROF_LINK_KEEPER_H

#include <stddef.h>

struct link_keeper;

/* In a thread that may still make others, and before a file of a target's is opened, whose
 * descriptor the new table would have at first, too. NULL with errno set. Where the kernel grants
 * no table of its own, as under a seccomp filter that does not know close_range(2), links stay in
 * the process's. */
struct link_keeper *link_keeper__start(void);

/* Lets go of what it keeps; NULL is fine. */
void link_keeper__end(struct link_keeper *keeper);

/* Takes the link over, and closes `fd` in any case. What it is kept as, or -errno. Of no keeper
 * (NULL) that is the descriptor itself. One thread at a time may ask. */
int link_keeper__keep(struct link_keeper *keeper, int fd);

/* Lets go of what is kept as `*link`, and returns when the kernel has; -1, which it becomes: of
 * nothing. */
void link_keeper__drop(struct link_keeper *keeper, int *link);

/* Links that are let go of together; but for `keeper` all zero: none. */
struct kept_links {
	struct link_keeper *keeper; /* or NULL */
	int *items;                 /* as they are kept */
	size_t count, capacity;
};

/* Takes over `fd`, as link_keeper__keep() does; one that is negative is an error already. 0 or
 * -errno. */
int kept_links__add(struct kept_links *links, int fd);

/* All of them, the last one first. */
void kept_links__drop(struct kept_links *links);

/* Lets go of everything, and waits for it for at most 5 s. In any thread: for the end of a process
 * in which the one that asks otherwise is stuck. */
void link_keeper__let_go(struct link_keeper *keeper);

#endif
