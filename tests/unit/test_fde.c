// SPDX-License-Identifier: Apache-2.0
/* The functions that call-frame information describes: of libc, and of hand-made sections. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>

#include "unwind/fde.h"
#include "../fuzz/make_elf.h"

#define BASE        0x1000
#define FRAME_VADDR 0x3000

static const unsigned char e_ident[EI_NIDENT] = {
	0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
};

/* The list of a hand-made section, which is released. The buffer is of the very size, so that the
 * sanitizer sees a step too far. */
static int read_list(struct frames *frames, struct fde_list *list)
{
	uint8_t *exact = malloc(frames->bytes.size);
	Elf_Data data = {.d_buf = exact, .d_size = frames->bytes.size, .d_version = EV_CURRENT};
	int err;

	assert_non_null(exact);
	memcpy(exact, frames->bytes.data, frames->bytes.size);
	err = fde_list__read(list, e_ident, &data, frames->vaddr, !frames->is_debug_frame);
	free(exact);
	bytes__release(&frames->bytes);
	return err;
}

static struct fde_list list_of(struct frames *frames)
{
	struct fde_list list = {};

	assert_int_equal(read_list(frames, &list), 0);
	return list;
}

static void assert_refused(struct frames *frames)
{
	struct fde_list list = {};

	assert_int_equal(read_list(frames, &list), -EBADMSG);
	fde_list__release(&list);
}

/* Releases the list. */
static void assert_list(struct fde_list list, const uint64_t (*expected)[2], size_t count,
			size_t dropped)
{
	assert_int_equal(list.count, count);
	assert_int_equal(list.dropped, dropped);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(list.items[i].start, expected[i][0]);
		assert_int_equal(list.items[i].end, expected[i][1]);
	}
	fde_list__release(&list);
}

#define PAIRS(...)                          \
	(const uint64_t[][2]){__VA_ARGS__}, \
		sizeof((const uint64_t[][2]){__VA_ARGS__}) / sizeof(uint64_t[2])

static struct frames new_frames(void)
{
	struct frames frames = {.vaddr = FRAME_VADDR, .encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata4};

	add_cie(&frames);
	return frames;
}

/* --- libc: the list against the table that its linker has made -----------------------------------
 */

static int find_libc(struct dl_phdr_info *info, size_t size, void *path)
{
	(void)size;
	if (!strstr(info->dlpi_name, "/libc.so.6"))
		return 0;
	*(const char **)path = info->dlpi_name;
	return 1;
}

static Elf_Data *section_of(Elf *elf, const char *name, uint64_t *vaddr)
{
	Elf_Scn *section = NULL;
	size_t names;

	assert_int_equal(elf_getshdrstrndx(elf, &names), 0);
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr shdr;

		gelf_getshdr(section, &shdr);
		*vaddr = shdr.sh_addr;
		if (!strcmp(elf_strptr(elf, names, shdr.sh_name), name))
			return elf_rawdata(section, NULL);
	}
	fail_msg("libc has no %s", name);
	return NULL;
}

static void the_functions_of_libc_are_those_of_its_search_table(void **state)
{
	uint64_t header_vaddr, vaddr;
	struct fde_list list = {};
	const char *path = NULL;
	const uint8_t *header;
	uint32_t count;
	Elf_Data *data;
	Elf *elf;
	int fd;

	(void)state;
	if (!dl_iterate_phdr(find_libc, &path))
		fail_msg("this program has no libc.so.6: the test needs it");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	header = section_of(elf, ".eh_frame_hdr", &header_vaddr)->d_buf;
	/* Version 1; a table of 32-bit offsets from the header, sorted (LSB 5.0, 10.6.2). */
	assert_memory_equal(header, ((const uint8_t[]){1, 0x1b, 0x03, 0x3b}), 4);
	memcpy(&count, header + 8, 4);
	assert_true(count > 1000);
	data = section_of(elf, ".eh_frame", &vaddr);
	assert_int_equal(fde_list__read(&list, e_ident, data, vaddr, true), 0);
	assert_int_equal(list.dropped, 0);
	assert_int_equal(list.count, count);
	for (uint32_t i = 0; i < count; i++) {
		int32_t offset;

		memcpy(&offset, header + 12 + 8 * (size_t)i, 4);
		assert_int_equal(list.items[i].start, header_vaddr + offset);
		assert_true(list.items[i].end > list.items[i].start);
	}
	fde_list__release(&list);
	elf_end(elf);
	close(fd);
}

