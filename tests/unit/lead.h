/* SPDX-License-Identifier: Apache-2.0 */
/* What a file leads to, opened as exoprof opens it for who reads the file. */
#ifndef EXOPROF_TESTS_LEAD_H
#define EXOPROF_TESTS_LEAD_H

#include "symbol/companions.h"

struct lead {
	struct elf_file *file;
	struct companions *companions;
	struct opener opener;
};

static int lead__find_debug(void *context, const char *debuglink, uint32_t crc,
			    struct dwarf_place *place)
{
	return companions__find_debug(context, debuglink, crc, place);
}

static int lead__open_part(void *context, bool of_debug, bool on_host, const char *path)
{
	return companions__open_part(context, of_debug, on_host, path);
}

/* Takes the fd over. `root` may be NULL. */
static void lead__init(struct lead *lead, int fd, const char *name, struct root *root,
		       struct debug_files *debug_files)
{
	lead->file = elf_file__open(fd, name);
	assert_non_null(lead->file);
	elf_file__set_root(lead->file, root);
	lead->companions = companions__new(lead->file, debug_files);
	assert_non_null(lead->companions);
	lead->opener = (struct opener){lead__find_debug, lead__open_part, lead->companions, {}};
	companions__place(lead->companions, &lead->opener.place);
}

static void lead__release(struct lead *lead)
{
	companions__free(lead->companions);
	elf_file__put(lead->file);
}

#endif
