/* SPDX-License-Identifier: Apache-2.0 */
/* What a speedscope file says, before anything in it is believed but that it is JSON. */
#ifndef EXOPROF_SPEEDSCOPE_FILE_H
#define EXOPROF_SPEEDSCOPE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "import/reader.h"

struct speedscope_frame {
	char *name, *file; /* NULL: not told */
	double line;
};

struct speedscope_event {
	char type; /* 'O': the frame opens, 'C': it closes */
	double frame, at;
};

struct speedscope_profile {
	char *type, *name, *unit; /* NULL: not told */

	/* Of a sampled one: the frames of all samples in one row, root first, and behind which of
	 * them each sample ends. */
	double *frames;
	size_t frame_count, frame_capacity;
	size_t *ends;
	size_t end_count, end_capacity;
	double *weights;
	size_t weight_count, weight_capacity;

	/* Of an evented one. */
	struct speedscope_event *events;
	size_t event_count, event_capacity;
	double start;
};

struct speedscope_file {
	char *name, *exporter; /* NULL: not told */
	double active;
	struct speedscope_frame *frames;
	size_t frame_count, frame_capacity;
	struct speedscope_profile *profiles;
	size_t profile_count, profile_capacity;
};

/* 0, or -errno. What it points to is to be released either way. */
int speedscope_file__parse(struct reading *in, struct speedscope_file *file);
void speedscope_file__release(struct speedscope_file *file);

#endif
