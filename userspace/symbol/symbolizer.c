// SPDX-License-Identifier: Apache-2.0
#include "symbol/symbolizer.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/resident.h"
#include "symbol/answers.h"
#include "symbol/debug_files.h"
#include "symbol/demangle.h"
#include "symbol/elf_image.h"
#include "symbol/jit_names.h"
#include "symbol/kernel_names.h"
#include "symbol/module.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Files whose answers are kept, and those that are open. Each holds on to descriptors of which a
 * process may have 1,024: a program that maps new files for ever must not use them up. */
#define FILES_MAX             512
#define MODULES_MAX           64
/* What is not worth letting go of. */
#define HEAVY_BYTES           (256 << 10)
/* Whatever the ceiling is, so much may come together before something is let go of again. */
#define SLACK_BYTES           (4 << 20)
/* Reading /proc/self/statm takes some 5 us, as long as finding an answer. */
#define MISSES_BETWEEN_CHECKS 64

struct file {
	UT_hash_handle hh;
	struct elf_file *file;
	struct module *module;   /* NULL: not open */
	struct answers *answers; /* NULL: none yet */
	uint64_t used;           /* when; counts up */
};

struct symbolizer {
	struct file *files;
	uint64_t uses;
	struct debug_files *debug_files;
	size_t ceiling_bytes, limit_bytes; /* of the resident set: asked for, and in force */
	size_t misses;                     /* since the last check */
	uint64_t all_hits, all_misses;
	struct jit_names *jit_names;
	struct kernel_names *kernel_names;
	struct symbol_line line; /* of the last answer, if it is not kept */
	char *demangled;         /* its name, if it has another one */
};

/* An eighth below the ceiling, as much as one unit may take at once: the lines of libLLVM's largest
 * are 10 MB while libdw sorts them. */
static size_t usual_limit(const struct symbolizer *symbolizer)
{
	return symbolizer->ceiling_bytes - symbolizer->ceiling_bytes / 8;
}

struct symbolizer *symbolizer__new(const struct symbolizer_options *options)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (!symbolizer)
		return NULL;
	symbolizer->ceiling_bytes = options->memory_bytes ?: SYMBOLIZER_MEMORY_DEFAULT;
	symbolizer->limit_bytes = usual_limit(symbolizer);
	elf_image__survive_truncation();
	symbolizer->debug_files = debug_files__new(options->debug_dirs);
	symbolizer->jit_names = jit_names__new();
	symbolizer->kernel_names = kernel_names__new("/proc/kallsyms", "/proc/modules");
	if (symbolizer->debug_files && symbolizer->jit_names && symbolizer->kernel_names)
		return symbolizer;
	symbolizer__free(symbolizer);
	errno = ENOMEM;
	return NULL;
}

static void close_file(struct symbolizer *symbolizer, struct file *file)
{
	HASH_DEL(symbolizer->files, file);
	module__close(file->module);
	answers__free(file->answers);
	elf_file__put(file->file);
	free(file);
}

void symbolizer__free(struct symbolizer *symbolizer)
{
	struct file *file, *next;

	if (!symbolizer)
		return;
	HASH_ITER(hh, symbolizer->files, file, next)
	close_file(symbolizer, file);
	debug_files__free(symbolizer->debug_files);
	jit_names__free(symbolizer->jit_names);
	kernel_names__free(symbolizer->kernel_names);
	free(symbolizer->demangled);
	free(symbolizer);
}

/* The one that was not used for longest, of those that are open or of all. */
static struct file *oldest(const struct symbolizer *symbolizer, bool only_open)
{
	struct file *found = NULL;

	for (struct file *file = symbolizer->files; file; file = file->hh.next) {
		if ((file->module || !only_open) && (!found || file->used < found->used))
			found = file;
	}
	return found;
}

static struct file *add_file(struct symbolizer *symbolizer, struct elf_file *elf_file)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	if (HASH_COUNT(symbolizer->files) >= FILES_MAX)
		close_file(symbolizer, oldest(symbolizer, false));
	file->file = elf_file;
	HASH_ADD_PTR(symbolizer->files, file, file);
	if (!file->hh.tbl) {
		free(file);
		return NULL;
	}
	elf_file__get(elf_file);
	return file;
}

