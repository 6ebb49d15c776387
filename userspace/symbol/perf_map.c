// SPDX-License-Identifier: Apache-2.0
#include "symbol/perf_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/search.h"

/* A large server has some 100,000 functions and 20 MB of this; a hostile file could be endless. */
#define FILE_MAX    (256LL << 20)
#define ENTRIES_MAX 4000000

/* A line that is longer gives a name that is cut short. */
#define LINE_MAX    4096
#define CHUNK_BYTES 65536

/* What a file must still have where reading ended: an address, a size and a name as a rule. */
#define TAIL_BYTES  256

#define NO_ENTRY    UINT32_MAX

struct entry {
	uint64_t start, end;
	size_t name; /* an offset into names */
};

struct perf_map {
	struct entry *entries; /* in the file's order */
	size_t count, capacity;
	char *names;
	size_t names_size, names_capacity;

	off_t offset;          /* in the file, of the first byte that is not in `line` or done */
	char tail[TAIL_BYTES]; /* the last bytes before it, as they were read */
	size_t tail_length;
	char line[LINE_MAX]; /* has begun, but not ended */
	size_t line_length;

	/* All starts and ends, sorted, and the entry that holds from each to the next. */
	uint64_t *bounds;
	uint32_t *holders;
	size_t bound_count;
};

struct perf_map *perf_map__new(void)
{
	return calloc(1, sizeof(struct perf_map));
}

static void forget(struct perf_map *map)
{
	free(map->entries);
	free(map->names);
	free(map->bounds);
	free(map->holders);
	memset(map, 0, sizeof(*map));
}

void perf_map__free(struct perf_map *map)
{
	if (!map)
		return;
	forget(map);
	free(map);
}

/* Makes room for `size` more bytes of names. */
static int reserve_names(struct perf_map *map, size_t size)
{
	size_t capacity = map->names_capacity ? map->names_capacity : CHUNK_BYTES;
	char *grown;

	while (capacity - map->names_size < size)
		capacity *= 2;
	if (capacity == map->names_capacity)
		return 0;
	grown = realloc(map->names, capacity);
	if (!grown)
		return -ENOMEM;
	map->names = grown;
	map->names_capacity = capacity;
	return 0;
}

/* Some write 0x before it. False where there is no number, or one of more than 64 bits. */
static bool take_hex(const char **text, uint64_t *value)
{
	size_t digits;

	if ((*text)[0] == '0' && (*text)[1] == 'x')
		*text += 2;
	digits = strspn(*text, "0123456789abcdefABCDEF");
	if (!digits || digits > 16 || (*text)[digits] != ' ')
		return false;
	*value = strtoull(*text, NULL, 16);
	*text += digits + 1;
	return true;
}

static int add_line(struct perf_map *map, const char *text)
{
	struct entry entry = {.name = map->names_size};
	uint64_t size;
	size_t length;
	int err;

	if (!take_hex(&text, &entry.start) || !take_hex(&text, &size) || !*text || !size ||
	    size > UINT64_MAX - entry.start)
		return 0;
	if (map->count == ENTRIES_MAX)
		return -E2BIG;
	entry.end = entry.start + size;
	length = strlen(text) + 1;
	err = reserve_names(map, length);
	if (!err)
		err = array_append(&map->entries, &map->count, &map->capacity, entry);
	if (err)
		return err;
	memcpy(map->names + map->names_size, text, length);
	map->names_size += length;
	return 0;
}

static int end_line(struct perf_map *map)
{
	map->line[map->line_length] = '\0';
	map->line_length = 0;
	return add_line(map, map->line);
}

static void keep_tail(struct perf_map *map, const char *bytes, size_t size)
{
	size_t added = size < TAIL_BYTES ? size : TAIL_BYTES;
	size_t kept = map->tail_length + added > TAIL_BYTES ? TAIL_BYTES - added : map->tail_length;

	memmove(map->tail, map->tail + map->tail_length - kept, kept);
	memcpy(map->tail + kept, bytes + size - added, added);
	map->tail_length = kept + added;
}

static int add_bytes(struct perf_map *map, const char *bytes, size_t size)
{
	int err = 0;

	for (const char *byte = bytes; byte < bytes + size && !err; byte++) {
		if (*byte == '\n')
			err = end_line(map);
		else if (map->line_length < LINE_MAX - 1)
			map->line[map->line_length++] = *byte;
	}
	map->offset += size;
	keep_tail(map, bytes, size);
	return err;
}

