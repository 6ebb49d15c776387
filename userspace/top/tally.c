// SPDX-License-Identifier: Apache-2.0
#include "top/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/saturating.h"

#define UNKNOWN_NAME "[unknown]"

const struct format tally_format = {.name = "tally", .write = tally__write};

/* One for each of the profile's strings: the builder has made names equal in text one string. */
struct slot {
	int64_t self, total;
	size_t last_sample; /* that it was seen in, from 1 */
	enum frame_kind kind;
};

static void add_line(struct slot *slot, size_t sample, int64_t value, enum frame_kind kind)
{
	if (kind > slot->kind)
		slot->kind = kind;
	if (slot->last_sample == sample)
		return;
	slot->last_sample = sample;
	slot->total = saturating__add(slot->total, value);
}

static void add_sample(const struct profile *profile, size_t index, struct slot *slots)
{
	const struct profile_sample *sample = &profile->samples[index];
	int64_t value = sample->values[profile->shown_type];
	bool is_leaf = true;

	for (uint32_t i = 0; i < sample->depth; i++) {
		const struct profile_location *location = &profile->locations[sample->locations[i]];

		for (uint32_t j = 0; j < location->line_count; j++) {
			const struct profile_line *line = &profile->lines[location->first_line + j];
			struct slot *slot = &slots[profile->functions[line->function].name];

			add_line(slot, index + 1, value, location->kind);
			if (is_leaf)
				slot->self = saturating__add(slot->self, value);
			is_leaf = false;
		}
	}
}

static const char *name_of(const struct profile *profile, size_t string)
{
	return *profile->strings[string] ? profile->strings[string] : UNKNOWN_NAME;
}

static void write_slots(const struct profile *profile, const struct slot *slots, FILE *out)
{
	uint32_t name = 0;

	for (size_t i = 0; i < profile->string_count; i++) {
		struct tally_row row = {
			.self = slots[i].self,
			.total = slots[i].total,
			.name = name,
			.kind = slots[i].kind,
		};

		if (!slots[i].last_sample)
			continue;
		fwrite(&row, sizeof(row), 1, out);
		name += strlen(name_of(profile, i)) + 1;
	}
	for (size_t i = 0; i < profile->string_count; i++) {
		const char *text = name_of(profile, i);

		if (slots[i].last_sample)
			fwrite(text, strlen(text) + 1, 1, out);
	}
}

int tally__write(const struct profile *profile, FILE *out)
{
	struct slot *slots = calloc(profile->string_count, sizeof(*slots));
	struct tally head = {
		.total = profile__total(profile, profile->shown_type),
		.time_ns = profile->time_ns,
		.duration_ns = profile->duration_ns,
		.outcome = profile->outcome,
	};

	if (!slots)
		return -ENOMEM;
	snprintf(head.unit, sizeof(head.unit), "%s",
		 profile->strings[profile->types[profile->shown_type].unit]);
	for (size_t i = 0; i < profile->sample_count; i++)
		add_sample(profile, i, slots);
	for (size_t i = 0; i < profile->string_count; i++)
		head.row_count += slots[i].last_sample != 0;
	fwrite(&head, sizeof(head), 1, out);
	write_slots(profile, slots, out);
	free(slots);
	return ferror(out) ? -ENOMEM : 0;
}

const char *tally__name(const struct tally *tally, const struct tally_row *row)
{
	return (const char *)(tally->rows + tally->row_count) + row->name;
}
