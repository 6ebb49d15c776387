/* SPDX-License-Identifier: Apache-2.0 */
/* The process that reads the targets' call-frame information: of each file that it is handed it
 * sends the rows. It may do nothing else, and what a hostile file makes of it ends with it. */
#ifndef EXOPROF_CFI_WORKER_H
#define EXOPROF_CFI_WORKER_H

#include <stddef.h>

/* What the largest files take: a section of 256 MiB and libdw's copy of it (frame_section.c), what
 * libdw keeps of its functions, and the rows. A program of 1 GiB takes a quarter of it. */
#define CFI_WORKER_MEMORY (2UL << 30)

/* What the process does (struct worker_kind). */
void cfi_worker__run(int socket, size_t memory_bytes);

#endif
