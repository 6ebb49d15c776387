/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON. Errors stick: only json__end() reports them. */
#ifndef EXOPROF_JSON_H
#define EXOPROF_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json;

struct json *json__new(FILE *out); /* NULL with errno set */

/* Ends the document by a line break and frees the writer. 0 or -errno. */
int json__end(struct json *json);

/* Writes into memory instead. json__end_text() ends it likewise and gives the text, malloc()ed, or
 * NULL where memory was short; it takes a NULL of json__new_text() for that. */
struct json *json__new_text(void);
char *json__end_text(struct json *json, size_t *size);

/* The key of a map's next value is a text, too. What is well-formed UTF-8 is left as it is; of all
 * else each byte becomes a replacement character. */
void json__text(struct json *json, const char *text);
void json__number(struct json *json, int64_t number);
void json__boolean(struct json *json, bool yes);
void json__null(struct json *json);

/* With six significant digits; null for what is no number. */
void json__real(struct json *json, double number);

void json__open_map(struct json *json);
void json__close_map(struct json *json);
void json__open_array(struct json *json);
void json__close_array(struct json *json);

/* A key with its value, or with what begins there. */
void json__member(struct json *json, const char *key, const char *text);
void json__member_number(struct json *json, const char *key, int64_t number);
void json__member_map(struct json *json, const char *key);
void json__member_array(struct json *json, const char *key);

#endif
