// SPDX-License-Identifier: Apache-2.0
#include "symbol/answers.h"

#include <errno.h>
#include <stdlib.h>

#include "symbol/strings.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Of uthash, which has no more of them than entries, but for the first 32. */
#define BUCKET_SIZE sizeof(UT_hash_bucket)

struct entry {
	UT_hash_handle hh;
	uint64_t vaddr;
	struct symbol_answer answer;
	struct symbol_line lines[];
};

/* A function's two names: as they were when it was first found. */
struct function {
	UT_hash_handle hh;
	const char *system_name, *name;
};

struct answers {
	struct entry *entries;
	struct function *functions;
	struct strings *strings;
	size_t bytes;
};

struct answers *answers__new(void)
{
	struct answers *answers = calloc(1, sizeof(*answers));

	if (!answers)
		return NULL;
	answers->strings = strings__new();
	if (answers->strings)
		return answers;
	free(answers);
	errno = ENOMEM;
	return NULL;
}

void answers__free(struct answers *answers)
{
	struct function *function, *next_function;
	struct entry *entry, *next_entry;

	if (!answers)
		return;
	HASH_ITER(hh, answers->entries, entry, next_entry)
	{
		HASH_DEL(answers->entries, entry);
		free(entry);
	}
	HASH_ITER(hh, answers->functions, function, next_function)
	{
		HASH_DEL(answers->functions, function);
		free(function);
	}
	strings__free(answers->strings);
	free(answers);
}

static struct entry *find(const struct answers *answers, uint64_t vaddr)
{
	struct entry *entry;

	HASH_FIND(hh, answers->entries, &vaddr, sizeof(vaddr), entry);
	return entry;
}

const struct symbol_answer *answers__find(const struct answers *answers, uint64_t vaddr)
{
	const struct entry *entry = find(answers, vaddr);

	return entry ? &entry->answer : NULL;
}

static const struct function *keep_function(struct answers *answers, const struct found_line *line)
{
	const char *kept = strings__keep(answers->strings, line->system_name);
	struct function *function;

	if (!kept)
		return NULL;
	HASH_FIND_PTR(answers->functions, &kept, function);
	if (function)
		return function;
	function = calloc(1, sizeof(*function));
	if (!function)
		return NULL;
	function->system_name = kept;
	function->name = line->name ? strings__keep(answers->strings, line->name) : kept;
	if (function->name)
		HASH_ADD_PTR(answers->functions, system_name, function);
	if (!function->hh.tbl) {
		free(function);
		return NULL;
	}
	answers->bytes += sizeof(*function) + BUCKET_SIZE;
	return function;
}

static int keep_line(struct answers *answers, const struct found_line *found,
		     struct symbol_line *line)
{
	const struct function *function = keep_function(answers, found);

	if (!function)
		return -ENOMEM;
	line->name = function->name;
	line->system_name = function->system_name;
	line->line = found->line;
	line->start_line = found->start_line;
	if (!found->file)
		return 0;
	line->file = strings__keep(answers->strings, found->file);
	return line->file ? 0 : -ENOMEM;
}

static struct entry *new_entry(struct answers *answers, uint64_t vaddr, const struct found *found)
{
	size_t size = sizeof(struct entry) + found->count * sizeof(struct symbol_line);
	struct entry *entry = calloc(1, size);

	if (!entry)
		return NULL;
	entry->vaddr = vaddr;
	entry->answer = (struct symbol_answer){
		.lines = entry->lines,
		.count = found->count,
		.tells_inlined = found->tells_inlined,
		.function_vaddr = found->function_vaddr,
	};
	for (size_t i = 0; i < found->count; i++) {
		if (keep_line(answers, &found->lines[i], &entry->lines[i])) {
			free(entry);
			return NULL;
		}
	}
	answers->bytes += size + BUCKET_SIZE;
	return entry;
}

const struct symbol_answer *answers__add(struct answers *answers, uint64_t vaddr,
					 const struct found *found)
{
	struct entry *entry = new_entry(answers, vaddr, found);

	if (!entry)
		return NULL;
	HASH_ADD(hh, answers->entries, vaddr, sizeof(entry->vaddr), entry);
	if (entry->hh.tbl)
		return &entry->answer;
	free(entry);
	return NULL;
}

size_t answers__count(const struct answers *answers)
{
	return HASH_COUNT(answers->entries);
}

size_t answers__bytes(const struct answers *answers)
{
	return answers->bytes + strings__bytes(answers->strings);
}
