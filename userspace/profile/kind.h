/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of profile there are, each under the name that Go's net/http/pprof gives it. */
#ifndef EXOPROF_PROFILE_KIND_H
#define EXOPROF_PROFILE_KIND_H

#include "collect/samples.h"

struct profile_kind {
	const char *name;  /* "profile", as in /debug/pprof/profile */
	const char *label; /* a word or two for a person */
	const char *title; /* one line for a person */
	enum samples_source source;
	const char *shown_type;   /* the value that pictures show */
	const char *default_type; /* pprof's default_sample_type; NULL: unset */
};

extern const struct profile_kind profile_kind_cpu;
extern const struct profile_kind profile_kind_heap;
extern const struct profile_kind profile_kind_allocs;
extern const struct profile_kind profile_kind_block;
extern const struct profile_kind profile_kind_mutex;
extern const struct profile_kind profile_kind_wall;
extern const struct profile_kind profile_kind_goroutine;
extern const struct profile_kind profile_kind_threadcreate;

/* All of them, in the order of Go's index page; NULL ends the list. */
extern const struct profile_kind *const profile_kinds[];

/* By its name; NULL: none. */
const struct profile_kind *profile_kind__find(const char *name);

/* Whether it is of a span of time, and cannot be had without one. */
bool profile_kind__takes_time(const struct profile_kind *kind);

#endif
