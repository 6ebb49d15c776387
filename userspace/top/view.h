/* SPDX-License-Identifier: Apache-2.0 */
/* What can be looked at, each by its key. */
#ifndef EXOPROF_TOP_VIEW_H
#define EXOPROF_TOP_VIEW_H

#include "profile/kind.h"
#include "top/table.h"

struct top_view {
	int key;
	const char *name;  /* "heap" */
	const char *title; /* "heap in use" */
	const struct profile_kind *kind;
	enum top_scope scope; /* that it begins with */
};

/* One without a name ends the list. */
extern const struct top_view top_views[];

#define TOP_VIEWS_MAX 8

/* Its place in the list; -1: there is none of that kind, or by that key. */
int top_view__of_kind(const struct profile_kind *kind);
int top_view__by_key(int key);

#endif
