// SPDX-License-Identifier: Apache-2.0
/* What naming addresses costs, by exoprof's own symbolizer and nothing around it:
 *
 *	names PID COUNT
 *
 * names that many addresses of the process' own program, each of another function, and then all of
 * them again. A line each of the table in docs/benchmarks.md. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/say.h"
#include "reader/nursery.h"
#include "symbol/symbolizer.h"
#include "symbol/worker.h"
#include "target/maps.h"

struct places {
	const struct mapping *mapping;
	uint64_t *pcs;
	size_t count, wanted;
};

/* A few bytes into a function, what it begins with is often not inlined yet. */
#define INTO_FUNCTION 8

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void add_place(void *context, const struct elf_function *function)
{
	struct places *places = context;
	const struct mapping *mapping = places->mapping;
	uint64_t pc = mapping->start + function->file_offset - mapping->file_offset + INTO_FUNCTION;

	if (function->file_offset >= mapping->file_offset && pc < mapping->end &&
	    places->count < places->wanted)
		places->pcs[places->count++] = pc;
}

static long memory_mib(const char *key)
{
	return process__status_number(getpid(), key) / 1024;
}

/* The process that reads the files in the last column. */
static void print_row(const struct symbolizer *symbolizer, const char *what, double taken_ms)
{
	struct symbolizer_figures figures;

	symbolizer__figures(symbolizer, &figures);
	printf("| %s | %.1f | %ld | %ld | %ld | %ld | %zu |\n", what, taken_ms,
	       memory_mib("\nVmRSS:"), memory_mib("\nRssAnon:"), memory_mib("\nRssFile:"),
	       memory_mib("\nVmHWM:"), figures.worker.usage.resident_bytes >> 20);
}

/* How many of the addresses have a line, and how many something inlined. */
static void name_all(struct symbolizer *symbolizer, const struct places *places, const char *what)
{
	size_t with_line = 0, with_inlined = 0;
	double start = now_ms(), taken_ms;
	char text[128];

	for (size_t i = 0; i < places->count; i++)
		symbolizer__expect_user(symbolizer, places->mapping, places->pcs[i]);
	symbolizer__look_up(symbolizer);
	for (size_t i = 0; i < places->count; i++) {
		struct symbol_answer answer;

		symbolizer__user(symbolizer, places->mapping, places->pcs[i], &answer);
		with_line += answer.count && answer.lines[0].line;
		with_inlined += answer.count > 1;
	}
	taken_ms = now_ms() - start;
	snprintf(text, sizeof(text), "%s %zu addresses, %zu with lines, %zu with inlined functions",
		 what, places->count, with_line, with_inlined);
	print_row(symbolizer, text, taken_ms);
}

static void run(const struct places *places, const struct nursery *nursery)
{
	const struct places first = {
		.mapping = places->mapping, .pcs = places->pcs, .count = 1, .wanted = 1};
	struct symbolizer *symbolizer = symbolizer__new(
		&(struct symbolizer_options){.workers = nursery__source(nursery, 0)});

	if (!symbolizer)
		return;
	print_row(symbolizer, "nothing named yet", 0);
	name_all(symbolizer, &first, "the first:");
	name_all(symbolizer, places, "the first time:");
	name_all(symbolizer, places, "again:");
	symbolizer__free(symbolizer);
}

static const struct mapping *main_mapping(const struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		if (maps->items[i].is_main && maps->items[i].file)
			return &maps->items[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct worker_kind names = {"exoprof-worker", worker__run, SYMBOLIZER_MEMORY_DEFAULT};
	struct nursery *nursery = nursery__start(&names, 1);
	struct process *process = argc == 3 ? process__open(atoi(argv[1])) : NULL;
	struct files *files = files__new();
	struct maps *maps = process && files ? maps__read(process, files, NULL) : NULL;
	struct places places = {};

	if (!maps)
		return fail("no such process");
	places.mapping = main_mapping(maps);
	places.wanted = strtoul(argv[2], NULL, 10);
	places.pcs = calloc(places.wanted, sizeof(*places.pcs));
	if (!places.mapping || !places.pcs ||
	    elf_file__each_function(places.mapping->file, add_place, &places) ||
	    places.count < places.wanted)
		return fail("the program has no %zu functions", places.wanted);
	run(&places, nursery);
	nursery__stop(nursery);
	free(places.pcs);
	maps__put(maps);
	files__free(files);
	process__close(process);
	return 0;
}
