/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that write into memory. */
#ifndef EXOPROF_MEMORY_STREAM_H
#define EXOPROF_MEMORY_STREAM_H

#include <errno.h>
#include <stdio.h>

/* Closes a stream of open_memstream(3), which has put its text into *text: 0, or -ENOMEM. Where the
 * last realloc(3) fails glibc's fclose(3) gives 0 all the same, and leaves NULL (2.36,
 * libio/memstream.c, _IO_mem_finish()). What is in *text is the caller's to free, in any case. */
static inline int memory_stream__close(FILE *stream, char *const *text)
{
	return fclose(stream) || !*text ? -ENOMEM : 0;
}

#endif
