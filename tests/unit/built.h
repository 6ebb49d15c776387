/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles made by hand, for the formats of text. */
#ifndef EXOPROF_TEST_BUILT_H
#define EXOPROF_TEST_BUILT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/export.h"
#include "profile/builder.h"

static inline uint32_t built_function(struct profile_builder *builder, const char *name,
				      const char *file)
{
	struct profile_function function = {
		.name = profile_builder__string(builder, name),
		.file = profile_builder__string(builder, file),
	};

	return profile_builder__function(builder, &function);
}

/* A frame at `address`, at line `line` of a file ("": unknown). */
static inline uint32_t built_frame(struct profile_builder *builder, uint64_t address,
				   const char *name, const char *file, int64_t line)
{
	struct profile_line lines[] = {
		{.function = built_function(builder, name, file), .line = line},
	};

	return profile_builder__location(builder, PROFILE_NO_MAPPING, address, FRAME_APP, lines, 1);
}

static inline struct profile_label built_label(struct profile_builder *builder, const char *key,
					       const char *text)
{
	return (struct profile_label){
		.key = profile_builder__string(builder, key),
		.text = profile_builder__string(builder, text),
	};
}

/* What the format makes of it, to be freed; the builder is gone. */
static inline char *built_text(struct profile_builder *builder,
			       int (*write)(const struct profile *profile, FILE *out))
{
	const struct profile *profile = profile_builder__freeze(builder);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(profile);
	assert_non_null(out);
	assert_int_equal(write(profile, out), 0);
	fclose(out);
	assert_int_equal(strlen(text), size);
	profile__free(profile);
	return text;
}

#endif
