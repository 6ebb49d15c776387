// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an ELF file whose addresses are named, as the process that reads files does it: no
 * crash, the same answers once all was let go of, and such as the other side takes. */
#include "symbol/companions.h"
#include "symbol/elf_image.h"
#include "symbol/found_message.h"
#include "symbol/open_files.h"
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

static int find_debug(void *context, const char *debuglink, uint32_t crc, struct dwarf_place *place)
{
	return companions__find_debug(context, debuglink, crc, place);
}

static int open_part(void *context, bool of_debug, bool on_host, const char *path)
{
	return companions__open_part(context, of_debug, on_host, path);
}

static struct summary ask(struct open_files *files, struct message *message, uint64_t address)
{
	static struct found taken;
	const struct found *found = open_files__find(files, 1, address);
	struct summary summary;

	check(found != NULL, "there is memory");
	message__begin(message, MESSAGE_ANSWERS);
	found_message__put(message, found);
	check(found_message__take(message, &taken) && message__is_over(message),
	      "an answer is taken");
	summary = (struct summary){.function_vaddr = taken.function_vaddr, .count = taken.count};
	for (size_t i = 0; i < taken.count; i++) {
		const struct found_line *line = &taken.lines[i];

		check(line->line >= 0 && line->start_line >= 0, "lines count up from 1");
		summary.letters += strlen(line->name ?: line->system_name) +
				   strlen(line->system_name) +
				   (line->file ? strlen(line->file) : 0);
		summary.lines += line->line + line->start_line;
	}
	return summary;
}

static void run(struct companions *companions, int fd, size_t size, struct summary *summaries,
		bool is_first)
{
	struct opener opener = {find_debug, open_part, companions, {}};
	struct open_files *files = open_files__new(&opener);
	struct message message = {.fd = -1};
	uint64_t step = size / ADDRESSES + 1;

	companions__place(companions, &opener.place);
	check(files != NULL && !open_files__add(files, 1, fd, &opener.place), "there is memory");
	/* All is let go of again and again. */
	open_files__set_ceiling(files, 1);
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < ADDRESSES; i++) {
			struct summary summary = ask(files, &message, i * step);

			if (is_first && !round)
				summaries[i] = summary;
			check(!memcmp(&summaries[i], &summary, sizeof(summary)),
			      "an address has one answer");
		}
	}
	message__release(&message);
	open_files__free(files);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct debug_files *debug_files = debug_files__new(NULL);
	struct summary summaries[ADDRESSES];
	struct elf_file *file = elf_file__open(file_of(data, size), "fuzz");
	struct root *root = root__own();
	struct companions *companions;

	check(file != NULL && root != NULL && debug_files != NULL, "there is memory");
	elf_file__set_root(file, root);
	root__put(root);
	companions = companions__new(file, debug_files);
	check(companions != NULL, "there is memory");
	elf_image__begin_reads();
	run(companions, dup(elf_file__fd(file)), size, summaries, true);
	run(companions, dup(elf_file__fd(file)), size, summaries, false);
	elf_image__end_reads();
	companions__free(companions);
	elf_file__put(file);
	debug_files__free(debug_files);
	return 0;
}
