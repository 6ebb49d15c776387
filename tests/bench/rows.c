/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to have unwind rows read by another process: of each file, read here, and there,
 * the best of several times. Usage: rows FILE... */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/say.h"
#include "collect/file_rows.h"
#include "reader/nursery.h"
#include "unwind/cfi_worker.h"

#define TIMES 7

static int64_t read_here(const struct elf_file *file, size_t *rows)
{
	int64_t began_ns = clock__monotonic_ns();
	struct cfi_table *table = cfi_table__open(elf_file__fd(file));

	*rows = table ? table->row_count : 0;
	cfi_table__close(table);
	return clock__monotonic_ns() - began_ns;
}

/* `is_new`: the process, too. */
static int64_t read_there(struct file_rows *rows, const struct elf_file *file, bool is_new)
{
	int64_t began_ns;

	if (is_new)
		file_rows__rest(rows);
	began_ns = clock__monotonic_ns();
	cfi_table__close(file_rows__read(rows, file));
	return clock__monotonic_ns() - began_ns;
}

static void keep_best(int64_t *best, int64_t ns)
{
	if (!*best || ns < *best)
		*best = ns;
}

static void run(struct file_rows *rows, const char *path)
{
	struct elf_file *file = elf_file__open(open(path, O_RDONLY | O_CLOEXEC), path);
	int64_t here = 0, there = 0, started = 0;
	size_t count = 0;

	for (int i = 0; file && i < TIMES; i++) {
		keep_best(&here, read_here(file, &count));
		keep_best(&started, read_there(rows, file, true));
		keep_best(&there, read_there(rows, file, false));
	}
	printf("%s: %zu rows, here %.2f ms, there %.2f ms, with the process's start %.2f ms\n",
	       path, count, here / 1e6, there / 1e6, started / 1e6);
	elf_file__put(file);
}

int main(int argc, char **argv)
{
	static const struct worker_kind kind = {"exoprof-rows", cfi_worker__run, CFI_WORKER_MEMORY};
	struct nursery *nursery = nursery__start(&kind, 1);
	struct file_rows *rows =
		file_rows__new(nursery__source(nursery, 0), &(struct file_rows_patience){});

	if (!nursery || !rows)
		return fail("cannot start");
	for (int i = 1; i < argc; i++)
		run(rows, argv[i]);
	file_rows__free(rows);
	nursery__stop(nursery);
	return 0;
}