/* --- hand-made sections -------------------------------------------------------------------------
 */

static void assert_encoding(uint8_t encoding)
{
	struct frames frames = {.vaddr = FRAME_VADDR, .encoding = encoding};

	add_cie(&frames);
	add_function(&frames, BASE, 0x20, DW_CFA_nop);
	assert_list(list_of(&frames), PAIRS({BASE, BASE + 0x20}), 0);
}

static void an_address_may_have_any_size(void **state)
{
	(void)state;
	assert_encoding(DW_EH_PE_absptr);
	assert_encoding(DW_EH_PE_udata2);
	assert_encoding(DW_EH_PE_udata4);
	assert_encoding(DW_EH_PE_udata8);
	assert_encoding(DW_EH_PE_sdata2);
	assert_encoding(DW_EH_PE_sdata4);
	assert_encoding(DW_EH_PE_sdata8);
	assert_encoding(DW_EH_PE_uleb128);
	assert_encoding(DW_EH_PE_sleb128);
}

/* The section is behind the function: all of the differences are negative. */
static void an_address_may_be_relative_to_its_place(void **state)
{
	(void)state;
	assert_encoding(DW_EH_PE_pcrel | DW_EH_PE_absptr);
	assert_encoding(DW_EH_PE_pcrel | DW_EH_PE_sdata2);
	assert_encoding(DW_EH_PE_pcrel | DW_EH_PE_sdata4);
	assert_encoding(DW_EH_PE_pcrel | DW_EH_PE_sdata8);
	assert_encoding(DW_EH_PE_pcrel | DW_EH_PE_udata8);
	assert_encoding(DW_EH_PE_pcrel | DW_EH_PE_sleb128);
}

/* A length has no sign: 0x80 in a function of 16 bits' size is no -128. */
static void a_length_has_no_sign(void **state)
{
	struct frames frames = {.vaddr = FRAME_VADDR, .encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata2};

	(void)state;
	add_cie(&frames);
	add_function(&frames, BASE, 0x8000, DW_CFA_nop);
	assert_list(list_of(&frames), PAIRS({BASE, BASE + 0x8000}), 0);
}

