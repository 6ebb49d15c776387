// SPDX-License-Identifier: Apache-2.0
#include "symbol/companions.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct companions {
	const struct elf_file *file;
	struct debug_files *debug_files;
	const struct root *debug_root; /* NULL: no debug file was found */
};

struct companions *companions__new(const struct elf_file *file, struct debug_files *debug_files)
{
	struct companions *companions = calloc(1, sizeof(*companions));

	if (!companions)
		return NULL;
	companions->file = file;
	companions->debug_files = debug_files;
	return companions;
}

void companions__free(struct companions *companions)
{
	free(companions);
}

/* As the file's DWARF would write it: what is above the root is no part of it. */
static void find_directory(const struct root *root, int fd, struct dwarf_place *place)
{
	char link[64], path[PATH_MAX];
	const char *inside, *slash;
	ssize_t size;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = readlink(link, path, sizeof(path) - 1);
	if (size <= 0)
		return;
	path[size] = '\0';
	inside = root__inside(root, path);
	slash = strrchr(inside, '/');
	if (*inside == '/' && slash)
		snprintf(place->directory, sizeof(place->directory), "%.*s",
			 slash == inside ? 1 : (int)(slash - inside), inside);
}

/* Opened when it is needed: of hundreds of files each would hold a descriptor. */
static bool is_hosts(const struct root *root)
{
	struct root *host = root__own();
	bool is_same = host && root__is_same(root, host);

	root__put(host);
	return is_same;
}

static void fill_place(const struct root *root, int fd, struct dwarf_place *place)
{
	*place = (struct dwarf_place){};
	if (!root)
		return;
	place->is_hosts = is_hosts(root);
	find_directory(root, fd, place);
}

void companions__place(const struct companions *companions, struct dwarf_place *place)
{
	fill_place(elf_file__root(companions->file), elf_file__fd(companions->file), place);
}

int companions__find_debug(struct companions *companions, const char *debuglink, uint32_t crc,
			   struct dwarf_place *place)
{
	struct debug_place found = {};
	int fd = debug_files__find(companions->debug_files, companions->file, debuglink, crc,
				   &found);

	free(found.path);
	companions->debug_root = found.root;
	if (fd < 0)
		return -ENOENT;
	fill_place(found.root, fd, place);
	return fd;
}

/* Who asks may have been taken over by a file: it gets no other files to read than such. */
static bool is_elf(int fd)
{
	char magic[SELFMAG];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       !memcmp(magic, ELFMAG, sizeof(magic));
}

int companions__open_part(struct companions *companions, bool of_debug, bool on_host,
			  const char *path)
{
	struct root *host = on_host ? root__own() : NULL;
	const struct root *root = on_host    ? host
				  : of_debug ? companions->debug_root
					     : elf_file__root(companions->file);
	int fd = root ? root__open_file(root, path) : -ENOENT;

	root__put(host);
	if (fd < 0 || is_elf(fd))
		return fd;
	close(fd);
	return -EACCES;
}
