// SPDX-License-Identifier: Apache-2.0
#include "target/opening.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct opening {
	struct errand errand;
	pid_t pid;
	struct root *root; /* a reference */
	struct map_line line;
	struct elf_file *file; /* NULL: errno is in err */
	int err;
	char path[]; /* the line's */
};

/* A path may name another file by now, and another one in our mount namespace: map_files leads to
 * the very file that is mapped (it needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN). The path is what
 * is left without it, and then only if it leads to the same device and inode. An fd, or -errno. */
static int open_mapped(pid_t pid, const struct root *root, const struct map_line *line)
{
	char path[64];
	struct stat st;
	int found, fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, line->start,
		 line->end);
	found = open(path, O_PATH | O_CLOEXEC);
	if (found >= 0) {
		fd = root__open_found(found);
		close(found);
		return fd;
	}
	if (!line->path || !root)
		return -errno;
	fd = root__open_file(root, root__inside(root, line->path));
	if (fd >= 0 && (fstat(fd, &st) || st.st_ino != line->inode || st.st_dev != line->device)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

/* With its headers and its build ID, which are all over the file. */
static void run(struct errand *errand)
{
	struct opening *opening = (struct opening *)errand;
	int fd = open_mapped(opening->pid, opening->root, &opening->line);

	if (fd >= 0)
		opening->file = elf_file__open(fd, opening->path);
	if (!opening->file)
		opening->err = fd < 0 ? fd : -errno;
}

static void release(struct errand *errand)
{
	struct opening *opening = (struct opening *)errand;

	elf_file__put(opening->file);
	root__put(opening->root);
}

static struct opening *new_opening(pid_t pid, struct root *root, const struct map_line *line)
{
	const char *path = line->path ?: "";
	struct opening *opening = calloc(1, sizeof(*opening) + strlen(path) + 1);

	if (!opening)
		return NULL;
	opening->errand = (struct errand){.run = run, .release = release};
	opening->pid = pid;
	opening->root = root ? root__get(root) : NULL;
	opening->line = *line;
	strcpy(opening->path, path);
	opening->line.path = line->path ? opening->path : NULL;
	return opening;
}

struct elf_file *opening__file(struct patience *patience, pid_t pid, struct root *root,
			       const struct map_line *line)
{
	struct opening *opening = new_opening(pid, root, line);
	struct elf_file *file;
	int err;

	if (!opening)
		return NULL;
	err = patience__run(patience, &opening->errand, line->device);
	if (err) {
		errno = -err;
		return NULL;
	}
	file = opening->file;
	err = opening->err;
	opening->file = NULL;
	errand__discard(&opening->errand);
	errno = -err;
	return file;
}