static void what_is_relative_to_something_else_is_refused(void **state)
{
	static const uint8_t encodings[] = {
		DW_EH_PE_indirect, DW_EH_PE_textrel, DW_EH_PE_datarel,
		DW_EH_PE_funcrel,  DW_EH_PE_aligned, DW_EH_PE_omit,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(encodings); i++) {
		struct frames frames = {.vaddr = FRAME_VADDR, .encoding = encodings[i]};

		add_cie(&frames);
		frames.encoding &= ~0xf0;
		add_function(&frames, BASE, 0x20, DW_CFA_nop, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
		assert_refused(&frames);
	}
}

static void assert_augmentation(const char *letters, const void *data, size_t size, bool is_listed)
{
	struct frames frames = {.vaddr = FRAME_VADDR, .encoding = DW_EH_PE_udata4};
	struct fde_list list = {};
	int err;

	begin_cie(&frames, letters, data, size);
	put_on_entry(&frames);
	end_entry(&frames);
	add_function(&frames, BASE, 0x20, DW_CFA_nop);
	err = read_list(&frames, &list);
	/* One that libdw cannot read is dropped, one that only we cannot is refused. */
	assert_true(is_listed ? !err && list.count == 1 : err == -EBADMSG || !list.count);
	assert_true(!is_listed ||
		    (list.items[0].start == BASE && list.items[0].end == BASE + 0x20));
	fde_list__release(&list);
}

/* The encoding of addresses stands where the letter R does. */
static void an_augmentation_is_read_letter_by_letter(void **state)
{
	(void)state;
	assert_augmentation("zR", PROGRAM(0x03), 1);
	assert_augmentation("zRS", PROGRAM(0x03), 1);
	assert_augmentation("zSR", PROGRAM(0x03), 1);
	assert_augmentation("zLR", PROGRAM(0x1b, 0x03), 1);
	assert_augmentation("zPR", PROGRAM(0x1b, 1, 2, 3, 4, 0x03), 1);
	assert_augmentation("zPR", PROGRAM(0x9c, 1, 2, 3, 4, 5, 6, 7, 8, 0x03), 1);
	assert_augmentation("zPLR", PROGRAM(0x02, 1, 2, 0x1b, 0x03), 1);
	assert_augmentation("zRPL", PROGRAM(0x03, 0x02, 1, 2, 0x1b), 1);
	assert_augmentation("zRB", PROGRAM(0x03), 1);
}

static void an_augmentation_that_cannot_be_read_drops_its_functions(void **state)
{
	(void)state;
	assert_augmentation("zQR", PROGRAM(0x03, 0x03), 0);
	assert_augmentation("zR", NULL, 0, 0);
	assert_augmentation("zPR", PROGRAM(0x1b, 1, 2), 0);
	assert_augmentation("zPR", PROGRAM(0x05, 1, 2, 3, 4, 0x03), 0);
	assert_augmentation("zPR", PROGRAM(0x01, 0x80, 0x80, 0x80), 0);
}

/* Without the letter R it is the machine's own. */
static void an_address_without_a_known_encoding_is_a_pointer(void **state)
{
	struct frames frames = {.vaddr = FRAME_VADDR};

	(void)state;
	begin_cie(&frames, "z", NULL, 0);
	put_on_entry(&frames);
	end_entry(&frames);
	add_function(&frames, BASE, 0x20, DW_CFA_nop);
	assert_list(list_of(&frames), PAIRS({BASE, BASE + 0x20}), 0);
}

static void debug_frame_counts_from_the_sections_start(void **state)
{
	struct frames frames = {.is_debug_frame = true};

	(void)state;
	add_cie(&frames);
	add_function(&frames, BASE, 0x20, DW_CFA_nop);
	add_cie(&frames);
	add_function(&frames, BASE + 0x20, 0x20, DW_CFA_nop);
	assert_list(list_of(&frames), PAIRS({BASE, BASE + 0x20}, {BASE + 0x20, BASE + 0x40}), 0);
}

static void each_function_has_its_own_cies_encoding(void **state)
{
	struct frames frames = new_frames();
	size_t first = frames.cie, second;

	(void)state;
	frames.encoding = DW_EH_PE_udata8;
	add_cie(&frames);
	second = frames.cie;
	for (uint64_t i = 0; i < 4; i++) {
		frames.cie = i % 2 ? second : first;
		frames.encoding = i % 2 ? DW_EH_PE_udata8 : DW_EH_PE_pcrel | DW_EH_PE_sdata4;
		add_function(&frames, BASE + 0x10 * i, 0x10, DW_CFA_nop);
	}
	assert_list(list_of(&frames),
		    PAIRS({BASE, BASE + 0x10}, {BASE + 0x10, BASE + 0x20},
			  {BASE + 0x20, BASE + 0x30}, {BASE + 0x30, BASE + 0x40}),
		    0);
}

static void the_list_is_sorted_and_has_each_start_once(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	add_function(&frames, BASE + 0x80, 0x10, DW_CFA_nop);
	add_function(&frames, BASE, 0x20, DW_CFA_nop);
	add_function(&frames, BASE + 0x40, 0x40, DW_CFA_nop);
	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	add_function(&frames, BASE + 0x80, 0x10, DW_CFA_nop);
	assert_list(
		list_of(&frames),
		PAIRS({BASE, BASE + 0x10}, {BASE + 0x40, BASE + 0x80}, {BASE + 0x80, BASE + 0x90}),
		0);
}

static void a_function_without_bytes_or_past_the_last_address_is_dropped(void **state)
{
	struct frames frames = {.vaddr = FRAME_VADDR, .encoding = DW_EH_PE_udata8};

	(void)state;
	add_cie(&frames);
	add_function(&frames, BASE, 0, DW_CFA_nop);
	add_function(&frames, UINT64_MAX - 0xf, 0x20, DW_CFA_nop);
	add_function(&frames, BASE + 0x10, UINT64_MAX, DW_CFA_nop);
	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	assert_list(list_of(&frames), PAIRS({BASE, BASE + 0x10}), 3);
}

static void nothing_is_read_behind_the_terminator(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	put_number(&frames.bytes, 0, 4);
	add_function(&frames, BASE + 0x10, 0x10, DW_CFA_nop);
	assert_list(list_of(&frames), PAIRS({BASE, BASE + 0x10}), 0);
}

static void a_function_that_has_no_cie_is_dropped(void **state)
{
	struct frames frames = new_frames();
	size_t cie = frames.cie;

	(void)state;
	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	frames.cie = frames.entry;
	add_function(&frames, BASE + 0x10, 0x10, DW_CFA_nop);
	frames.cie = cie;
	add_function(&frames, BASE + 0x20, 0x10, DW_CFA_nop);
	assert_list(list_of(&frames), PAIRS({BASE, BASE + 0x10}, {BASE + 0x20, BASE + 0x30}), 1);
}

/* Of two functions, one with this program. */
static void assert_program(const void *program, size_t size, bool is_listed)
{
	struct frames frames = new_frames();

	add_fde(&frames, BASE, 0x10, program, size);
	add_function(&frames, BASE + 0x10, 0x10, DW_CFA_nop);
	if (is_listed)
		assert_list(list_of(&frames),
			    PAIRS({BASE, BASE + 0x10}, {BASE + 0x10, BASE + 0x20}), 0);
	else
		assert_refused(&frames);
}

#define assert_listed(...)  assert_program(PROGRAM(__VA_ARGS__), true)
#define assert_harmful(...) assert_program(PROGRAM(__VA_ARGS__), false)

static void all_instructions_of_compilers_are_known(void **state)
{
	(void)state;
	assert_listed(DW_CFA_nop, DW_CFA_advance_loc | 1, DW_CFA_offset | 6, 2, DW_CFA_restore | 6,
		      DW_CFA_advance_loc1, 0xff, DW_CFA_advance_loc2, 0xff, 0xff,
		      DW_CFA_advance_loc4, 0xff, 0xff, 0xff, 0xff);
	assert_listed(DW_CFA_offset_extended, 16, 0xff, 0x7f, DW_CFA_restore_extended, 16,
		      DW_CFA_undefined, 16, DW_CFA_same_value, 16, DW_CFA_register, 16, 2);
	assert_listed(DW_CFA_remember_state, DW_CFA_restore_state, DW_CFA_def_cfa, 7, 0xff, 0x7f,
		      DW_CFA_def_cfa_register, 6, DW_CFA_def_cfa_offset, 0xff, 0x7f);
	assert_listed(DW_CFA_def_cfa_expression, 2, 0xff, 0xff, DW_CFA_expression, 6, 2, 0xff, 0xff,
		      DW_CFA_val_expression, 6, 2, 0xff, 0xff, DW_CFA_GNU_args_size, 0xff, 0x7f);
	assert_listed(DW_CFA_offset_extended_sf, 16, 0xff, 0x7f, DW_CFA_def_cfa_sf, 7, 0xff, 0x7f,
		      DW_CFA_def_cfa_offset_sf, 0xff, 0x7f, DW_CFA_val_offset, 16, 0xff, 0x7f,
		      DW_CFA_val_offset_sf, 16, 0xff, 0x7f);
	/* The last register of the x86-64 supplement is 125 or so. */
	assert_listed(DW_CFA_undefined, 0xff, 0x01);
}

static void a_program_that_libdw_must_not_run_is_refused(void **state)
{
	(void)state;
	assert_harmful(0x3f);
	assert_harmful(DW_CFA_set_loc, 0, 0, 0, 0);
	assert_harmful(DW_CFA_undefined, 0x80, 0x02);
	assert_harmful(DW_CFA_register, 16, 0x80, 0x02);
	assert_harmful(DW_CFA_offset_extended, 0x80, 0x80, 0x80, 0x40, 1);
	assert_harmful(DW_CFA_expression, 6, 0x40, 0);
	assert_harmful(DW_CFA_def_cfa_expression, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		       0xff, 0x01);
	assert_harmful(DW_CFA_def_cfa_offset, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		       0x80, 0x01);
}

/* Each of them stands at the very end of its entry: nothing pads it. */
static void an_instruction_may_not_end_behind_its_program(void **state)
{
	static const uint8_t cut[][3] = {
		{0,                   0,                     DW_CFA_advance_loc1},
                {0,                   0,                     DW_CFA_advance_loc2},
		{0,                   0,                     DW_CFA_offset      },
                {0,                   0,                     DW_CFA_undefined   },
		{0,                   DW_CFA_advance_loc2,   1                  },
                {DW_CFA_advance_loc4, 1,                     1                  },
		{0,                   DW_CFA_def_cfa,        7                  },
                {0,                   DW_CFA_val_expression, 6                  },
		{0,                   DW_CFA_expression,     6                  },
                {0,                   DW_CFA_undefined,      0x80               },
		{DW_CFA_expression,   6,                     1                  },
                {0,                   DW_CFA_def_cfa_offset, 0x80               },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(*cut); i++) {
		struct frames frames = new_frames();
		size_t size;

		begin_fde(&frames, BASE, 0x10);
		put_uleb(&frames.bytes, 0);
		while (frames.bytes.size % 8 != 5)
			put_number(&frames.bytes, DW_CFA_nop, 1);
		put(&frames.bytes, cut[i], 3);
		size = frames.bytes.size;
		end_entry(&frames);
		assert_int_equal(frames.bytes.size, size);
		add_function(&frames, BASE + 0x10, 0x10, DW_CFA_nop);
		assert_refused(&frames);
	}
}

static void augmentation_data_is_no_program(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	begin_fde(&frames, BASE, 0x10);
	put(&frames.bytes, PROGRAM(4, 0x3f, 0x3f, 0x3f, 0x3f, DW_CFA_nop));
	end_entry(&frames);
	begin_fde(&frames, BASE + 0x10, 0x10);
	put(&frames.bytes, PROGRAM(0x40, DW_CFA_nop, DW_CFA_nop));
	end_entry(&frames);
	assert_list(list_of(&frames), PAIRS({BASE, BASE + 0x10}), 1);
}

static void the_size_of_a_program_is_known(void **state)
{
	struct frames frames = new_frames();
	struct fde_list list;

	(void)state;
	add_function(&frames, BASE, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		     0);
	list = list_of(&frames);
	assert_int_equal(list.count, 1);
	assert_in_range(list.items[0].program_size, 20, 27);
	fde_list__release(&list);
}

/* The sanitizer is the judge here. */
static void a_section_may_end_anywhere(void **state)
{
	(void)state;
	for (size_t cut = 0;; cut++) {
		struct frames frames = new_frames();

		add_function(&frames, BASE, 0x10, DW_CFA_nop);
		frames.encoding = DW_EH_PE_uleb128;
		add_cie(&frames);
		add_function(&frames, BASE + 0x10, 0x10, DW_CFA_nop);
		if (cut >= frames.bytes.size) {
			bytes__release(&frames.bytes);
			return;
		}
		frames.bytes.size -= cut;
		fde_list__release(&(struct fde_list[]){list_of(&frames)}[0]);
	}
}

/* Functions that take turns with two long CIEs would have each of them read anew. */
static void a_cie_of_unusual_size_is_not_read(void **state)
{
	struct frames frames = {.vaddr = FRAME_VADDR, .encoding = DW_EH_PE_udata4};
	size_t cies[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin_cie(&frames, "zR", &frames.encoding, 1);
		put_on_entry(&frames);
		for (int j = 0; j < 1 << 20; j++)
			put_number(&frames.bytes, DW_CFA_nop, 1);
		end_entry(&frames);
		cies[i] = frames.cie;
	}
	for (uint64_t i = 0; i < 100000; i++) {
		frames.cie = cies[i % 2];
		add_function(&frames, BASE + 0x10 * i, 0x10, DW_CFA_nop);
	}
	assert_refused(&frames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_functions_of_libc_are_those_of_its_search_table),
		cmocka_unit_test(an_address_may_have_any_size),
		cmocka_unit_test(an_address_may_be_relative_to_its_place),
		cmocka_unit_test(a_length_has_no_sign),
		cmocka_unit_test(what_is_relative_to_something_else_is_refused),
		cmocka_unit_test(an_augmentation_is_read_letter_by_letter),
		cmocka_unit_test(an_augmentation_that_cannot_be_read_drops_its_functions),
		cmocka_unit_test(an_address_without_a_known_encoding_is_a_pointer),
		cmocka_unit_test(debug_frame_counts_from_the_sections_start),
		cmocka_unit_test(each_function_has_its_own_cies_encoding),
		cmocka_unit_test(the_list_is_sorted_and_has_each_start_once),
		cmocka_unit_test(a_function_without_bytes_or_past_the_last_address_is_dropped),
		cmocka_unit_test(nothing_is_read_behind_the_terminator),
		cmocka_unit_test(a_function_that_has_no_cie_is_dropped),
		cmocka_unit_test(all_instructions_of_compilers_are_known),
		cmocka_unit_test(a_program_that_libdw_must_not_run_is_refused),
		cmocka_unit_test(an_instruction_may_not_end_behind_its_program),
		cmocka_unit_test(augmentation_data_is_no_program),
		cmocka_unit_test(the_size_of_a_program_is_known),
		cmocka_unit_test(a_section_may_end_anywhere),
		cmocka_unit_test(a_cie_of_unusual_size_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
