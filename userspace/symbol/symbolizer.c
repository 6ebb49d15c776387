// SPDX-License-Identifier: Apache-2.0
#include "symbol/symbolizer.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/resident.h"
#include "base/say.h"
#include "base/spare_memory.h"
#include "symbol/answers.h"
#include "symbol/debug_files.h"
#include "symbol/demangle.h"
#include "symbol/kernel_names.h"
#include "symbol/worker_link.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Files whose answers are kept. Each holds on to a descriptor here and one there, of which a
 * process may have 1,024: a program that maps new files for ever must not use them up. */
#define FILES_MAX             512
/* What is not worth letting go of. */
#define HEAVY_BYTES           (256 << 10)
/* Whatever the ceiling is, so much may come together before something is let go of again. */
#define SLACK_BYTES           (4 << 20)
/* What the process that reads files may have in any case. */
#define READING_BYTES         (16 << 20)
/* Reading /proc/self/statm takes some 5 us. */
#define MISSES_BETWEEN_CHECKS 64
/* After so many that a file has ended it is asked for no more. */
#define DEATHS_MAX            2

/* An ELF file, or the list of a JIT compiler's functions. */
struct file {
	UT_hash_handle hh;
	const void *key; /* which one of these it is; they are kept open, so that it stays theirs */
	struct elf_file *elf;
	struct jit_file *jit;
	struct linked_file linked;
	struct answers *answers; /* NULL: none yet */
	struct answers *lost;    /* the same, of what could not be asked: without names */
	uint64_t *expected;
	size_t expected_count, expected_capacity;
	unsigned int deaths;
	uint64_t used; /* when; counts up */
};

struct symbolizer {
	struct file *files;
	uint64_t uses, numbers;
	struct debug_files *debug_files;
	struct worker_link *worker;
	size_t ceiling_bytes, limit_bytes; /* of the resident set: asked for, and in force */
	size_t reading_bytes;              /* of it, what is left for who reads files */
	size_t misses;                     /* since the last check */
	uint64_t all_hits, all_misses;
	uint64_t unasked; /* looked up, and not asked for yet */
	bool is_silent;   /* that no file can be read was said */
	struct kernel_names *kernel_names;
	struct symbol_line line; /* of the last answer, if it is not kept */
};

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
	symbolizer->misses = MISSES_BETWEEN_CHECKS;
	symbolizer->worker = worker_link__new(options->workers, options->answer_ms);
	symbolizer->debug_files = debug_files__new(options->debug_dirs);
	symbolizer->kernel_names = kernel_names__new("/proc/kallsyms", "/proc/modules");
	if (symbolizer->worker && symbolizer->debug_files && symbolizer->kernel_names)
		return symbolizer;
	symbolizer__free(symbolizer);
	errno = ENOMEM;
	return NULL;
}

static void release_parts(const struct file *file)
{
	answers__free(file->answers);
	answers__free(file->lost);
	companions__free(file->linked.companions);
	elf_file__put(file->elf);
	jit_file__put(file->jit);
	free(file->expected);
}

static void release_file(struct file *file)
{
	release_parts(file);
	free(file);
}

static void close_file(struct symbolizer *symbolizer, struct file *file)
{
	HASH_DEL(symbolizer->files, file);
	worker_link__forget(symbolizer->worker, &file->linked);
	release_file(file);
}

void symbolizer__free(struct symbolizer *symbolizer)
{
	struct file *file, *next;

	if (!symbolizer)
		return;
	/* First: it need not be told of each. */
	worker_link__free(symbolizer->worker);
	HASH_ITER(hh, symbolizer->files, file, next)
	{
		HASH_DEL(symbolizer->files, file);
		release_file(file);
	}
	debug_files__free(symbolizer->debug_files);
	kernel_names__free(symbolizer->kernel_names);
	free(symbolizer);
}

/* The one that was not used for longest. */
static struct file *oldest(const struct symbolizer *symbolizer)
{
	struct file *found = symbolizer->files;

	for (struct file *file = found; file; file = file->hh.next) {
		if (file->used < found->used)
			found = file;
	}
	return found;
}

static struct file *find_file(const struct symbolizer *symbolizer, const void *key)
{
	struct file *file;

	HASH_FIND_PTR(symbolizer->files, &key, file);
	return file;
}

