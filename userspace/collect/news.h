/* SPDX-License-Identifier: Apache-2.0 */
/* Tells when the target's mappings may have changed: the kernel's own record of each new executable
 * mapping, and the kernel side's word of an address that it does not know. */
#ifndef EXOPROF_NEWS_H
#define EXOPROF_NEWS_H

#include <stdbool.h>
#include <sys/types.h>

struct news;

/* `ring_fd` is the map that the kernel side tells by. NULL with errno set. */
struct news *news__open(int ring_fd, pid_t pid);
void news__close(struct news *news); /* NULL is fine */

/* Readable (POLLIN) when there is something to look at. */
int news__fd(const struct news *news);

/* Takes in what there is. True if the mappings should be read. */
bool news__take(struct news *news);

#endif
