/* SPDX-License-Identifier: Apache-2.0 */
/* Puts a profile together. Equal strings, functions and locations become one, so that a caller
 * need not remember what it has said. Errors stick: only profile_builder__freeze() reports them. */
#ifndef EXOPROF_PROFILE_BUILDER_H
#define EXOPROF_PROFILE_BUILDER_H

#include "profile/profile.h"

struct profile_builder;

/* NULL with errno set where memory is short. */
struct profile_builder *profile_builder__new(void);
void profile_builder__free(struct profile_builder *builder); /* NULL is fine */

/* The id of a copy of `text`; 0 for "". */
string_id profile_builder__string(struct profile_builder *builder, const char *text);

/* Adds a sample type. The last one said to be `shown` is what pictures show. */
void profile_builder__type(struct profile_builder *builder, const char *type, const char *unit,
			   bool shown);
void profile_builder__default_type(struct profile_builder *builder, const char *type);
void profile_builder__period(struct profile_builder *builder, const char *type, const char *unit,
			     int64_t period);
/* `time_ns`: end of the collection since the epoch; `duration_ns`: 0 for a snapshot. */
void profile_builder__times(struct profile_builder *builder, int64_t time_ns, int64_t duration_ns);
/* Regular expressions, for pprof alone. */
void profile_builder__pruning(struct profile_builder *builder, const char *drop_frames,
			      const char *keep_frames);
void profile_builder__title(struct profile_builder *builder, const char *title);
/* The profile is a diff: some of its samples have the label PROFILE_BASE_KEY. */
void profile_builder__diff(struct profile_builder *builder, enum diff_widths widths);
/* "heap", "goroutine", ... */
void profile_builder__kind(struct profile_builder *builder, const char *name);
void profile_builder__outcome(struct profile_builder *builder,
			      const struct profile_outcome *outcome);
void profile_builder__comment(struct profile_builder *builder, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The following give the index of what they added or found again. Mappings are the same if file and
 * addresses are. */
uint32_t profile_builder__mapping(struct profile_builder *builder,
				  const struct profile_mapping *mapping);
/* Adds to what is known of a mapping the flags that are set in `known`. */
void profile_builder__mark_mapping(struct profile_builder *builder, uint32_t index,
				   const struct profile_mapping *known);
uint32_t profile_builder__function(struct profile_builder *builder,
				   const struct profile_function *function);
/* A location is known by (mapping, address, first function): the lines of the first call count. */
uint32_t profile_builder__location(struct profile_builder *builder, uint32_t mapping,
				   uint64_t address, enum frame_kind kind,
				   const struct profile_line *lines, uint32_t line_count);
/* How far behind the beginning of its function's code a location is. */
void profile_builder__offset(struct profile_builder *builder, uint32_t location, uint64_t offset);
/* The same, but never one that is there already: another tool's may differ in their lines alone. */
uint32_t profile_builder__add_location(struct profile_builder *builder, uint32_t mapping,
				       uint64_t address, enum frame_kind kind,
				       const struct profile_line *lines, uint32_t line_count);
/* A frame that is no code, such as "[truncated]". */
uint32_t profile_builder__note(struct profile_builder *builder, const char *name);

/* Adds a sample; `locations` (leaf first) is copied; so are `labels`. Samples equal in stack
 * and labels are not merged: the caller has added them up. */
void profile_builder__sample(struct profile_builder *builder, const uint32_t *locations,
			     uint32_t depth, const int64_t *values,
			     const struct profile_label *labels, uint32_t label_count);

/* Turns the builder into a profile, owned by the caller. The builder is gone either way; NULL with
 * errno set where memory was short at any step. */
const struct profile *profile_builder__freeze(struct profile_builder *builder);

#endif