static int compare_bounds(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* The last bound at or before the address; -1 where there is none. */
static ssize_t find_bound(const struct perf_map *map, uint64_t address)
{
	return (ssize_t)search_lower_bound(i, map->bound_count, map->bounds[i] <= address) - 1;
}

static void sort_bounds(struct perf_map *map)
{
	size_t kept = 0;

	for (size_t i = 0; i < map->count; i++) {
		map->bounds[2 * i] = map->entries[i].start;
		map->bounds[2 * i + 1] = map->entries[i].end;
	}
	qsort(map->bounds, 2 * map->count, sizeof(*map->bounds), compare_bounds);
	for (size_t i = 0; i < 2 * map->count; i++) {
		if (!kept || map->bounds[kept - 1] != map->bounds[i])
			map->bounds[kept++] = map->bounds[i];
	}
	map->bound_count = kept;
}

/* The first slot from `slot` on that nobody holds yet; `next` leads there and is shortened. */
static uint32_t find_free(uint32_t *next, uint32_t slot)
{
	uint32_t free_slot = slot;

	while (next[free_slot] != free_slot)
		free_slot = next[free_slot];
	while (next[slot] != free_slot) {
		uint32_t following = next[slot];

		next[slot] = free_slot;
		slot = following;
	}
	return free_slot;
}

/* The last entry first: each slot between two bounds is the first one's to ask for it. `next` has a
 * slot more, behind the last, so that there always is a free one. */
static void share_out(struct perf_map *map, uint32_t *next)
{
	for (uint32_t slot = 0; slot <= map->bound_count; slot++)
		next[slot] = slot;
	for (size_t i = map->count; i-- > 0;) {
		const struct entry *entry = &map->entries[i];
		uint32_t slot = find_free(next, find_bound(map, entry->start));

		while (slot < map->bound_count && map->bounds[slot] < entry->end) {
			map->holders[slot] = i;
			next[slot] = slot + 1;
			slot = find_free(next, slot);
		}
	}
}

static int settle_overlaps(struct perf_map *map)
{
	uint32_t *next = calloc(2 * map->count + 1, sizeof(*next));

	free(map->bounds);
	free(map->holders);
	map->bound_count = 0;
	map->bounds = calloc(2 * map->count + 1, sizeof(*map->bounds));
	map->holders = malloc((2 * map->count + 1) * sizeof(*map->holders));
	if (!next || !map->bounds || !map->holders) {
		free(next);
		return -ENOMEM;
	}
	memset(map->holders, 0xff, (2 * map->count + 1) * sizeof(*map->holders));
	sort_bounds(map);
	share_out(map, next);
	free(next);
	return 0;
}

/* What is too much is left alone: what there is serves. */
static int read_lines(struct perf_map *map, int fd)
{
	char chunk[CHUNK_BYTES];
	ssize_t got = 0;
	int err = 0;

	while (!err && map->offset < FILE_MAX &&
	       (got = pread(fd, chunk, sizeof(chunk), map->offset)) > 0)
		err = add_bytes(map, chunk, got);
	if (err == -E2BIG)
		return 0;
	return err ? err : got < 0 ? -errno : 0;
}

/* Whether the file goes on behind what was read, and was not written anew over it. */
static bool goes_on(const struct perf_map *map, int fd)
{
	char tail[TAIL_BYTES];

	return pread(fd, tail, map->tail_length, map->offset - map->tail_length) ==
		       (ssize_t)map->tail_length &&
	       !memcmp(tail, map->tail, map->tail_length);
}

int perf_map__read(struct perf_map *map, int fd)
{
	size_t count = map->count;
	struct stat st;
	int err;

	if (!goes_on(map, fd)) {
		forget(map);
		count = 0;
	}
	if (fstat(fd, &st))
		return -errno;
	if (st.st_size == map->offset)
		return 0;
	err = read_lines(map, fd);
	return map->count > count && settle_overlaps(map) ? -ENOMEM : err;
}

const char *perf_map__find(const struct perf_map *map, uint64_t runtime_pc, uint64_t *start)
{
	ssize_t slot = find_bound(map, runtime_pc);
	const struct entry *entry;

	if (slot < 0 || map->holders[slot] == NO_ENTRY)
		return NULL;
	entry = &map->entries[map->holders[slot]];
	*start = entry->start;
	return map->names + entry->name;
}