/* Takes over what is made; NULL where memory is short. */
static struct file *add_file(struct symbolizer *symbolizer, const struct file *made)
{
	struct file *file = malloc(sizeof(*file));

	if (HASH_COUNT(symbolizer->files) >= FILES_MAX)
		close_file(symbolizer, oldest(symbolizer));
	if (!file) {
		release_parts(made);
		return NULL;
	}
	*file = *made;
	file->linked.number = ++symbolizer->numbers;
	HASH_ADD_PTR(symbolizer->files, key, file);
	if (file->hh.tbl)
		return file;
	release_file(file);
	return NULL;
}

static struct file *file_of(struct symbolizer *symbolizer, struct elf_file *elf)
{
	struct file *file = find_file(symbolizer, elf);
	struct companions *companions;

	if (!file) {
		companions = companions__new(elf, symbolizer->debug_files);
		if (!companions)
			return NULL;
		file = add_file(symbolizer, &(struct file){
						    .key = elf,
						    .elf = elf_file__get(elf),
						    .linked = {.fd = elf_file__fd(elf),
							       .companions = companions},
                });
	}
	if (file)
		file->used = ++symbolizer->uses;
	return file;
}

static struct file *list_of(struct symbolizer *symbolizer, struct jit_file *jit)
{
	struct file *file = find_file(symbolizer, jit);

	if (!file)
		file = add_file(symbolizer, &(struct file){
						    .key = jit,
						    .jit = jit_file__get(jit),
						    .linked = {.fd = jit_file__fd(jit)},
					    });
	if (file)
		file->used = ++symbolizer->uses;
	return file;
}

static size_t answers_bytes(const struct file *file)
{
	return file->answers ? answers__bytes(file->answers) : 0;
}

static struct file *heaviest(const struct symbolizer *symbolizer)
{
	struct file *found = symbolizer->files;

	for (struct file *file = found; file; file = file->hh.next) {
		if (answers_bytes(file) > answers_bytes(found))
			found = file;
	}
	return found;
}

/* Lets go of the heaviest answers there are, until it is enough to go on for a while. If there are
 * no more, what is left is not ours: the limit is above it until that changes. */
static void make_room(struct symbolizer *symbolizer)
{
	size_t slack = symbolizer->ceiling_bytes / 8 + SLACK_BYTES;
	size_t resident;

	spare_memory__give_back();
	while ((resident = resident__bytes()) + slack / 4 > symbolizer->limit_bytes) {
		struct file *file = heaviest(symbolizer);

		if (!file || answers_bytes(file) < HEAVY_BYTES) {
			symbolizer->limit_bytes = resident + slack;
			return;
		}
		answers__free(file->answers);
		file->answers = NULL;
		spare_memory__give_back();
	}
	if (resident + slack <= usual_limit(symbolizer))
		symbolizer->limit_bytes = usual_limit(symbolizer);
}

/* Before an answer is looked up, so that none is dropped that the caller has. */
static void check_memory(struct symbolizer *symbolizer)
{
	size_t resident = resident__bytes(), least = symbolizer->ceiling_bytes / 8 + READING_BYTES;

	if (resident > symbolizer->limit_bytes) {
		make_room(symbolizer);
		resident = resident__bytes();
	}
	symbolizer->reading_bytes = least;
	if (resident < symbolizer->ceiling_bytes && symbolizer->ceiling_bytes - resident > least)
		symbolizer->reading_bytes = symbolizer->ceiling_bytes - resident;
	symbolizer->misses = 0;
}

/* Without a name, until another profile asks. */
static void lose(struct file *file, const uint64_t *addresses, size_t count)
{
	struct found nothing = {};

	if (!file->lost)
		file->lost = answers__new();
	for (size_t i = 0; file->lost && i < count; i++) {
		nothing.function_vaddr = addresses[i];
		if (!answers__find(file->lost, addresses[i]))
			answers__add(file->lost, addresses[i], &nothing);
	}
}

static void keep_answer(void *context, uint64_t address, const struct found *found)
{
	struct file *file = context;

	if (!file->answers)
		file->answers = answers__new();
	if (!found)
		lose(file, &address, 1);
	else if (file->answers)
		answers__add(file->answers, address, found);
}

