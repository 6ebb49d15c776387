// SPDX-License-Identifier: Apache-2.0
#include "history.h"

/* What is due each second comes some milliseconds early or late. */
static int64_t number_of(const struct history *history, int64_t now_ms)
{
	return (now_ms - history->start_ms + HISTORY_STEP_MS / 2) / HISTORY_STEP_MS;
}

void history__add(struct history *history, int64_t now_ms, const struct history_point *point)
{
	int64_t number;

	if (!history->end)
		history->start_ms = now_ms;
	number = number_of(history, now_ms);
	if (number < history->end)
		return;
	if (number - history->end > HISTORY_POINTS)
		history->end = number - HISTORY_POINTS;
	while (history->end < number)
		history->points[history->end++ % HISTORY_POINTS] = (struct history_point){};
	history->points[history->end++ % HISTORY_POINTS] = *point;
}

/* The number of the first point after that time; `end` at most. */
static int64_t first_after(const struct history *history, int64_t since_ms)
{
	int64_t oldest = history->end > HISTORY_POINTS ? history->end - HISTORY_POINTS : 0;

	if (since_ms < history->start_ms + oldest * HISTORY_STEP_MS)
		return oldest;
	if (since_ms >= history->start_ms + (history->end - 1) * HISTORY_STEP_MS)
		return history->end;
	return (since_ms - history->start_ms) / HISTORY_STEP_MS + 1;
}

size_t history__since(const struct history *history, int64_t since_ms,
		      struct history_point points[HISTORY_POINTS], int64_t *first_ms)
{
	int64_t first = first_after(history, since_ms);

	for (int64_t number = first; number < history->end; number++)
		points[number - first] = history->points[number % HISTORY_POINTS];
	*first_ms = history->start_ms + first * HISTORY_STEP_MS;
	return history->end - first;
}
