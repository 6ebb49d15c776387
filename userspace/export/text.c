// SPDX-License-Identifier: Apache-2.0
/* The text of Go's debug=1. pprof reads all of it but what begins with '#'
 * (github.com/google/pprof, profile/legacy_profile.go), and that is where the names are, for
 * people. The first line says what it is; there is nothing before it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/saturating.h"
#include "export/export.h"
#include "export/lines.h"

/* Samples that are equal in stack and labels. */
struct record {
	const struct profile_sample *sample; /* the first of them */
	int64_t values[PROFILE_VALUES_MAX];
};

struct text {
	const struct profile *profile;
	struct record *records;
	size_t count;
	FILE *out;
};

/* One of the formats that pprof knows, by a profile's sample types. */
struct form {
	const char *first_type; /* NULL: any that is a count */
	uint32_t type_count;    /* 0: any number */
	uint32_t signed_values; /* a bit for each that may be below zero */
	void (*put_head)(const struct text *text);
	void (*put_record)(const struct text *text, const struct record *record);
	void (*put_tail)(const struct text *text);
	uint32_t ordered_by; /* value, the greatest first */
};

static int compare_labels(const struct profile_sample *a, const struct profile_sample *b)
{
	for (uint32_t i = 0; i < a->label_count && i < b->label_count; i++) {
		const struct profile_label *x = &a->labels[i], *y = &b->labels[i];

		if (x->key != y->key)
			return x->key < y->key ? -1 : 1;
		if (x->text != y->text)
			return x->text < y->text ? -1 : 1;
		if (x->number != y->number)
			return x->number < y->number ? -1 : 1;
	}
	return (a->label_count > b->label_count) - (a->label_count < b->label_count);
}

static int compare_keys(const struct profile_sample *a, const struct profile_sample *b)
{
	for (uint32_t i = 0; i < a->depth && i < b->depth; i++) {
		if (a->locations[i] != b->locations[i])
			return a->locations[i] < b->locations[i] ? -1 : 1;
	}
	if (a->depth != b->depth)
		return a->depth < b->depth ? -1 : 1;
	return compare_labels(a, b);
}

static int compare_by_key(const void *left, const void *right)
{
	const struct record *a = left, *b = right;

	return compare_keys(a->sample, b->sample);
}

static int compare_by_value(const void *left, const void *right, void *which)
{
	const struct record *a = left, *b = right;
	uint32_t value = *(const uint32_t *)which;

	if (a->values[value] != b->values[value])
		return a->values[value] > b->values[value] ? -1 : 1;
	return compare_keys(a->sample, b->sample);
}

static void merge(struct text *text)
{
	uint32_t types = text->profile->type_count;
	size_t kept = 0;

	qsort(text->records, text->count, sizeof(*text->records), compare_by_key);
	for (size_t i = 0; i < text->count; i++) {
		const struct record *record = &text->records[i];
		int64_t *into;

		if (!kept || compare_by_key(&text->records[kept - 1], record)) {
			text->records[kept++] = *record;
			continue;
		}
		into = text->records[kept - 1].values;
		for (uint32_t j = 0; j < types; j++)
			into[j] = saturating__add(into[j], record->values[j]);
	}
	text->count = kept;
}

static int make_records(struct text *text)
{
	const struct profile *profile = text->profile;

	/* One more, because an empty allocation may be NULL. */
	text->records = calloc(profile->sample_count + 1, sizeof(*text->records));
	if (!text->records)
		return -ENOMEM;
	text->count = profile->sample_count;
	for (size_t i = 0; i < text->count; i++) {
		text->records[i].sample = &profile->samples[i];
		memcpy(text->records[i].values, profile->samples[i].values,
		       sizeof(text->records[i].values));
	}
	merge(text);
	return 0;
}

/* Readers take all of them for return addresses and go one back, which ours have gone already. A
 * note has none; but pprof refuses a count without any, and forgets other samples. */
