/* SPDX-License-Identifier: Apache-2.0 */
/* What was seen, with names. A profile is put together by a builder and frozen: from then on it is
 * read by any thread, written by none. The model is pprof's own (profile.proto): samples point to
 * locations, locations to functions, everything to one table of strings. */
#ifndef EXOPROF_PROFILE_H
#define EXOPROF_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An index into profile.strings. 0 is the empty string. */
typedef uint32_t string_id;

#define PROFILE_NO_MAPPING UINT32_MAX
#define PROFILE_VALUES_MAX 16 /* ours have 4; those of other tools may have more */
/* Frames in the stacks of all samples of a file, what is inlined spelled out: a million samples of
 * 268 frames. A few bytes can name one location, of any number of lines, any number of times. */
#define PROFILE_FRAMES_MAX (1u << 28)

/* Whose code a frame is; what colours and filters go by. */
enum frame_kind {
	FRAME_APP,     /* the program's own binary */
	FRAME_LIBRARY, /* any other file mapped by the process */
	FRAME_JIT,     /* made by a compiler while the program runs */
	FRAME_KERNEL,
	FRAME_UNKNOWN, /* an address that no file or symbol covers */
	FRAME_NOTE,    /* not code: [truncated], [lost], ... */
	FRAME_CODE,    /* another tool's file has its name, and does not say whose it is */
};

/* What the widths of a picture show. */
enum diff_widths {
	DIFF_NONE, /* no diff, or another tool's */
	DIFF_AFTER,
	DIFF_BEFORE,
};

struct value_type {
	string_id type; /* "cpu" */
	string_id unit; /* "nanoseconds" */
};

struct profile_mapping {
	uint64_t start, limit; /* runtime addresses, limit excluded */
	uint64_t file_offset;
	string_id file;
	string_id build_id; /* hex, empty where the file has none */
	/* Whether any of its code in the profile has a name, a file, a line; and whether what was
	 * inlined would be told of. */
	bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
};

struct profile_function {
	string_id name;
	string_id system_name; /* as the linker knows it */
	string_id file;
	int64_t start_line; /* 0: unknown */
};

struct profile_line {
	uint32_t function;
	int64_t line; /* 0: unknown */
};

struct profile_location {
	uint64_t address; /* runtime pc, 0 for a note */
	uint64_t offset;  /* of it in its function's code; 0: it begins there, or unknown */
	uint32_t mapping; /* PROFILE_NO_MAPPING for a note */
	uint32_t first_line;
	uint32_t line_count; /* > 1: innermost inlined function first */
	enum frame_kind kind;
};

/* What a sample can be filtered by: a text, or a number. Ours: "bytes" of each object; "thread",
 * its name; "tid" and "pid", in decimal, as texts, since a filter for a number takes a range; and
 * of waits and threads "state", "reason" and "wchan". */
struct profile_label {
	string_id key;
	string_id text; /* 0: it is a number */
	int64_t number;
	string_id unit; /* of the number; 0: none */
};

/* Beginnings of comments, by which a reader of a file finds what no other field holds. */
#define PROFILE_COMMAND_COMMENT "command: "
#define PROFILE_STACKS_COMMENT  "stacks, by samples: "

/* The label of samples that are to be compared with, as pprof has it for -diff_base. Their values
 * are negated, so that the sum of all is the difference. */
#define PROFILE_BASE_KEY        "pprof::base"
#define PROFILE_BASE_TEXT       "true"

struct profile_sample {
	const uint32_t *locations; /* leaf first */
	uint32_t depth;
	int64_t values[PROFILE_VALUES_MAX]; /* one for each of profile.types */
	const struct profile_label *labels;
	uint32_t label_count;
};

/* What became of the samples that a profile is made of, before any scaling. */
struct profile_outcome {
	int64_t whole;       /* with their whole stacks */
	int64_t truncated;   /* with stacks that were cut short */
	int64_t lost_stacks; /* without a stack */
	int64_t lost;        /* not counted, or not followed to their ends */
};

struct profile {
	struct value_type types[PROFILE_VALUES_MAX];
	uint32_t type_count;
	uint32_t shown_type;           /* the value a picture or a folded line shows */
	string_id default_sample_type; /* empty: a reader takes the last */
	struct value_type period_type;
	int64_t period;
	int64_t time_ns;     /* since the epoch, of the end of the collection */
	int64_t duration_ns; /* 0: a snapshot */
	/* Which functions pprof leaves out, with all that they call, and of them which it keeps
	 * (profile.proto): regular expressions; empty: none. */
	string_id drop_frames, keep_frames;
	string_id title; /* "demo-server (pid 4242)" */
	enum diff_widths diff;
	string_id kind; /* "heap": see struct profile_kind; empty: not known */
	struct profile_outcome outcome;

	const char *const *strings;
	size_t string_count;
	const struct profile_mapping *mappings; /* the main binary first */
	size_t mapping_count;
	const struct profile_function *functions;
	size_t function_count;
	const struct profile_line *lines;
	size_t line_count;
	const struct profile_location *locations;
	size_t location_count;
	const struct profile_sample *samples;
	size_t sample_count;
	const string_id *comments;
	size_t comment_count;
};

/* Releases a profile. NULL is fine. */
void profile__free(const struct profile *profile);

/* Releases what a sample points to. */
void profile_sample__release(const struct profile_sample *sample);

/* How many frames its stack has, inlined functions spelled out; one, for [unknown], where it has
 * none. Less than 2^64, as there are less than 2^32 locations of less than 2^32 lines. */
uint64_t profile_sample__frames(const struct profile *profile, const struct profile_sample *sample);

/* Whether it is one of those that are to be compared with. */
bool profile_sample__is_base(const struct profile *profile, const struct profile_sample *sample);

/* The sum of one sample type over all samples; what does not fit is cut off there. */
int64_t profile__total(const struct profile *profile, uint32_t type);

/* The name that a line of a location shows. */
const char *profile__line_name(const struct profile *profile, const struct profile_line *line);

#endif
