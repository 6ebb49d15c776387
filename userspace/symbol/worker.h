/* SPDX-License-Identifier: Apache-2.0 */
/* The process that reads the targets' files: what is at an address of one. It may do nothing else,
 * and what a hostile file makes of it ends with it. */
#ifndef EXOPROF_WORKER_H
#define EXOPROF_WORKER_H

#include <stddef.h>

/* What the process does that reads files for names (struct worker_kind), and may keep so much of
 * them: answers what comes over the socket (reader/message.h). */
void worker__run(int socket, size_t memory_bytes);

#endif
