// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an ELF file whose addresses are named: no crash, and the same answers from the
 * cache, and once all was let go of. */
#include "symbol/symbolizer.h"
#include "make_elf.h"
#include "replay.h"

/* Addresses asked for, over the whole file. */
#define ADDRESSES 128

/* What can be compared when the strings are gone. */
struct summary {
	uint64_t function_vaddr;
	size_t count, letters;
	int64_t lines;
};

static struct summary ask(struct symbolizer *symbolizer, const struct mapping *mapping, uint64_t pc)
{
	struct symbol_answer answer;
	struct summary summary;

	symbolizer__user(symbolizer, mapping, pc, &answer);
	summary = (struct summary){.function_vaddr = answer.function_vaddr, .count = answer.count};
	for (size_t i = 0; i < answer.count; i++) {
		const struct symbol_line *line = &answer.lines[i];

		check(line->name && *line->name, "a line has a name");
		check(line->line >= 0 && line->start_line >= 0, "lines count up from 1");
		summary.letters += strlen(line->name) + strlen(line->system_name) +
				   (line->file ? strlen(line->file) : 0);
		summary.lines += line->line + line->start_line;
	}
	return summary;
}

static void run(const struct mapping *mapping, struct summary *summaries, bool is_first)
{
	static const struct symbolizer_options options = {.memory_bytes = 1};
	struct symbolizer *symbolizer = symbolizer__new(&options);
	uint64_t step = mapping->end / ADDRESSES + 1;

	check(symbolizer != NULL, "there is memory");
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < ADDRESSES; i++) {
			struct summary summary = ask(symbolizer, mapping, i * step);

			if (is_first && !round)
				summaries[i] = summary;
			check(!memcmp(&summaries[i], &summary, sizeof(summary)),
			      "an address has one answer");
		}
	}
	symbolizer__free(symbolizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct summary summaries[ADDRESSES];
	struct elf_file *file = elf_file__open(file_of(data, size), "fuzz");
	struct root *root = root__own();
	struct mapping mapping = {.end = size, .file = file, .name = "fuzz"};

	check(file != NULL && root != NULL, "there is memory");
	elf_file__set_root(file, root);
	root__put(root);
	run(&mapping, summaries, true);
	run(&mapping, summaries, false);
	elf_file__put(file);
	return 0;
}
