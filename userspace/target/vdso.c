// SPDX-License-Identifier: Apache-2.0
#include "target/vdso.h"

#include <errno.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/maps.h"

struct search {
	uint64_t start, end;
};

static int note_end(void *context, const struct map_line *line)
{
	struct search *search = context;

	if (line->start == search->start)
		search->end = line->end;
	return 0;
}

static size_t image_size(uint64_t start)
{
	struct search search = {.start = start, .end = start};
	FILE *in = fopen("/proc/self/maps", "re");

	if (!in)
		return 0;
	map_lines__parse(in, note_end, &search);
	fclose(in);
	return search.end - search.start;
}

struct elf_file *vdso__open(void)
{
	uint64_t start = getauxval(AT_SYSINFO_EHDR);
	size_t size = start ? image_size(start) : 0;
	int fd;

	if (!size)
		return NULL;
	fd = memfd_create("exoprof-vdso", MFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (write(fd, (void *)start, size) != (ssize_t)size) {
		close(fd);
		return NULL;
	}
	return elf_file__open(fd, "[vdso]");
}
