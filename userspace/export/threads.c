// SPDX-License-Identifier: Apache-2.0
/* The text of Go's debug=2, in the very form of the Go runtime, since that is what tools read
 * (github.com/maruel/panicparse): "goroutine" is a thread here, and its number the thread's. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export/export.h"
#include "export/lines.h"

struct dump {
	const struct profile *profile;
	FILE *out;
};

static long label_number(const struct profile *profile, const struct profile_sample *sample,
			 const char *key)
{
	const char *text = lines__label(profile, sample, key);

	return text ? strtol(text, NULL, 10) : 0;
}

static int compare_threads(const void *left, const void *right, void *profile)
{
	const struct profile_sample *a = *(const struct profile_sample *const *)left;
	const struct profile_sample *b = *(const struct profile_sample *const *)right;
	long tid_a = label_number(profile, a, "tid"), tid_b = label_number(profile, b, "tid");

	if (tid_a != tid_b)
		return tid_a < tid_b ? -1 : 1;
	return (a > b) - (a < b);
}

/* Readers split what is in the brackets at commas. */
static void put_bracketed(const struct dump *dump, const char *text)
{
	for (; *text; text++) {
		if (strchr("[],", *text) || (unsigned char)*text < ' ' || *text == 0x7f)
			putc('?', dump->out);
		else
			putc(*text, dump->out);
	}
}

/* Between a text and what is behind it, if there is any. */
static void put_part(const struct dump *dump, const struct profile_sample *sample,
		     const char *before, const char *key)
{
	const char *text = lines__label(dump->profile, sample, key);

	if (!text)
		return;
	fputs(before, dump->out);
	put_bracketed(dump, text);
}

/* "goroutine 4242 [sleeping: lock in futex_wait_queue, worker of pid 4240]:". */
static void put_header(const struct dump *dump, const struct profile_sample *sample)
{
	const char *state = lines__label(dump->profile, sample, "state");
	int64_t threads = sample->values[0];

	fprintf(dump->out, "goroutine %ld [", label_number(dump->profile, sample, "tid"));
	put_bracketed(dump, state ? state : "unknown state");
	put_part(dump, sample, ": ", "reason");
	put_part(dump, sample, " in ", "wchan");
	put_part(dump, sample, ", ", "thread");
	put_part(dump, sample, " of pid ", "pid");
	if (threads != 1)
		fprintf(dump->out, ", %" PRId64 " threads", threads);
	fputs("]:\n", dump->out);
}

/* What is inlined has no code of its own to be at an offset in. "??" is what Go says of C code
 * whose source it does not know. */
static void put_line(const struct dump *dump, const struct profile_location *location,
		     const struct profile_line *line, bool is_inlined)
{
	const struct profile *profile = dump->profile;
	string_id file = profile->functions[line->function].file;

	fputs(location->kind == FRAME_KERNEL ? "[kernel] " : "", dump->out);
	lines__put_text(profile__line_name(profile, line), dump->out);
	fputs("(...)\n\t", dump->out);
	lines__put_text(file ? profile->strings[file] : "??", dump->out);
	fprintf(dump->out, ":%" PRId64, line->line);
	if (location->offset && !is_inlined)
		fprintf(dump->out, " +%#" PRIx64, location->offset);
	putc('\n', dump->out);
}

static void put_thread(const struct dump *dump, const struct profile_sample *sample)
{
	const struct profile *profile = dump->profile;

	put_header(dump, sample);
	for (uint32_t i = 0; i < sample->depth; i++) {
		const struct profile_location *location = &profile->locations[sample->locations[i]];

		for (uint32_t j = 0; j < location->line_count; j++)
			put_line(dump, location, &profile->lines[location->first_line + j],
				 j + 1 < location->line_count);
	}
	putc('\n', dump->out);
}

int export_threads(const struct profile *profile, FILE *out)
{
	struct dump dump = {.profile = profile, .out = out};
	const struct profile_sample **threads = calloc(profile->sample_count + 1, sizeof(*threads));

	if (!threads)
		return -ENOMEM;
	for (size_t i = 0; i < profile->sample_count; i++)
		threads[i] = &profile->samples[i];
	qsort_r(threads, profile->sample_count, sizeof(*threads), compare_threads, (void *)profile);
	lines__put_comments(profile, out);
	fputs("# goroutine: a thread, by its number (TID)\n\n", out);
	for (size_t i = 0; i < profile->sample_count; i++)
		put_thread(&dump, threads[i]);
	free(threads);
	return lines__end(out);
}
