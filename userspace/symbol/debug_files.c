// SPDX-License-Identifier: Apache-2.0
#include "symbol/debug_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_DIR "/usr/lib/debug"

struct debug_files {
	const char *const *dirs;
};

struct debug_files *debug_files__new(const char *const *dirs)
{
	struct debug_files *files = calloc(1, sizeof(*files));

	if (files)
		files->dirs = dirs;
	return files;
}

void debug_files__free(struct debug_files *files)
{
	free(files);
}

/* DIR/.build-id/ab/cdef....debug, as distributions lay them out. */
static int find_in(const char *dir, const char *build_id, char **path)
{
	int fd;

	if (asprintf(path, "%s/.build-id/%.2s/%s.debug", dir, build_id, build_id + 2) < 0)
		return -1;
	fd = open(*path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		free(*path);
		*path = NULL;
	}
	return fd;
}

int debug_files__find(struct debug_files *files, const struct elf_file *file, const char *debuglink,
		      uint32_t crc, char **path)
{
	const char *build_id = elf_file__build_id(file);
	int fd = -1;

	(void)debuglink;
	(void)crc;
	if (strlen(build_id) < 3)
		return -1;
	for (const char *const *dir = files->dirs; dir && *dir && fd < 0; dir++)
		fd = find_in(*dir, build_id, path);
	return fd < 0 ? find_in(DEFAULT_DIR, build_id, path) : fd;
}
