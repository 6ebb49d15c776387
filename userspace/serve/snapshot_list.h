/* SPDX-License-Identifier: Apache-2.0 */
/* Which profiles are kept, as JSON. */
#ifndef EXOPROF_SNAPSHOT_LIST_H
#define EXOPROF_SNAPSHOT_LIST_H

#include "serve/snapshots.h"

/* One of them, and all. To be freed; NULL where memory is short. */
char *snapshot_list__entry(const struct snapshot *snapshot, size_t *size);
char *snapshot_list__all(const struct snapshots *snapshots, size_t *size);

#endif
