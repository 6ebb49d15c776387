/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_MAP_LINE_H
#define EXOPROF_MAP_LINE_H

#include <stdbool.h>
#include <stdint.h>

/* One line of /proc/PID/maps (proc(5)). */
struct map_line {
	uint64_t start, end; /* runtime addresses, end excluded */
	uint64_t file_offset;
	uint64_t device, inode; /* inode 0: not a file */
	bool writable, executable;
	char *path; /* NULL: none; owned by the parser until the next line */
};

#endif