static void put_addresses(const struct text *text, const struct record *record)
{
	const struct profile_sample *sample = record->sample;
	uint32_t count = 0;

	for (uint32_t i = 0; i < sample->depth; i++) {
		const struct profile_location *location =
			&text->profile->locations[sample->locations[i]];

		if (location->kind == FRAME_NOTE)
			continue;
		fprintf(text->out, " %#" PRIx64, location->address + 1);
		count++;
	}
	if (!count)
		fputs(" 0x1", text->out);
}

static int compare_texts(const void *left, const void *right, void *profile_pointer)
{
	const struct profile_label *a = left, *b = right;
	const struct profile *profile = profile_pointer;

	return strcmp(profile->strings[a->key], profile->strings[b->key]);
}

/* As Go's %q has it. */
static void put_quoted(const struct text *text, string_id id)
{
	putc('"', text->out);
	for (const char *c = text->profile->strings[id]; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(text->out, "\\%c", *c);
		else if ((unsigned char)*c < ' ' || *c == 0x7f)
			fprintf(text->out, "\\x%02x", *c);
		else
			putc(*c, text->out);
	}
	putc('"', text->out);
}

#define LABELS_MAX 16 /* ours have 8 at most */

/* Those that are texts, in the order of their names. */
static void put_labels(const struct text *text, const struct profile_sample *sample)
{
	struct profile_label labels[LABELS_MAX];
	size_t count = 0;

	for (uint32_t i = 0; i < sample->label_count && count < LABELS_MAX; i++) {
		if (sample->labels[i].text)
			labels[count++] = sample->labels[i];
	}
	if (!count)
		return;
	qsort_r(labels, count, sizeof(*labels), compare_texts, (void *)text->profile);
	for (size_t i = 0; i < count; i++) {
		fputs(i ? ", " : "# labels: {", text->out);
		put_quoted(text, labels[i].key);
		putc(':', text->out);
		put_quoted(text, labels[i].text);
	}
	fputs("}\n", text->out);
}

/* Where the source is not known: the file that the code is in. */
static void put_place(const struct text *text, const struct profile_location *location,
		      const struct profile_line *line)
{
	const struct profile *profile = text->profile;
	string_id file = profile->functions[line->function].file;

	if (file) {
		putc('\t', text->out);
		lines__put_text(profile->strings[file], text->out);
		fprintf(text->out, ":%" PRId64, line->line);
	} else if (location->mapping != PROFILE_NO_MAPPING) {
		putc('\t', text->out);
		lines__put_text(profile->strings[profile->mappings[location->mapping].file],
				text->out);
	}
}

/* The offset is that of the function which the others are inlined into. */
static void put_frame(const struct text *text, const struct profile_location *location)
{
	for (uint32_t i = 0; i < location->line_count; i++) {
		const struct profile_line *line = &text->profile->lines[location->first_line + i];

		fputs("#\t", text->out);
		if (location->kind != FRAME_NOTE)
			fprintf(text->out, "%#" PRIx64 "\t", location->address);
		lines__put_text(profile__line_name(text->profile, line), text->out);
		if (location->offset && i + 1 == location->line_count)
			fprintf(text->out, "+%#" PRIx64, location->offset);
		put_place(text, location, line);
		putc('\n', text->out);
	}
	if (!location->line_count)
		fprintf(text->out, "#\t%#" PRIx64 "\n", location->address);
}

static void put_stack(const struct text *text, const struct record *record)
{
	const struct profile_sample *sample = record->sample;

	put_addresses(text, record);
	putc('\n', text->out);
	put_labels(text, sample);
	for (uint32_t i = 0; i < sample->depth; i++)
		put_frame(text, &text->profile->locations[sample->locations[i]]);
	putc('\n', text->out);
}

/* The order of values in a heap profile, as everywhere in exoprof. */
enum {
	ALLOC_OBJECTS,
	ALLOC_SPACE,
	INUSE_OBJECTS,
	INUSE_SPACE,
};

