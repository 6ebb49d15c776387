// SPDX-License-Identifier: Apache-2.0
/* yajl calls for each token; no tree is built of the whole, which would take thirty times the file.
 * Where in the file a token is, is one of a few places; what is elsewhere is passed over. */
#include "import/speedscope_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/array.h"

#define KEY_BYTES    24
#define NUMBER_BYTES 64
/* The deepest place that is of interest is 6 deep. */
#define DEPTH_MAX    64

enum place {
	OUTSIDE,
	TOP,
	SHARED,
	FRAMES,
	FRAME,
	PROFILES,
	PROFILE,
	SAMPLES,
	SAMPLE,
	WEIGHTS,
	EVENTS,
	EVENT,
	ELSEWHERE,
};

/* Which place begins where, under which key of a map ("" in an array). */
static const struct {
	enum place outer;
	const char *key;
	bool is_array;
	enum place inner;
} places[] = {
	{OUTSIDE,  "",         false, TOP     },
        {TOP,      "shared",   false, SHARED  },
	{SHARED,   "frames",   true,  FRAMES  },
        {FRAMES,   "",         false, FRAME   },
	{TOP,      "profiles", true,  PROFILES},
        {PROFILES, "",         false, PROFILE },
	{PROFILE,  "samples",  true,  SAMPLES },
        {SAMPLES,  "",         true,  SAMPLE  },
	{PROFILE,  "weights",  true,  WEIGHTS },
        {PROFILE,  "events",   true,  EVENTS  },
	{EVENTS,   "",         false, EVENT   },
};

struct parser {
	struct reading *in;
	struct speedscope_file *file;
	enum place open[DEPTH_MAX];
	size_t depth;
	char key[KEY_BYTES]; /* the last one of a map; "" where it is longer than any of ours */
	int err;
	yajl_handle handle;
	jmp_buf no_memory;
};

static enum place place_of(const struct parser *parser)
{
	return parser->depth ? parser->open[parser->depth - 1] : OUTSIDE;
}

/* yajl ends where a callback gives 0. */
static int goes_on(struct parser *parser, int err)
{
	if (err && !parser->err)
		parser->err = err;
	return !parser->err;
}

static struct speedscope_profile *last_profile(const struct parser *parser)
{
	return &parser->file->profiles[parser->file->profile_count - 1];
}

static int begin(struct parser *parser, enum place place)
{
	struct speedscope_file *file = parser->file;
	struct speedscope_profile *profile;

	switch (place) {
	case FRAME:
		return array_append(&file->frames, &file->frame_count, &file->frame_capacity,
				    (struct speedscope_frame){});
	case PROFILE:
		return array_append(&file->profiles, &file->profile_count, &file->profile_capacity,
				    (struct speedscope_profile){});
	case EVENT:
		profile = last_profile(parser);
		return array_append(&profile->events, &profile->event_count,
				    &profile->event_capacity,
				    (struct speedscope_event){.frame = -1});
	default:
		return 0;
	}
}

static int open_place(struct parser *parser, bool is_array)
{
	enum place outer = place_of(parser), inner = ELSEWHERE;

	if (parser->depth == DEPTH_MAX)
		return goes_on(parser, reading__refuse(parser->in, "it is nested too deep"));
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (places[i].outer == outer && places[i].is_array == is_array &&
		    !strcmp(places[i].key, parser->key))
			inner = places[i].inner;
	}
	parser->open[parser->depth++] = inner;
	*parser->key = '\0';
	return goes_on(parser, begin(parser, inner));
}

static int on_start_map(void *context)
{
	return open_place(context, false);
}

static int on_start_array(void *context)
{
	return open_place(context, true);
}

static int on_end_map(void *context)
{
	struct parser *parser = context;

	parser->depth--;
	*parser->key = '\0';
	return 1;
}

static int on_end_array(void *context)
{
	struct parser *parser = context;
	enum place place = place_of(parser);
	int err = 0;

	if (place == SAMPLE) {
		struct speedscope_profile *profile = last_profile(parser);

		err = array_append(&profile->ends, &profile->end_count, &profile->end_capacity,
				   profile->frame_count);
	}
	on_end_map(parser);
	return goes_on(parser, err);
}

static int on_key(void *context, const unsigned char *key, size_t size)
{
	struct parser *parser = context;

	*parser->key = '\0';
	if (size < KEY_BYTES) {
		memcpy(parser->key, key, size);
		parser->key[size] = '\0';
	}
	return 1;
}

/* Where a text of this place and key goes; NULL: nowhere. */
static char **text_slot(struct parser *parser)
{
	struct speedscope_file *file = parser->file;
	struct speedscope_frame *frame;
	struct speedscope_profile *profile;
	bool is_name = !strcmp(parser->key, "name");

	switch (place_of(parser)) {
	case TOP:
		return is_name                            ? &file->name
		       : !strcmp(parser->key, "exporter") ? &file->exporter
							  : NULL;
	case FRAME:
		frame = &file->frames[file->frame_count - 1];
		return is_name ? &frame->name : !strcmp(parser->key, "file") ? &frame->file : NULL;
	case PROFILE:
		profile = last_profile(parser);
		return is_name                        ? &profile->name
		       : !strcmp(parser->key, "unit") ? &profile->unit
		       : !strcmp(parser->key, "type") ? &profile->type
						      : NULL;
	default:
		return NULL;
	}
}

