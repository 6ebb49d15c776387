// SPDX-License-Identifier: Apache-2.0
#include "serve/profile_query.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "serve/negotiation.h"
#include "serve/query.h"

/* As Go has it. */
#define DEFAULT_SECONDS 30
#define SECONDS_MAX     86400

struct reading {
	struct profile_query *query;
	const struct profile_path *path;
	const struct client_words *words;
	char *why;
	size_t why_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct reading *reading,
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reading->why, reading->why_size, format, args);
	va_end(args);
	return 400;
}

static bool get(const struct reading *reading, const char *name, char *value, size_t size)
{
	return query__get(reading->words->query, reading->words->query_length, name, value, size);
}

/* Of what takes time: what is missing, not a number or not positive means the default. */
static int span_seconds(const struct reading *reading)
{
	char text[32];
	long value = 0;

	if (!get(reading, "seconds", text, sizeof(text)) || !query__integer(text, &value) ||
	    value <= 0)
		value = DEFAULT_SECONDS;
	if (value > SECONDS_MAX)
		return refuse(reading, "seconds=%ld is too long: at most %d", value, SECONDS_MAX);
	reading->query->request.seconds = value;
	return 0;
}

/* Of a snapshot: missing means since the attach, anything else must be right. What came since the
 * last request has no seconds, and as in godeltaprof they mean nothing there: Parca and Alloy add
 * those of a profile that takes time to all paths of a job that has parameters of its own. */
static int snapshot_seconds(const struct reading *reading)
{
	char text[32];
	long value = 0;

	if (reading->path->since_last || !get(reading, "seconds", text, sizeof(text)) || !*text)
		return 0;
	if (!query__integer(text, &value) || value <= 0 || value > SECONDS_MAX)
		return refuse(reading, "seconds: a whole number from 1 to %d is needed",
			      SECONDS_MAX);
	reading->query->request.seconds = value;
	reading->query->is_delta = true;
	return 0;
}

static int read_seconds(const struct reading *reading)
{
	return profile_kind__takes_time(reading->path->kind) ? span_seconds(reading)
							     : snapshot_seconds(reading);
}

/* Go has no text of what takes time, and does not look at the parameter there. */
static int read_debug(const struct reading *reading, const char **format)
{
	char text[32];
	long value = 0;

	if (profile_kind__takes_time(reading->path->kind) ||
	    !get(reading, "debug", text, sizeof(text)) || !query__integer(text, &value) || !value)
		return 0;
	if (reading->query->request.seconds)
		return refuse(reading, "seconds and debug exclude each other: for a difference as "
				       "text, use format=folded");
	*format = reading->path->kind->source == SAMPLES_THREADS && value >= 2 ? "threads" : "text";
	return 0;
}

/* Only where the client wants one type and no other; browsers list what they can show, and get the
 * file as everybody does. */
static const struct format *accepted_format(const struct reading *reading)
{
	const struct client_words *words = reading->words;
	char type[64];

	if (!words->accept ||
	    !negotiation__only_type(words->accept, words->accept_length, type, sizeof(type)))
		return NULL;
	return format__by_media_type(type);
}

static int read_format(const struct reading *reading)
{
	const struct format **format = &reading->query->request.format;
	const char *name = NULL;
	char text[32];
	int status = read_debug(reading, &name);

	if (status)
		return status;
	if (get(reading, "format", text, sizeof(text)))
		name = text;
	if (!name) {
		reading->query->by_accept = true;
		*format = accepted_format(reading);
		name = reading->path->format ? reading->path->format : "pprof";
	}
	if (!*format)
		*format = format__by_name(name);
	if (!*format)
		return refuse(reading, "unknown format \"%s\": use one of %s", name,
			      format__names());
	if (!strcmp((*format)->name, "threads") && reading->path->kind->source != SAMPLES_THREADS)
		return refuse(reading, "format=threads is for the goroutine profile alone");
	return 0;
}

static int read_preattach(const struct reading *reading)
{
	char text[32];
	long value = 0;

	if (!get(reading, "preattach", text, sizeof(text)))
		return 0;
	if (!query__integer(text, &value) || value < 0 || value > 1)
		return refuse(reading, "preattach: 0 or 1 is needed");
	if (!value)
		return 0;
	if (reading->path->kind->source != SAMPLES_HEAP)
		return refuse(reading, "preattach is for the profiles of the heap alone");
	if (reading->query->request.seconds || reading->path->since_last)
		return refuse(reading, "preattach and a difference exclude each other: nothing "
				       "from before is part of it");
	reading->query->request.preattach = true;
	return 0;
}

/* Samples of the heap are added up over all threads. */
static int check_has_threads(const struct reading *reading, const char *parameter)
{
	if (reading->path->kind->source != SAMPLES_HEAP)
		return 0;
	return refuse(reading, "no %s here: the profiles of the heap do not tell threads apart",
		      parameter);
}

static int read_thread(const struct reading *reading)
{
	char *thread = reading->query->request.thread;
	char text[64];

	if (!get(reading, "thread", text, sizeof(text)))
		return 0;
	if (!*text || strlen(text) >= WIRE_COMM_BYTES)
		return refuse(reading, "thread: the name of a thread is needed, of 1 to %d bytes",
			      WIRE_COMM_BYTES - 1);
	strcpy(thread, text);
	return check_has_threads(reading, "thread");
}

/* What is kept of waits for longer has no numbers: they would be a row each. */
static int check_has_numbers(const struct reading *reading)
{
	const struct profile_query *query = reading->query;

	if (reading->path->kind->source != SAMPLES_WAITS || query->request.seconds)
		return 0;
	return refuse(reading,
		      "no labels=tid here: thread numbers are kept only while a request "
		      "with seconds runs; use %s?seconds=N",
		      reading->path->kind->name);
}

static int read_labels(const struct reading *reading)
{
	char text[64], *rest = text, *label;

	if (!get(reading, "labels", text, sizeof(text)))
		return 0;
	while ((label = strsep(&rest, ","))) {
		if (!*label)
			continue;
		if (strcmp(label, "tid"))
			return refuse(reading, "unknown label \"%s\": there is tid", label);
		reading->query->request.with_tid = true;
	}
	if (!reading->query->request.with_tid)
		return 0;
	return check_has_threads(reading, "labels=tid") ?: check_has_numbers(reading);
}

int profile_query__read(struct profile_query *query, const struct profile_path *path,
			const struct client_words *words, char *why, size_t why_size)
{
	static int (*const readers[])(const struct reading *reading) = {
		read_seconds, read_format, read_preattach, read_thread, read_labels,
	};
	struct reading reading = {
		.query = query,
		.path = path,
		.words = words,
		.why = why,
		.why_size = why_size,
	};
	int status = 0;

	*query = (struct profile_query){
		.request = {.kind = path->kind, .since_last = path->since_last},
	};
	for (size_t i = 0; !status && i < sizeof(readers) / sizeof(*readers); i++)
		status = readers[i](&reading);
	return status;
}
