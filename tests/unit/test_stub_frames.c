// SPDX-License-Identifier: Apache-2.0
/* What libdw reads of a stub's call-frame information, at the places that matter. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "inline/stub_image.h"

#define ADDRESS 0x7f0000000000

static struct stub_image image;
static uint64_t entry;

/* push r12; push rbp; push rbx; mov rbx,rdi; sub rsp,0x10: left behind the first. */
static const unsigned char malloc_[] = {0x41, 0x54, 0x55, 0x53, 0x48, 0x89,
					0xfb, 0x48, 0x83, 0xec, 0x10, 0x90};

/* push rbp; mov rbp,rsp; push rbx; sub rsp,8; mov rbx,rdi */
static const unsigned char with_frame[] = {0x55, 0x48, 0x89, 0xe5, 0x53, 0x48,
					   0x83, 0xec, 0x08, 0x48, 0x89, 0xfb};

static void make(const unsigned char *code, struct hook_place place)
{
	struct stub_function function = {
		.call = WIRE_HEAP_MALLOC,
		.address = ADDRESS + (1 << 20),
		.code = code,
		.place = place,
	};

	stub_image__begin(&image, ADDRESS, &(struct stub_books){.bucket_bits = 10});
	assert_int_equal(stub_image__add(&image, &function, &entry), 0);
	assert_int_equal(stub_image__finish(&image), 0);
	entry -= ADDRESS;
}

/* Bytes from rsp to the CFA there, and the rule of the caller's rbp: its distance below the CFA,
 * 0: it is in rbp. */
static void assert_frame(uint64_t pc, int cfa, int rbp)
{
	Elf *elf = elf_memory((char *)image.text, sizeof(image.text));
	Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
	Dwarf_Op memory[3], *ops;
	Dwarf_Frame *frame;
	size_t count;

	assert_non_null(cfi);
	assert_int_equal(dwarf_cfi_addrframe(cfi, pc, &frame), 0);
	assert_int_equal(dwarf_frame_cfa(frame, &ops, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(ops[0].atom, DW_OP_bregx);
	assert_int_equal(ops[0].number, 7);
	assert_int_equal(ops[0].number2, cfa);
	assert_int_equal(dwarf_frame_register(frame, 6, memory, &ops, &count), 0);
	if (rbp) {
		assert_int_equal(count, 2);
		assert_int_equal(ops[0].atom, DW_OP_call_frame_cfa);
		assert_int_equal(ops[1].number, -rbp);
	} else {
		assert_int_equal(count, 0);
		assert_null(ops);
	}
	free(frame);
	dwarf_cfi_end(cfi);
	elf_end(elf);
}

static void where_it_is_probed(void **state)
{
	(void)state;
	make(malloc_, (struct hook_place){.offset = 2, .end = 7, .depth = 8});
	assert_frame(stub_image__probe(STUB_PROBE_ENTRY), STUB_FRAME + 8, 0);
	assert_frame(stub_image__probe(STUB_PROBE_RETURN), STUB_FRAME + 8, 0);
	assert_frame(stub_image__probe(STUB_PROBE_FREE), 8, 0);
}

/* As the jump finds the stack, and then as what it covers changes it. */
static void in_a_slot(void **state)
{
	const struct stub_slot *slot = &image.slots[0];
	uint64_t covered;

	(void)state;
	make(malloc_, (struct hook_place){.offset = 2, .end = 7, .depth = 8});
	assert_int_equal(slot->entry, entry);
	assert_frame(entry, 16, 0);
	/* push rbp; push rbx; mov rbx,rdi; jmp */
	for (covered = entry; memcmp(image.text + covered, malloc_ + 2, 5); covered++)
		assert_true(covered < image.used);
	assert_frame(covered, 16, 0);
	assert_frame(covered + 1, 24, 0);
	assert_frame(covered + 2, 32, 0);
	assert_frame(covered + 5, 32, 0);
	/* endbr64; push r12; jmp */
	assert_frame(slot->copy, 8, 0);
	assert_frame(slot->copy + 4, 8, 0);
	assert_frame(slot->copy + 6, 16, 0);
}

static void rbp_is_found_where_it_was_saved(void **state)
{
	uint64_t covered;

	(void)state;
	make(with_frame, (struct hook_place){.offset = 1, .end = 9, .depth = 8});
	assert_frame(entry, 16, 0);
	for (covered = entry; memcmp(image.text + covered, with_frame + 1, 8); covered++)
		assert_true(covered < image.used);
	assert_frame(covered, 16, 0);
	/* Behind mov rbp,rsp. */
	assert_frame(covered + 3, 16, 16);
	assert_frame(covered + 4, 24, 16);
	assert_frame(covered + 8, 32, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_it_is_probed),
		cmocka_unit_test(in_a_slot),
		cmocka_unit_test(rbp_is_found_where_it_was_saved),
	};

	elf_version(EV_CURRENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