static struct file *file_of(struct symbolizer *symbolizer, struct elf_file *elf_file)
{
	struct file *file;

	HASH_FIND_PTR(symbolizer->files, &elf_file, file);
	if (!file)
		file = add_file(symbolizer, elf_file);
	if (file)
		file->used = ++symbolizer->uses;
	return file;
}

/* What can be let go of: a file's module, or its answers. */
struct burden {
	struct file *file;
	bool is_module;
	size_t bytes;
};

static struct burden heaviest(const struct symbolizer *symbolizer, const struct file *spared)
{
	struct burden found = {};

	for (struct file *file = symbolizer->files; file; file = file->hh.next) {
		size_t module = file->module && file != spared ? module__bytes(file->module) : 0;
		size_t answers = file->answers ? answers__bytes(file->answers) : 0;

		if (module > found.bytes)
			found = (struct burden){file, true, module};
		if (answers > found.bytes)
			found = (struct burden){file, false, answers};
	}
	return found;
}

static void drop(const struct burden *burden)
{
	if (burden->is_module) {
		module__close(burden->file->module);
		burden->file->module = NULL;
	} else {
		answers__free(burden->file->answers);
		burden->file->answers = NULL;
	}
}

/* First what is cheap to have again, then the heaviest there is, until it is enough to go on for a
 * while. The module of `spared` (may be NULL) stays. If there is nothing more to let go of, what is
 * left is not ours, or is needed: the limit is above it until that changes. */
static void make_room(struct symbolizer *symbolizer, const struct file *spared)
{
	size_t slack = symbolizer->ceiling_bytes / 8 + SLACK_BYTES;
	size_t resident;

	for (struct file *file = symbolizer->files; file; file = file->hh.next) {
		if (file->module)
			module__forget(file->module);
	}
	malloc_trim(0);
	while ((resident = resident__bytes()) + slack / 4 > symbolizer->limit_bytes) {
		struct burden burden = heaviest(symbolizer, spared);

		if (burden.bytes < HEAVY_BYTES) {
			symbolizer->limit_bytes = resident + slack;
			return;
		}
		drop(&burden);
		malloc_trim(0);
	}
	if (resident + slack <= usual_limit(symbolizer))
		symbolizer->limit_bytes = usual_limit(symbolizer);
}

/* Before an answer is looked up, so that none is dropped that the caller has. */
static void check_memory(struct symbolizer *symbolizer)
{
	if (resident__bytes() > symbolizer->limit_bytes)
		make_room(symbolizer, NULL);
	symbolizer->misses = 0;
}

static struct module *module_of(struct symbolizer *symbolizer, struct file *file)
{
	size_t open = 0;

	if (file->module)
		return file->module;
	for (struct file *other = symbolizer->files; other; other = other->hh.next)
		open += other->module != NULL;
	if (open >= MODULES_MAX) {
		struct file *other = oldest(symbolizer, true);

		module__close(other->module);
		other->module = NULL;
	}
	file->module = module__open(file->file, symbolizer->debug_files);
	/* Compressed DWARF may not fit: then it is the others that go, not this one over and over.
	 */
	if (resident__bytes() > symbolizer->limit_bytes)
		make_room(symbolizer, file);
	return file->module;
}

static const struct symbol_answer *read_answer(struct symbolizer *symbolizer, struct file *file,
					       uint64_t vaddr)
{
	struct module *module;
	const struct found *found;
	size_t decoded;

	if (++symbolizer->misses > MISSES_BETWEEN_CHECKS)
		check_memory(symbolizer);
	module = module_of(symbolizer, file);
	if (!module)
		return NULL;
	if (!file->answers)
		file->answers = answers__new();
	if (!file->answers)
		return NULL;
	decoded = module__decoded(module);
	found = module__find(module, vaddr);
	if (module__decoded(module) != decoded)
		symbolizer->misses = MISSES_BETWEEN_CHECKS;
	return answers__add(file->answers, vaddr, found);
}