/* Bytes of nobody knows how many objects are nothing that the format could say. */
static bool is_sayable(const struct record *record)
{
	const int64_t *values = record->values;

	return (values[ALLOC_OBJECTS] || !values[ALLOC_SPACE]) &&
	       (values[INUSE_OBJECTS] || !values[INUSE_SPACE]);
}

static void add_sayable(const struct text *text, int64_t totals[PROFILE_VALUES_MAX])
{
	for (size_t i = 0; i < text->count; i++) {
		if (!is_sayable(&text->records[i]))
			continue;
		for (uint32_t j = 0; j < text->profile->type_count; j++)
			totals[j] = saturating__add(totals[j], text->records[i].values[j]);
	}
}

/* Go's "heap/RATE" makes readers scale all values once more, and with a rate at which they do not,
 * 2, they drop objects of 0 bytes. "heapprofile" (gperftools') is for values that are whole. A
 * total that is negative they do not take: then the comment has it. */
static void put_heap_head(const struct text *text)
{
	int64_t totals[PROFILE_VALUES_MAX] = {};
	bool shrunk;

	add_sayable(text, totals);
	shrunk = totals[INUSE_OBJECTS] < 0 || totals[INUSE_SPACE] < 0;
	fprintf(text->out,
		"heap profile: %" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @ heapprofile\n",
		shrunk ? 0 : totals[INUSE_OBJECTS], shrunk ? 0 : totals[INUSE_SPACE],
		totals[ALLOC_OBJECTS], totals[ALLOC_SPACE]);
	if (shrunk)
		fprintf(text->out, "# in use, all in all: %" PRId64 ": %" PRId64 "\n",
			totals[INUSE_OBJECTS], totals[INUSE_SPACE]);
	fprintf(text->out, "# mean bytes between samples: %" PRId64 "; values are of the whole\n",
		text->profile->period);
}

static void put_heap_record(const struct text *text, const struct record *record)
{
	const int64_t *values = record->values;

	if (!is_sayable(record))
		fputs("# not counted above, as the number of objects is not known: ", text->out);
	fprintf(text->out, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @",
		values[INUSE_OBJECTS], values[INUSE_SPACE], values[ALLOC_OBJECTS],
		values[ALLOC_SPACE]);
	put_stack(text, record);
}

/* Of Go's statistics those that there are for any allocator. */
static void put_heap_tail(const struct text *text)
{
	int64_t totals[PROFILE_VALUES_MAX] = {};

	if (text->profile->duration_ns)
		return;
	add_sayable(text, totals);
	fputs("\n# runtime.MemStats\n", text->out);
	fprintf(text->out, "# Alloc = %" PRId64 "\n", totals[INUSE_SPACE]);
	fprintf(text->out, "# TotalAlloc = %" PRId64 "\n", totals[ALLOC_SPACE]);
	fprintf(text->out, "# Mallocs = %" PRId64 "\n", totals[ALLOC_OBJECTS]);
	fprintf(text->out, "# Frees = %" PRId64 "\n",
		saturating__subtract(totals[ALLOC_OBJECTS], totals[INUSE_OBJECTS]));
	fprintf(text->out, "# HeapAlloc = %" PRId64 "\n", totals[INUSE_SPACE]);
	fprintf(text->out, "# HeapObjects = %" PRId64 "\n", totals[INUSE_OBJECTS]);
}

static bool is_of_kind(const struct profile *profile, const char *kind)
{
	return !strcmp(profile->strings[profile->kind], kind);
}

/* A "cycle" is a nanosecond. */
static void put_contention_head(const struct text *text)
{
	fprintf(text->out, "--- %s:\ncycles/second=1000000000\nsampling period=1\n",
		is_of_kind(text->profile, "mutex") ? "mutex" : "contention");
}

