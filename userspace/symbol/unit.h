/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of one compilation unit: where its functions, lines and source files are. */
#ifndef EXOPROF_UNIT_H
#define EXOPROF_UNIT_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/address_map.h"
#include "symbol/line_rows.h"
#include "symbol/opener.h"
#include "symbol/strings.h"

struct unit {
	Dwarf_Off offset; /* of its first entry */
	bool is_indexed, has_split;
	uint32_t looked; /* when its other half was last looked for, as unit__dies() counts */
	struct address_map functions; /* offsets of their entries, from that of `body`'s section */
	struct line_rows lines;       /* files as indices into row_files */
	const char **row_files;
	size_t row_file_count;
	const char *
		*call_files; /* as call_file counts; row_files itself unless the unit is split */
	size_t call_file_count;
};

/* The entry of the unit itself (of a skeleton, if the unit is split), and of what describes its
 * functions: the same one, or that of the .dwo file. */
struct unit_dies {
	Dwarf_Die unit, body;
};

/* Finds the entries. The other half of a split unit is looked for where its paths begin as
 * exoprof's own do, once for each `begun`, which counts the times that this DWARF was begun anew;
 * elsewhere a skeleton is all there is. 0 or -EBADMSG. */
int unit__dies(struct unit *unit, Dwarf *dwarf, const struct dwarf_source *source, uint32_t begun,
	       struct unit_dies *dies);

/* Walks the unit once. 0 or -ENOMEM; what is malformed is left out. */
int unit__index(struct unit *unit, struct unit_dies *dies, struct strings *files);
void unit__release(struct unit *unit);

size_t unit__bytes(const struct unit *unit);

#endif