static int on_string(void *context, const unsigned char *text, size_t size)
{
	struct parser *parser = context;
	char **slot = text_slot(parser);

	if (place_of(parser) == EVENT && !strcmp(parser->key, "type")) {
		struct speedscope_profile *profile = last_profile(parser);

		profile->events[profile->event_count - 1].type = size == 1 ? *text : '\0';
	}
	if (!slot)
		return 1;
	free(*slot);
	*slot = strndup((const char *)text, size);
	return goes_on(parser, *slot ? 0 : -ENOMEM);
}

static int put_number(struct parser *parser, double number)
{
	struct speedscope_file *file = parser->file;
	struct speedscope_profile *profile;
	struct speedscope_event *event;

	switch (place_of(parser)) {
	case TOP:
		if (!strcmp(parser->key, "activeProfileIndex"))
			file->active = number;
		return 0;
	case FRAME:
		if (!strcmp(parser->key, "line"))
			file->frames[file->frame_count - 1].line = number;
		return 0;
	case PROFILE:
		if (!strcmp(parser->key, "startValue"))
			last_profile(parser)->start = number;
		return 0;
	case SAMPLE:
		profile = last_profile(parser);
		return array_append(&profile->frames, &profile->frame_count,
				    &profile->frame_capacity, number);
	case WEIGHTS:
		profile = last_profile(parser);
		return array_append(&profile->weights, &profile->weight_count,
				    &profile->weight_capacity, number);
	case EVENT:
		profile = last_profile(parser);
		event = &profile->events[profile->event_count - 1];
		if (!strcmp(parser->key, "frame"))
			event->frame = number;
		else if (!strcmp(parser->key, "at"))
			event->at = number;
		return 0;
	default:
		return 0;
	}
}

static int on_number(void *context, const char *digits, size_t size)
{
	struct parser *parser = context;
	char text[NUMBER_BYTES];

	if (size >= sizeof(text))
		return goes_on(parser,
			       reading__refuse(parser->in, "it has a number of %zu digits", size));
	memcpy(text, digits, size);
	text[size] = '\0';
	return goes_on(parser, put_number(parser, strtod(text, NULL)));
}

/* What stands in no string, number, array or map says nothing here: a name may be null. */
static const yajl_callbacks callbacks = {
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

/* yajl 2.1 does not look at what it gets: it must never get NULL. What it has of its own is in
 * order while it asks for memory, so that yajl_free() may follow. */
static void *given(struct parser *parser, void *block)
{
	if (!block)
		longjmp(parser->no_memory, 1);
	return block;
}

static void *take(void *context, size_t size)
{
	return given(context, malloc(size));
}

static void *take_more(void *context, void *block, size_t size)
{
	return given(context, realloc(block, size));
}

static void give_back(void *context, void *block)
{
	(void)context;
	free(block);
}

static int refuse_json(struct parser *parser)
{
	unsigned char *why = yajl_get_error(parser->handle, 0, NULL, 0);
	size_t length = why ? strcspn((const char *)why, "\n") : 0;
	int err = reading__refuse(parser->in, "at byte %zu of its JSON: %.*s",
				  yajl_get_bytes_consumed(parser->handle), (int)length,
				  why ? (const char *)why : "");

	yajl_free_error(parser->handle, why);
	return err;
}

static int parse(struct parser *parser)
{
	yajl_alloc_funcs memory = {take, take_more, give_back, parser};
	yajl_status status;

	if (setjmp(parser->no_memory))
		return -ENOMEM;
	parser->handle = yajl_alloc(&callbacks, &memory, parser);
	if (!parser->handle)
		return -ENOMEM;
	status = yajl_parse(parser->handle, parser->in->bytes, parser->in->size);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(parser->handle);
	return status == yajl_status_error ? refuse_json(parser) : parser->err;
}

int speedscope_file__parse(struct reading *in, struct speedscope_file *file)
{
	struct parser parser = {.in = in, .file = file};
	int err = parse(&parser);

	if (parser.handle)
		yajl_free(parser.handle);
	return err;
}

static void release_profile(struct speedscope_profile *profile)
{
	free(profile->type);
	free(profile->name);
	free(profile->unit);
	free(profile->frames);
	free(profile->ends);
	free(profile->weights);
	free(profile->events);
}

void speedscope_file__release(struct speedscope_file *file)
{
	for (size_t i = 0; i < file->frame_count; i++) {
		free(file->frames[i].name);
		free(file->frames[i].file);
	}
	for (size_t i = 0; i < file->profile_count; i++)
		release_profile(&file->profiles[i]);
	free(file->frames);
	free(file->profiles);
	free(file->name);
	free(file->exporter);
}