static void put_contention_record(const struct text *text, const struct record *record)
{
	fprintf(text->out, "%" PRId64 " %" PRId64 " @", record->values[1], record->values[0]);
	put_stack(text, record);
}

static void put_count_head(const struct text *text)
{
	const struct profile *profile = text->profile;

	lines__put_text(profile->strings[profile->types[0].type], text->out);
	fprintf(text->out, " profile: total %" PRId64 "\n", profile__total(profile, 0));
}

static void put_count_record(const struct text *text, const struct record *record)
{
	fprintf(text->out, "%" PRId64 " @", record->values[0]);
	put_stack(text, record);
}

/* What Go has no text for, or no minus. The first line is none that pprof would take for another
 * format's. */
static void put_plain_head(const struct text *text)
{
	const struct profile *profile = text->profile;

	fputs("exoprof ", text->out);
	lines__put_text(profile->kind ? profile->strings[profile->kind] : "profile", text->out);
	if (profile->duration_ns)
		fprintf(text->out, " over %.3f s", profile->duration_ns / 1e9);
	for (uint32_t i = 0; i < profile->type_count; i++) {
		fputs(i ? ", " : ": ", text->out);
		lines__put_text(profile->strings[profile->types[i].type], text->out);
		putc('/', text->out);
		lines__put_text(profile->strings[profile->types[i].unit], text->out);
		fprintf(text->out, " %" PRId64, profile__total(profile, i));
	}
	putc('\n', text->out);
}

static void put_plain_record(const struct text *text, const struct record *record)
{
	for (uint32_t i = 0; i < text->profile->type_count; i++)
		fprintf(text->out, "%" PRId64 " ", record->values[i]);
	putc('@', text->out);
	put_stack(text, record);
}

#define ALL_VALUES UINT32_MAX

static const struct form forms[] = {
	{"alloc_objects", 4, 1 << INUSE_OBJECTS | 1 << INUSE_SPACE, put_heap_head,       put_heap_record,
	 put_heap_tail,											       INUSE_SPACE},
	{"contentions",   2, 0,				     put_contention_head, put_contention_record, NULL, 1          },
	{NULL,            1, 0,				     put_count_head,      put_count_record,      NULL, 0          },
	{NULL,            0, ALL_VALUES,                            put_plain_head,      put_plain_record,      NULL, 0          },
};

/* Readers refuse the whole of a text in which they do not expect a minus. */
static bool can_say_all(const struct form *form, const struct text *text)
{
	for (size_t i = 0; i < text->count; i++) {
		for (uint32_t j = 0; j < text->profile->type_count; j++) {
			if (text->records[i].values[j] < 0 && !(form->signed_values >> j & 1))
				return false;
		}
	}
	return true;
}

static bool is_form_of(const struct form *form, const struct profile *profile)
{
	const struct value_type *first = &profile->types[0];

	if (form->type_count != profile->type_count)
		return false;
	if (!form->first_type)
		return !strcmp(profile->strings[first->unit], "count");
	return !strcmp(profile->strings[first->type], form->first_type);
}

/* The last one is for all. */
static const struct form *form_of(const struct text *text)
{
	const struct form *form = forms;

	while (form->type_count && !(is_form_of(form, text->profile) && can_say_all(form, text)))
		form++;
	return form;
}

int export_text(const struct profile *profile, FILE *out)
{
	struct text text = {.profile = profile, .out = out};
	const struct form *form;
	int err = make_records(&text);

	if (err)
		return err;
	form = form_of(&text);
	qsort_r(text.records, text.count, sizeof(*text.records), compare_by_value,
		(void *)&form->ordered_by);
	form->put_head(&text);
	lines__put_comments(profile, out);
	for (size_t i = 0; i < text.count; i++)
		form->put_record(&text, &text.records[i]);
	if (form->put_tail)
		form->put_tail(&text);
	free(text.records);
	return lines__end(out);
}
