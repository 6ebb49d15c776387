// SPDX-License-Identifier: Apache-2.0
#include "target/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "target/maps.h"

/* The stacks of more threads than that are counted. */
#define THREADS_MAX 4096

struct tally {
	const uint64_t *stack_pointers;
	size_t stack_count;
	bool in_mapping; /* a line with a mapping's addresses was seen */
	bool counts;     /* it can be heap */
	uint64_t bytes;
};

static bool is_stack(const struct tally *tally, const struct map_line *line)
{
	/* A larger one is no mere stack: a stack that borders on other anonymous memory may be one
	 * mapping with it (before Linux 6.7), and a coroutine's stack is in the heap. */
	if (line->end - line->start > MEMORY_STACK_MAX)
		return false;
	for (size_t i = 0; i < tally->stack_count; i++) {
		if (tally->stack_pointers[i] >= line->start && tally->stack_pointers[i] < line->end)
			return true;
	}
	return false;
}

static bool begins_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static bool can_be_heap(const struct tally *tally, const struct map_line *line)
{
	if (line->inode || !line->writable)
		return false;
	if (line->path && !strcmp(line->path, "[heap]"))
		return true;
	if (line->path && !begins_with(line->path, "[anon:"))
		return false;
	return !is_stack(tally, line);
}

/* "       132 kB" */
static int add_kilobytes(const char *text, uint64_t *bytes)
{
	unsigned long long kilobytes;
	uint64_t added;
	char *end;

	text += strspn(text, " ");
	if (!isdigit((unsigned char)*text))
		return -EBADMSG;
	/* What is too large comes as ULLONG_MAX, which overflows below. */
	kilobytes = strtoull(text, &end, 10);
	if (strcmp(end, " kB\n") && strcmp(end, " kB"))
		return -EBADMSG;
	if (__builtin_mul_overflow(kilobytes, 1024, &added) ||
	    __builtin_add_overflow(*bytes, added, bytes))
		return -EBADMSG;
	return 0;
}

/* A line with a mapping's addresses, or one below it with a fact about it: "Anonymous:  132 kB".
 * Addresses have no capital letters, and facts begin with one. */
static int read_line(struct tally *tally, char *text)
{
	struct map_line line;
	const char *colon;

	if (!isupper((unsigned char)*text)) {
		if (map_line__parse(text, &line))
			return -EBADMSG;
		tally->in_mapping = true;
		tally->counts = can_be_heap(tally, &line);
		return 0;
	}
	colon = strchr(text, ':');
	if (!colon || !tally->in_mapping)
		return -EBADMSG;
	if (tally->counts && (begins_with(text, "Anonymous:") || begins_with(text, "Swap:")))
		return add_kilobytes(colon + 1, &tally->bytes);
	return 0;
}

int memory__parse(FILE *smaps, const uint64_t *stack_pointers, size_t count, uint64_t *bytes)
{
	struct tally tally = {.stack_pointers = stack_pointers, .stack_count = count};
	size_t capacity = 0;
	char *text = NULL;
	int err = 0;

	while (!err && getline(&text, &capacity, smaps) > 0)
		err = read_line(&tally, text);
	if (!err && ferror(smaps))
		err = -errno;
	free(text);
	if (!err && !tally.in_mapping)
		err = -ESRCH;
	if (!err)
		*bytes = tally.bytes;
	return err;
}

/* "0 0x3 0x7ffe... 0x... 0x0 0x0 0x0 0x7ffe1234 0x7f...": number, arguments, stack pointer and
 * program counter; "-1 0x7ffe1234 0x7f..." for a thread that waits for something else. */
bool memory__stack_pointer(const char *text, uint64_t *stack_pointer)
{
	const char *last = strrchr(text, ' '), *field = last;

	if (!last)
		return false;
	while (field > text && field[-1] != ' ')
		field--;
	return field > text && sscanf(field, "0x%" SCNx64, stack_pointer) == 1;
}

static bool read_stack_pointer(int tasks_fd, const char *thread, uint64_t *stack_pointer)
{
	char path[300], text[512];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "%s/syscall", thread);
	fd = openat(tasks_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size < 0)
		return false;
	text[size] = '\0';
	return memory__stack_pointer(text, stack_pointer);
}

struct stacks {
	uint64_t *pointers;
	size_t count, capacity;
};

/* Of as many threads as will say. */
static int read_stacks(pid_t pid, struct stacks *stacks)
{
	const struct dirent *entry;
	size_t threads = 0;
	uint64_t pointer;
	char path[64];
	int err = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!err && threads < THREADS_MAX && (entry = readdir(tasks))) {
		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		threads++;
		if (read_stack_pointer(dirfd(tasks), entry->d_name, &pointer))
			err = array_append(&stacks->pointers, &stacks->count, &stacks->capacity,
					   pointer);
	}
	closedir(tasks);
	return err;
}

/* Bytes from two lines of /proc/PID/status, which cost nothing: all anonymous memory, stacks and
 * written pages of files included. 0 where they cannot be had. */
static uint64_t all_anonymous(pid_t pid)
{
	long resident_kib = process__status_number(pid, "\nRssAnon:");
	long swapped_kib = process__status_number(pid, "\nVmSwap:");
	uint64_t sum_kib = 0;

	if (resident_kib > 0)
		sum_kib += resident_kib;
	if (swapped_kib > 0)
		sum_kib += swapped_kib;
	return sum_kib << 10;
}

int memory__anonymous(pid_t pid, uint64_t *bytes)
{
	struct stacks stacks = {};
	char path[64];
	FILE *smaps;
	int err;

	*bytes = all_anonymous(pid);
	if (*bytes >= MEMORY_LARGE)
		return 0;
	err = read_stacks(pid, &stacks);
	if (err)
		goto out;
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	smaps = fopen(path, "re");
	if (!smaps) {
		err = errno == ENOENT ? -ESRCH : -errno;
		goto out;
	}
	err = memory__parse(smaps, stacks.pointers, stacks.count, bytes);
	fclose(smaps);
out:
	free(stacks.pointers);
	return err;
}
