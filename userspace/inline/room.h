/* SPDX-License-Identifier: Apache-2.0 */
/* Where in an address space there is room near some code. */
#ifndef EXOPROF_ROOM_H
#define EXOPROF_ROOM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct room_range {
	uint64_t start, end;
};

/* All mappings of a process, sorted; the caller's to free. 0 or -errno. */
int room__read(pid_t pid, struct room_range **used, size_t *count);

/* Gives an address, page-aligned, from which `size` bytes are free and all of them within reach of
 * a displacement of 32 bits from all of `code`, and the other way round; 0: there is none. `used`
 * is what is mapped, sorted. */
uint64_t room__find(const struct room_range *used, size_t count, const struct room_range *code,
		    uint64_t size);

#endif