/* A path that the target chose, in a terminal. */
static void say_death(const struct file *file, uint64_t address, enum worker_end end)
{
	const char *name =
		file->elf ? elf_file__name(file->elf) : "a list of JIT-compiled functions";
	char text[256];

	snprintf(text, sizeof(text), "%s", name);
	for (char *c = text; *c; c++) {
		if (!isprint((unsigned char)*c))
			*c = '?';
	}
	say("reading %s for names, the process that does so %s at %#" PRIx64 "; %s", text,
	    end == WORKER_DIED   ? "died"
	    : end == WORKER_HUNG ? "gave no answer"
				 : "gave an answer that is none",
	    address,
	    file->deaths < DEATHS_MAX ? "it is started anew"
				      : "its addresses get no names any more");
}

/* The address that the process which reads files ended over. */
static void bury(struct symbolizer *symbolizer, struct file *file, uint64_t address)
{
	struct worker_figures figures;

	worker_link__figures(symbolizer->worker, &figures);
	file->deaths++;
	lose(file, &address, 1);
	say_death(file, address, figures.ends.last);
}

static void say_unavailable(struct symbolizer *symbolizer)
{
	if (symbolizer->is_silent)
		return;
	symbolizer->is_silent = true;
	say("there is no process that could read files for names, or it took too long: addresses "
	    "stay addresses");
}

/* Each once, none of which is known. */
static void ask(struct symbolizer *symbolizer, struct file *file, const uint64_t *addresses,
		size_t count)
{
	int err = 0;

	while (count && !err && file->deaths < DEATHS_MAX) {
		struct worker_question question = {
			.file = &file->linked,
			.addresses = addresses,
			.count = count < WORKER_LINK_ADDRESSES_MAX ? count
								   : WORKER_LINK_ADDRESSES_MAX,
			.memory_bytes = symbolizer->reading_bytes,
			.answer = keep_answer,
			.context = file,
		};
		size_t answered;

		err = worker_link__ask(symbolizer->worker, &question, &answered);
		addresses += answered;
		count -= answered;
		if (err != -EIO)
			continue;
		bury(symbolizer, file, *addresses++);
		count--;
		err = 0;
	}
	lose(file, addresses, count);
	if (err)
		say_unavailable(symbolizer);
}

static const struct symbol_answer *known_answer(const struct file *file, uint64_t address)
{
	const struct symbol_answer *answer =
		file->answers ? answers__find(file->answers, address) : NULL;

	return answer || !file->lost ? answer : answers__find(file->lost, address);
}

static const struct symbol_answer *answer_of(struct symbolizer *symbolizer, struct file *file,
					     uint64_t address)
{
	const struct symbol_answer *answer = file ? known_answer(file, address) : NULL;

	if (answer && symbolizer->unasked)
		symbolizer->unasked--;
	else
		*(answer ? &symbolizer->all_hits : &symbolizer->all_misses) += 1;
	if (answer || !file)
		return answer;
	if (++symbolizer->misses > MISSES_BETWEEN_CHECKS)
		check_memory(symbolizer);
	ask(symbolizer, file, &address, 1);
	return known_answer(file, address);
}

