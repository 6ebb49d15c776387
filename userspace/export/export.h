/* SPDX-License-Identifier: Apache-2.0 */
/* A frozen profile goes out as bytes. An exporter sees the profile and a stream, nothing else, and
 * gives the same bytes for the same profile. */
#ifndef EXOPROF_EXPORT_H
#define EXOPROF_EXPORT_H

#include <stdio.h>

#include "profile/profile.h"

/* The frame of what has no name. */
#define UNKNOWN_NAME "[unknown]"

struct format {
	const char *name;
	const char *ending; /* of a file that holds it */
	const char *content_type;
	/* Writes the whole profile. 0 or -errno. */
	int (*write)(const struct profile *profile, FILE *out);
	const char *only_kind; /* of profiles that it is for, such as "goroutine"; NULL: for all */
	bool positive_only;    /* what is below zero, and not to be compared with, is left out */
	bool tells_diffs;      /* both values of what is compared */
	bool by_thread;        /* each sample has to be of one thread, and tell its number */
};

/* The format of that name ("pprof", "folded", ...), or NULL. */
const struct format *format__by_name(const char *name);

/* The format whose ending the path has, or NULL. */
const struct format *format__by_path(const char *path);

/* The only format of that media type ("image/svg+xml"); NULL where none or several have it. */
const struct format *format__by_media_type(const char *media_type);

/* Whether profiles of that kind can be had in it. */
bool format__is_for(const struct format *format, const char *kind);

/* All the names, for a message: "pprof, folded, flamegraph, ...". */
const char *format__names(void);

/* Gzipped protobuf, as `go tool pprof` reads it (github.com/google/pprof, profile.proto). */
int export_pprof(const struct profile *profile, FILE *out);

/* One line a stack, root first: "main;work;malloc 42". */
int export_folded(const struct profile *profile, FILE *out);

/* What Go's net/http/pprof answers to debug=1, in the legacy formats that pprof reads
 * (github.com/google/pprof, profile/legacy_profile.go); of what Go has no text for, such as CPU
 * time, and of values below zero, the same for people only. Its values are those of the other
 * formats. */
int export_text(const struct profile *profile, FILE *out);

/* A block a thread, as Go answers goroutine?debug=2: by the label "tid", or 0, and with "thread",
 * "state", "reason", "wchan" and "pid" where there are such. */
int export_threads(const struct profile *profile, FILE *out);

/* The JSON that speedscope.app opens (its file-format-schema.json). */
int export_speedscope(const struct profile *profile, FILE *out);

/* What the page draws: all sample types in one tree of functions, in columns. */
int export_tree(const struct profile *profile, FILE *out);

/* One self-contained, interactive SVG. */
int export_flamegraph(const struct profile *profile, FILE *out);

#endif