/* Of the names, too, that lie in the mapped file until answers__add() has copied them. */
static const struct symbol_answer *look_up(struct symbolizer *symbolizer, struct file *file,
					   uint64_t vaddr)
{
	const struct symbol_answer *answer;

	elf_image__begin_reads();
	answer = read_answer(symbolizer, file, vaddr);
	elf_image__end_reads();
	return answer;
}

static const struct symbol_answer *answer_of(struct symbolizer *symbolizer,
					     struct elf_file *elf_file, uint64_t vaddr)
{
	struct file *file = file_of(symbolizer, elf_file);
	const struct symbol_answer *answer;

	if (!file)
		return NULL;
	answer = file->answers ? answers__find(file->answers, vaddr) : NULL;
	*(answer ? &symbolizer->all_hits : &symbolizer->all_misses) += 1;
	return answer ?: look_up(symbolizer, file, vaddr);
}

void symbolizer__look_again(struct symbolizer *symbolizer)
{
	struct file *file, *next;

	HASH_ITER(hh, symbolizer->files, file, next)
	{
		if (debug_files__has_arrived(symbolizer->debug_files, file->file))
			close_file(symbolizer, file);
	}
}

/* One that is not kept; a NULL name is none. */
static void answer_name(struct symbolizer *symbolizer, const char *name,
			struct symbol_answer *answer)
{
	free(symbolizer->demangled);
	symbolizer->demangled = name ? demangle__name(name) : NULL;
	symbolizer->line = (struct symbol_line){
		.name = symbolizer->demangled ? symbolizer->demangled : name,
		.system_name = name,
	};
	answer->lines = &symbolizer->line;
	answer->count = name ? 1 : 0;
}

void symbolizer__user(struct symbolizer *symbolizer, const struct mapping *mapping,
		      uint64_t runtime_pc, struct symbol_answer *answer)
{
	uint64_t vaddr = runtime_pc - mapping->start + mapping->file_offset;
	const struct symbol_answer *found = NULL;

	if (mapping->file && elf_file__vaddr(mapping->file, vaddr, &vaddr))
		found = answer_of(symbolizer, mapping->file, vaddr);
	*answer = found ? *found : (struct symbol_answer){.function_vaddr = vaddr};
	answer->offset = vaddr - answer->function_vaddr;
	/* The kernel's page for system calls of old, which is no file. */
	if (!strcmp(mapping->name, "[vsyscall]"))
		answer_name(symbolizer, mapping->name, answer);
}

void symbolizer__jit(struct symbolizer *symbolizer, struct jit_file *jit, uint64_t runtime_pc,
		     struct symbol_answer *answer)
{
	uint64_t start = runtime_pc;
	const char *name = jit_names__find(symbolizer->jit_names, jit, runtime_pc, &start);

	*answer = (struct symbol_answer){.function_vaddr = start, .offset = runtime_pc - start};
	answer_name(symbolizer, name, answer);
}

void symbolizer__kernel(struct symbolizer *symbolizer, uint64_t address,
			struct symbol_answer *answer)
{
	*answer = (struct symbol_answer){.function_vaddr = address};
	answer_name(symbolizer, kernel_names__find(symbolizer->kernel_names, address), answer);
}

void symbolizer__figures(const struct symbolizer *symbolizer, struct symbolizer_figures *figures)
{
	*figures = (struct symbolizer_figures){
		.hits = symbolizer->all_hits,
		.misses = symbolizer->all_misses,
	};
	for (const struct file *file = symbolizer->files; file; file = file->hh.next) {
		figures->open_files += file->module != NULL;
		if (file->module)
			figures->bytes += module__bytes(file->module);
		if (!file->answers)
			continue;
		figures->answers += answers__count(file->answers);
		figures->bytes += answers__bytes(file->answers);
	}
}

void symbolizer__fetches(const struct symbolizer *symbolizer, struct debuginfod_figures *figures)
{
	debug_files__fetches(symbolizer->debug_files, figures);
}
