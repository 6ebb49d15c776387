// SPDX-License-Identifier: Apache-2.0
/* What is kept of answers, and what is let go of. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/symbolizer.h"
#include "with_nursery.h"

#define PROGRAM   "/proc/self/exe"
#define SEED      "tests/fuzz/corpus/symbolize/dwarf5"
#define ADDRESSES 2000

static struct symbolizer *new_symbolizer(size_t memory_bytes)
{
	struct symbolizer *symbolizer = symbolizer__new(&(struct symbolizer_options){
		.memory_bytes = memory_bytes,
		.workers = nursery__source(nursery, 0),
	});

	assert_non_null(symbolizer);
	return symbolizer;
}

/* A copy in memory that can be cut short. */
static int copy_of(const char *path)
{
	int in = open(path, O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("copy", MFD_CLOEXEC);
	char buffer[65536];
	ssize_t size;

	assert_true(in >= 0 && fd >= 0);
	while ((size = read(in, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(fd, buffer, size), size);
	close(in);
	return fd;
}

/* One mapping of the whole file, so that a program counter is an offset. */
static struct mapping mapping_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (struct mapping){
		.end = st.st_size,
		.file = elf_file__open(fd, "test"),
		.name = "test",
	};
}

struct summary {
	size_t count, letters;
	int64_t lines;
};

static struct summary ask(struct symbolizer *symbolizer, const struct mapping *mapping, uint64_t pc)
{
	struct symbol_answer answer;
	struct summary summary;

	symbolizer__user(symbolizer, mapping, pc, &answer);
	summary = (struct summary){.count = answer.count};
	for (size_t i = 0; i < answer.count; i++) {
		summary.letters += strlen(answer.lines[i].name) +
				   (answer.lines[i].file ? strlen(answer.lines[i].file) : 0);
		summary.lines += answer.lines[i].line;
	}
	return summary;
}

static uint64_t entry_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr ehdr;

	assert_int_equal(pread(fd, &ehdr, sizeof(ehdr), 0), sizeof(ehdr));
	close(fd);
	return ehdr.e_entry;
}

/* Asked over the whole file: how many had a name. */
static size_t ask_all(struct symbolizer *symbolizer, const struct mapping *mapping,
		      struct summary *summaries)
{
	size_t named = 0;

	for (size_t i = 0; i < ADDRESSES; i++) {
		summaries[i] = ask(symbolizer, mapping, mapping->end / ADDRESSES * i);
		named += summaries[i].count > 0;
	}
	return named;
}

static void what_was_asked_before_is_not_read_again(void **state)
{
	struct symbolizer *symbolizer = new_symbolizer(1UL << 40);
	int fd = copy_of(PROGRAM);
	struct mapping mapping = mapping_of(fd);
	struct summary *first = calloc(ADDRESSES, sizeof(*first));
	struct summary *second = calloc(ADDRESSES, sizeof(*second));

	(void)state;
	assert_true(ask_all(symbolizer, &mapping, first) > 100);
	assert_int_equal(ftruncate(fd, 0), 0);
	ask_all(symbolizer, &mapping, second);
	assert_memory_equal(first, second, ADDRESSES * sizeof(*first));
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
	free(first);
	free(second);
}

/* What is read of it is gone, and reads as zeros. */
static void a_file_cut_short_while_it_is_open_does_no_harm(void **state)
{
	struct symbolizer *symbolizer = new_symbolizer(1UL << 40);
	int fd = copy_of(PROGRAM);
	struct mapping mapping = mapping_of(fd);
	struct summary *summaries = calloc(ADDRESSES, sizeof(*summaries));

	(void)state;
	ask(symbolizer, &mapping, entry_of(PROGRAM));
	assert_int_equal(ftruncate(fd, 8192), 0);
	ask_all(symbolizer, &mapping, summaries);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
	free(summaries);
}

static void answers_are_the_same_with_little_memory(void **state)
{
	struct symbolizer *symbolizer = new_symbolizer(1UL << 40);
	struct mapping mapping = mapping_of(open(PROGRAM, O_RDONLY | O_CLOEXEC));
	struct summary *with = calloc(ADDRESSES, sizeof(*with));
	struct summary *without = calloc(ADDRESSES, sizeof(*without));

	(void)state;
	ask_all(symbolizer, &mapping, with);
	symbolizer__free(symbolizer);
	symbolizer = new_symbolizer(1);
	ask_all(symbolizer, &mapping, without);
	assert_memory_equal(with, without, ADDRESSES * sizeof(*with));
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
	free(with);
	free(without);
}

static size_t count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void files_that_nobody_has_any_more_are_closed(void **state)
{
	size_t before_all = count_descriptors(), before, most = 0;
	struct symbolizer *symbolizer = new_symbolizer(0);

	(void)state;
	before = count_descriptors();
	for (int i = 0; i < 700; i++) {
		struct mapping mapping = mapping_of(open(SEED, O_RDONLY | O_CLOEXEC));

		assert_non_null(mapping.file);
		ask(symbolizer, &mapping, 0x300);
		elf_file__put(mapping.file);
		if (count_descriptors() > most)
			most = count_descriptors();
	}
	assert_true(most - before <= 512 + 64 + 1);
	symbolizer__free(symbolizer);
	assert_int_equal(count_descriptors(), before_all);
}

static void an_answer_says_what_a_profile_needs(void **state)
{
	struct symbolizer *symbolizer = new_symbolizer(0);
	struct mapping mapping = mapping_of(open(SEED, O_RDONLY | O_CLOEXEC));
	struct symbol_answer answer = {};

	(void)state;
	for (uint64_t pc = 0; pc < mapping.end && answer.count < 3; pc++)
		symbolizer__user(symbolizer, &mapping, pc, &answer);
	assert_int_equal(answer.count, 3);
	assert_true(answer.tells_inlined);
	assert_string_equal(answer.lines[0].name, "inner");
	assert_string_equal(answer.lines[1].name, "middle");
	assert_string_equal(answer.lines[2].system_name, "outer");
	assert_string_equal(answer.lines[2].file, "/src/tiny.c");
	assert_int_equal(answer.lines[2].line, 14);
	assert_int_equal(answer.lines[2].start_line, 12);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
}

static void it_counts_what_it_is_asked(void **state)
{
	struct symbolizer *symbolizer = new_symbolizer(0);
	struct mapping mapping = mapping_of(open(SEED, O_RDONLY | O_CLOEXEC));
	struct symbolizer_figures figures;

	(void)state;
	symbolizer__figures(symbolizer, &figures);
	assert_int_equal(figures.misses + figures.hits + figures.answers + figures.open_files, 0);
	for (uint64_t pc = 0x300; pc < 0x305; pc++)
		ask(symbolizer, &mapping, pc);
	ask(symbolizer, &mapping, 0x300);
	symbolizer__figures(symbolizer, &figures);
	assert_int_equal(figures.misses, 5);
	assert_int_equal(figures.hits, 1);
	assert_int_equal(figures.answers, 5);
	assert_int_equal(figures.open_files, 1);
	assert_true(figures.bytes > 0);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
}

/* As far as the code that it is in was called something. */
static void an_offset_is_from_where_the_function_begins(void **state)
{
	struct symbolizer *symbolizer = new_symbolizer(0);
	struct mapping mapping = mapping_of(open(SEED, O_RDONLY | O_CLOEXEC));
	struct symbol_answer answer = {};
	uint64_t start, pc = 0;

	(void)state;
	for (; pc < mapping.end && !(answer.count && answer.offset); pc++)
		symbolizer__user(symbolizer, &mapping, pc, &answer);
	assert_true(answer.offset > 0);
	start = answer.function_vaddr;
	symbolizer__user(symbolizer, &mapping, pc, &answer);
	assert_int_equal(answer.function_vaddr, start);
	assert_int_equal(answer.offset, 2);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
}

static void what_is_expected_is_looked_up_at_once(void **state)
{
	struct symbolizer *symbolizer = new_symbolizer(1UL << 40);
	struct mapping mapping = mapping_of(open(PROGRAM, O_RDONLY | O_CLOEXEC));
	struct summary *first = calloc(ADDRESSES, sizeof(*first));
	struct summary *second = calloc(ADDRESSES, sizeof(*second));
	struct symbolizer_figures figures;
	uint64_t misses;

	(void)state;
	for (size_t i = 0; i < 3 * ADDRESSES; i++)
		symbolizer__expect_user(symbolizer, &mapping,
					mapping.end / ADDRESSES * (i % ADDRESSES));
	symbolizer__look_up(symbolizer);
	symbolizer__figures(symbolizer, &figures);
	misses = figures.misses;
	assert_true(misses > 100 && misses <= ADDRESSES);
	assert_int_equal(figures.answers, misses);
	assert_int_equal(figures.hits, 0);
	assert_true(ask_all(symbolizer, &mapping, first) > 100);
	symbolizer__figures(symbolizer, &figures);
	assert_int_equal(figures.misses, misses);
	assert_int_equal(figures.hits, 0);
	symbolizer__free(symbolizer);
	symbolizer = new_symbolizer(1UL << 40);
	ask_all(symbolizer, &mapping, second);
	assert_memory_equal(first, second, ADDRESSES * sizeof(*first));
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
	free(first);
	free(second);
}

static void without_a_worker_there_are_addresses(void **state)
{
	struct symbolizer *symbolizer = symbolizer__new(&(struct symbolizer_options){});
	struct mapping mapping = mapping_of(open(SEED, O_RDONLY | O_CLOEXEC));
	struct symbol_answer answer;

	(void)state;
	for (uint64_t pc = 0x300; pc < 0x305; pc++) {
		symbolizer__user(symbolizer, &mapping, pc, &answer);
		assert_int_equal(answer.count, 0);
		assert_int_equal(answer.offset, 0);
	}
	assert_int_equal(symbolizer__lost(symbolizer), 5);
	symbolizer__look_again(symbolizer);
	assert_int_equal(symbolizer__lost(symbolizer), 0);
	elf_file__put(mapping.file);
	symbolizer__free(symbolizer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_expected_is_looked_up_at_once),
		cmocka_unit_test(without_a_worker_there_are_addresses),
		cmocka_unit_test(what_was_asked_before_is_not_read_again),
		cmocka_unit_test(a_file_cut_short_while_it_is_open_does_no_harm),
		cmocka_unit_test(answers_are_the_same_with_little_memory),
		cmocka_unit_test(files_that_nobody_has_any_more_are_closed),
		cmocka_unit_test(an_answer_says_what_a_profile_needs),
		cmocka_unit_test(it_counts_what_it_is_asked),
		cmocka_unit_test(an_offset_is_from_where_the_function_begins),
	};

	return cmocka_run_group_tests(tests, start_nursery, stop_nursery);
}
