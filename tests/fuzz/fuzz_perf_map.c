// SPDX-License-Identifier: Apache-2.0
/* Any bytes as /tmp/perf-PID.map, in two parts as a program would write them: no crash, what is
 * found is what the last entry that covers it says, and in parts or at once is all the same. */
#include <sys/mman.h>
#include <unistd.h>

#include "symbol/perf_map.h"
#include "replay.h"

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("perf_map", MFD_CLOEXEC);

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size, "there is a file");
	return fd;
}

/* By the first character of its name, the entry that holds at the address, in the simplest way. */
static char truth(const char *text, uint64_t address)
{
	char first = '\0';

	for (const char *line = text; (line = strchr(line, '\n')); line++) {
		unsigned long start, size;
		int at = 0;

		if (sscanf(line, "\n%8lx %4lx %n", &start, &size, &at) == 2 && at &&
		    address >= start && address - start < size)
			first = line[at];
	}
	return first;
}

/* Lines of the input's bytes: entries that overlap in many ways. */
static void check_overlaps(const uint8_t *data, size_t size)
{
	char text[32 * 64 + 2] = "\n";
	size_t length = 1;
	struct perf_map *map = perf_map__new();
	int fd;

	for (size_t i = 0; i + 1 < size && i < 128; i += 2)
		length += sprintf(text + length, "%x %x %c\n", data[i] % 32, data[i + 1] % 16 + 1,
				  (char)('A' + i / 2));
	fd = file_of((const uint8_t *)text, length);
	check(map && !perf_map__read(map, fd), "entries are read");
	for (uint64_t address = 0; address < 50; address++) {
		uint64_t start;
		const char *name = perf_map__find(map, address, &start);

		check((name ? *name : '\0') == truth(text, address), "the last entry holds");
	}
	close(fd);
	perf_map__free(map);
}

static void check_same(const struct perf_map *a, const struct perf_map *b, uint64_t address)
{
	uint64_t a_start, b_start;
	const char *name = perf_map__find(a, address, &a_start);
	const char *other = perf_map__find(b, address, &b_start);

	check(!name == !other, "both have it");
	check(!name || (!strcmp(name, other) && a_start == b_start && a_start <= address),
	      "both have the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perf_map *at_once = perf_map__new(), *in_parts = perf_map__new();
	int fd = file_of(data, size / 2);

	perf_map__read(in_parts, fd);
	check(write(fd, data + size / 2, size - size / 2) == (ssize_t)(size - size / 2),
	      "it grows");
	perf_map__read(in_parts, fd);
	perf_map__read(at_once, fd);
	for (size_t i = 0; i + 8 <= size && i < 512; i++)
		check_same(at_once, in_parts,
			   strtoull((const char[]){data[i], data[i + 1], '\0'}, NULL, 16));
	check(!ftruncate(fd, 0) && !perf_map__read(in_parts, fd), "it may become shorter");
	check(!perf_map__find(in_parts, 0, &(uint64_t){0}), "then all is forgotten");
	close(fd);
	perf_map__free(at_once);
	perf_map__free(in_parts);
	check_overlaps(data, size);
	return 0;
}
