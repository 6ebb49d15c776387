/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets used in each of the last seconds. Plain data: whoever has it copies it. */
#ifndef EXOPROF_HISTORY_H
#define EXOPROF_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_POINTS  600
#define HISTORY_STEP_MS 1000

struct history_point {
	bool is_known; /* else nobody has looked in that second, or not at all of them */
	double cpus; /* since the last look, all together: 1.0 is one of the machine's; NAN: unknown
		      */
	uint64_t rss_bytes;
	uint64_t threads;
};

/* Points are a step apart; all zero before the first one. */
struct history {
	struct history_point points[HISTORY_POINTS]; /* a ring, by number */
	int64_t start_ms;                            /* when the point of number 0 was taken */
	int64_t end;                                 /* the number after the last one's */
};

/* Adds a point. Seconds without one are unknown; of two in one the first counts. */
void history__add(struct history *history, int64_t now_ms, const struct history_point *point);

/* Copies the points after `since_ms` that are still there, and tells when the first of them was
 * taken. Gives how many there are. */
size_t history__since(const struct history *history, int64_t since_ms,
		      struct history_point points[HISTORY_POINTS], int64_t *first_ms);

#endif
