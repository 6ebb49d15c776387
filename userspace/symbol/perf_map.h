/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that a JIT compiler has made, as it lists them in /tmp/perf-PID.map: lines of
 * "START SIZE name", the numbers in hex (tools/perf/Documentation/jit-interface.txt in Linux). */
#ifndef EXOPROF_PERF_MAP_H
#define EXOPROF_PERF_MAP_H

#include <stdbool.h>
#include <stdint.h>

struct perf_map;

struct perf_map *perf_map__new(void);      /* NULL with errno set */
void perf_map__free(struct perf_map *map); /* NULL is fine */

/* Reads on from where it ended the last time; anew if the file has become shorter, or if it was
 * written over and the last bytes that were read are others now. The last line waits for its end; a
 * line that is none is passed over. 0 or -errno. */
int perf_map__read(struct perf_map *map, int fd);

/* The function at this runtime address, as the compiler calls it, and where it begins; NULL where
 * there is none. Of entries that overlap the last one holds: code is moved, and addresses are used
 * again. Valid until more is read. */
const char *perf_map__find(const struct perf_map *map, uint64_t runtime_pc, uint64_t *start);

#endif
