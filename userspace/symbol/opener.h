/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads a target's file may open nothing itself: what the file leads to is opened for it. */
#ifndef EXOPROF_OPENER_H
#define EXOPROF_OPENER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Where the paths in a file's DWARF begin. */
struct dwarf_place {
	bool is_hosts;            /* as exoprof's own do */
	char directory[PATH_MAX]; /* of the file; empty: unknown */
};

struct opener {
	/* The separate debug file: by build ID, else by the name and CRC of .gnu_debuglink (a NULL
	 * name: it has none). An fd with its place, or -errno. */
	int (*find_debug)(void *context, const char *debuglink, uint32_t crc,
			  struct dwarf_place *place);
	/* An ELF file of that path, below the host's root or where the paths in the DWARF begin: of
	 * the debug file's, or of the file's own. An fd or -errno. */
	int (*open_part)(void *context, bool of_debug, bool on_host, const char *path);
	void *context;
	struct dwarf_place place; /* of the file itself */
};

/* Where one file's DWARF comes from. */
struct dwarf_source {
	const struct opener *opener; /* NULL: no other file is to be looked for */
	bool of_debug;               /* the DWARF is the debug file's */
	struct dwarf_place place;
};

#endif
