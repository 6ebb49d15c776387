/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of this program's own file, which pass for its debug file: the build ID is the same. */
#ifndef EXOPROF_TEST_DEBUG_COPIES_H
#define EXOPROF_TEST_DEBUG_COPIES_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "target/elf_file.h"

struct bytes {
	unsigned char *data;
	size_t size;
};

static inline struct bytes read_own_file(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct bytes bytes;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		abort();
	bytes.size = st.st_size;
	bytes.data = malloc(bytes.size);
	if (!bytes.data || read(fd, bytes.data, bytes.size) != (ssize_t)bytes.size)
		abort();
	close(fd);
	return bytes;
}

/* The note that holds the build ID: sizes of the name and of the ID, 20, the type, 3, "GNU". */
static inline unsigned char *build_id_note(struct bytes bytes)
{
	static const unsigned char head[] = "\4\0\0\0\24\0\0\0\3\0\0\0GNU";
	unsigned char *note = memmem(bytes.data, bytes.size, head, sizeof(head));

	if (!note)
		abort();
	return note;
}

/* With the folders on the way to it. */
static inline void save(const char *path, struct bytes bytes)
{
	char folder[512];
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(folder, 0755);
		*slash = '/';
	}
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, bytes.data, bytes.size) != (ssize_t)bytes.size)
		abort();
	close(fd);
}

static inline uint32_t crc_of(struct bytes bytes)
{
	return crc32(crc32(0, NULL, 0), bytes.data, bytes.size);
}

#endif
