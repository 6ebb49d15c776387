/* SPDX-License-Identifier: Apache-2.0 */
/* Tells what may have changed: the kernel's own record of each new executable mapping, the kernel
 * side's word of an address that it does not know, of a fork, an exec, an exit. */
#ifndef EXOPROF_NEWS_H
#define EXOPROF_NEWS_H

#include <sys/types.h>

struct news;

/* `ring_fd` is the map that the kernel side tells by. NULL with errno set. */
struct news *news__open(int ring_fd);
void news__close(struct news *news); /* NULL is fine */

/* Readable (POLLIN) when there is something to look at. */
int news__fd(const struct news *news);

struct news_receiver {
	/* Of that process, of any there is; 0: records were lost, so of all. */
	void (*mappings)(void *context, pid_t pid);
	/* Processes have begun, ended, or executed another program. */
	void (*life)(void *context);
	void *context;
};

/* Takes in what there is. */
void news__take(struct news *news, const struct news_receiver *receiver);

#endif