static int compare_addresses(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static void look_up(struct symbolizer *symbolizer, struct file *file)
{
	size_t count = 0;

	qsort(file->expected, file->expected_count, sizeof(*file->expected), compare_addresses);
	for (size_t i = 0; i < file->expected_count; i++) {
		uint64_t address = file->expected[i];

		if (!count || file->expected[count - 1] != address)
			file->expected[count++] = address;
	}
	file->expected_count = 0;
	if (!count)
		return;
	check_memory(symbolizer);
	ask(symbolizer, file, file->expected, count);
	symbolizer->all_misses += count;
	symbolizer->unasked += count;
}

static void expect(struct symbolizer *symbolizer, struct file *file, uint64_t address)
{
	if (!file || known_answer(file, address))
		return;
	/* Where memory is short it is looked up when it is asked for. */
	array_append(&file->expected, &file->expected_count, &file->expected_capacity, address);
	if (file->expected_count >= WORKER_LINK_ADDRESSES_MAX)
		look_up(symbolizer, file);
}

void symbolizer__look_up(struct symbolizer *symbolizer)
{
	for (struct file *file = symbolizer->files; file; file = file->hh.next)
		look_up(symbolizer, file);
}

void symbolizer__look_again(struct symbolizer *symbolizer)
{
	struct file *file, *next;

	worker_link__try_again(symbolizer->worker);
	symbolizer->unasked = 0;
	HASH_ITER(hh, symbolizer->files, file, next)
	{
		answers__free(file->lost);
		file->lost = NULL;
		/* A list is written on, and what it tells of an address may be old. */
		if (file->jit) {
			answers__free(file->answers);
			file->answers = NULL;
		} else if (debug_files__has_arrived(symbolizer->debug_files, file->elf)) {
			close_file(symbolizer, file);
		}
	}
}

size_t symbolizer__lost(const struct symbolizer *symbolizer)
{
	size_t lost = 0;

	for (const struct file *file = symbolizer->files; file; file = file->hh.next)
		lost += file->lost ? answers__count(file->lost) : 0;
	return lost;
}

static bool find_vaddr(const struct mapping *mapping, uint64_t runtime_pc, uint64_t *vaddr)
{
	*vaddr = runtime_pc - mapping->start + mapping->file_offset;
	return mapping->file && elf_file__vaddr(mapping->file, *vaddr, vaddr);
}

void symbolizer__expect_jit(struct symbolizer *symbolizer, struct jit_file *jit,
			    uint64_t runtime_pc)
{
	expect(symbolizer, list_of(symbolizer, jit), runtime_pc);
}

void symbolizer__expect_user(struct symbolizer *symbolizer, const struct mapping *mapping,
			     uint64_t runtime_pc)
{
	uint64_t vaddr;

	if (find_vaddr(mapping, runtime_pc, &vaddr))
		expect(symbolizer, file_of(symbolizer, mapping->file), vaddr);
}

/* One that is not kept; a NULL name is none. */
static void answer_name(struct symbolizer *symbolizer, const char *name, const char *demangled,
			struct symbol_answer *answer)
{
	symbolizer->line = (struct symbol_line){
		.name = demangled ?: name,
		.system_name = name,
	};
	answer->lines = &symbolizer->line;
	answer->count = name ? 1 : 0;
}

void symbolizer__user(struct symbolizer *symbolizer, const struct mapping *mapping,
		      uint64_t runtime_pc, struct symbol_answer *answer)
{
	const struct symbol_answer *found = NULL;
	uint64_t vaddr;

	if (find_vaddr(mapping, runtime_pc, &vaddr))
		found = answer_of(symbolizer, file_of(symbolizer, mapping->file), vaddr);
	*answer = found ? *found : (struct symbol_answer){.function_vaddr = vaddr};
	answer->offset = vaddr - answer->function_vaddr;
	/* The kernel's page for system calls of old, which is no file. */
	if (!strcmp(mapping->name, "[vsyscall]"))
		answer_name(symbolizer, mapping->name, NULL, answer);
}

void symbolizer__jit(struct symbolizer *symbolizer, struct jit_file *jit, uint64_t runtime_pc,
		     struct symbol_answer *answer)
{
	const struct symbol_answer *found =
		answer_of(symbolizer, list_of(symbolizer, jit), runtime_pc);

	*answer = found ? *found : (struct symbol_answer){.function_vaddr = runtime_pc};
	answer->offset = runtime_pc - answer->function_vaddr;
}

/* The kernel's own are C's, with a module's name behind some; Rust's are the few that are mangled.
 */
void symbolizer__kernel(struct symbolizer *symbolizer, uint64_t address,
			struct symbol_answer *answer)
{
	const char *name = kernel_names__find(symbolizer->kernel_names, address);
	const char *demangled = NULL;

	if (name && demangle__may(name))
		demangled = worker_link__demangle(symbolizer->worker, name);
	*answer = (struct symbol_answer){.function_vaddr = address};
	answer_name(symbolizer, name, demangled, answer);
}

void symbolizer__figures(const struct symbolizer *symbolizer, struct symbolizer_figures *figures)
{
	*figures = (struct symbolizer_figures){
		.hits = symbolizer->all_hits,
		.misses = symbolizer->all_misses,
	};
	worker_link__figures(symbolizer->worker, &figures->worker);
	figures->open_files = figures->worker.open_files;
	figures->bytes = figures->worker.bytes;
	for (const struct file *file = symbolizer->files; file; file = file->hh.next) {
		figures->bytes += answers_bytes(file);
		figures->answers += file->answers ? answers__count(file->answers) : 0;
	}
}

void symbolizer__fetches(const struct symbolizer *symbolizer, struct debuginfod_figures *figures)
{
	debug_files__fetches(symbolizer->debug_files, figures);
}
