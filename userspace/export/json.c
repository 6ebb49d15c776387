// SPDX-License-Identifier: Apache-2.0
#include "export/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "base/memory_stream.h"
#include "export/utf8.h"

struct json {
	FILE *out;
	yajl_gen gen;
	int err;    /* the first one; sticks */
	char *text; /* of json__new_text(), once `out` is closed */
	size_t size;
};

static void print(void *json, const char *text, size_t size)
{
	fwrite(text, 1, size, ((struct json *)json)->out);
}

static void keep(struct json *json, yajl_gen_status status)
{
	if (status != yajl_gen_status_ok && !json->err)
		json->err = -EIO;
}

struct json *json__new(FILE *out)
{
	struct json *json = calloc(1, sizeof(*json));

	if (!json)
		return NULL;
	json->out = out;
	json->gen = yajl_gen_alloc(NULL);
	if (!json->gen) {
		free(json);
		errno = ENOMEM;
		return NULL;
	}
	yajl_gen_config(json->gen, yajl_gen_print_callback, print, json);
	return json;
}

struct json *json__new_text(void)
{
	struct json *json = json__new(NULL);

	if (!json)
		return NULL;
	json->out = open_memstream(&json->text, &json->size);
	if (json->out)
		return json;
	yajl_gen_free(json->gen);
	free(json);
	errno = ENOMEM;
	return NULL;
}

static int finish(struct json *json)
{
	putc('\n', json->out);
	if (!json->err && (fflush(json->out) || ferror(json->out)))
		json->err = -EIO;
	yajl_gen_free(json->gen);
	return json->err;
}

int json__end(struct json *json)
{
	int err = finish(json);

	free(json);
	return err;
}

char *json__end_text(struct json *json, size_t *size)
{
	char *text;
	int err;

	if (!json)
		return NULL;
	err = finish(json);
	if (memory_stream__close(json->out, &json->text))
		err = -ENOMEM;
	text = json->text;
	*size = json->size;
	free(json);
	if (!err)
		return text;
	free(text);
	return NULL;
}

/* JSON's escapes are the library's business. */
void json__text(struct json *json, const char *text)
{
	/* A byte that is not well-formed becomes the three of a replacement character. */
	char *clean = malloc(strlen(text) * 3 + UTF8_BYTES_MAX);
	size_t size = 0;

	if (!clean) {
		json->err = -ENOMEM;
		return;
	}
	while (*text)
		size += utf8__encode(utf8__take(&text), clean + size);
	keep(json, yajl_gen_string(json->gen, (const unsigned char *)clean, size));
	free(clean);
}

void json__number(struct json *json, int64_t number)
{
	keep(json, yajl_gen_integer(json->gen, number));
}

void json__boolean(struct json *json, bool yes)
{
	keep(json, yajl_gen_bool(json->gen, yes));
}

void json__null(struct json *json)
{
	keep(json, yajl_gen_null(json->gen));
}

/* The library's own way would have twenty digits. */
void json__real(struct json *json, double number)
{
	char text[32];

	if (!isfinite(number)) {
		json__null(json);
		return;
	}
	snprintf(text, sizeof(text), "%.6g", number);
	keep(json, yajl_gen_number(json->gen, text, strlen(text)));
}

void json__open_map(struct json *json)
{
	keep(json, yajl_gen_map_open(json->gen));
}

void json__close_map(struct json *json)
{
	keep(json, yajl_gen_map_close(json->gen));
}

void json__open_array(struct json *json)
{
	keep(json, yajl_gen_array_open(json->gen));
}

void json__close_array(struct json *json)
{
	keep(json, yajl_gen_array_close(json->gen));
}

void json__member(struct json *json, const char *key, const char *text)
{
	json__text(json, key);
	json__text(json, text);
}

void json__member_number(struct json *json, const char *key, int64_t number)
{
	json__text(json, key);
	json__number(json, number);
}

void json__member_map(struct json *json, const char *key)
{
	json__text(json, key);
	json__open_map(json);
}

void json__member_array(struct json *json, const char *key)
{
	json__text(json, key);
	json__open_array(json);
}
