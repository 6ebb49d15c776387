// SPDX-License-Identifier: Apache-2.0
/* The unwind rows of real libraries against libdw itself, of hand-made files, of broken ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <zlib.h>

#include "unwind/cfi.h"
#include "../fuzz/make_elf.h"

#define BASE        0x1000 /* of the hand-made functions */
#define FRAME_VADDR 0x200000

static void assert_sound(const struct cfi_table *table)
{
	for (size_t i = 0; i < table->row_count; i++) {
		assert_true(table->rows[i].rule < table->rule_count);
		if (i) {
			assert_true(table->rows[i - 1].vaddr < table->rows[i].vaddr);
			assert_int_not_equal(table->rows[i - 1].rule, table->rows[i].rule);
		}
	}
	assert_int_equal(table->rules[0].cfa, WIRE_CFA_NONE);
	if (table->row_count)
		assert_int_equal(table->rows[table->row_count - 1].rule, 0);
}

/* --- real files: the rule against libdw's word, by what both make of the same registers ---------
 */

struct reference {
	int fd;
	Elf *elf;
	Dwarf_CFI *cfi;
};

struct registers {
	uint64_t value[17];
};

/* Memory whose every word is known and different. */
static uint64_t word_at(uint64_t address)
{
	return address * 0x9e3779b97f4a7c15ULL ^ address >> 7;
}

static struct reference reference__open(const char *path)
{
	struct reference reference = {.fd = open(path, O_RDONLY | O_CLOEXEC)};

	if (reference.fd < 0)
		fail_msg("%s cannot be opened: this test needs it", path);
	elf_version(EV_CURRENT);
	reference.elf = elf_begin(reference.fd, ELF_C_READ, NULL);
	reference.cfi = dwarf_getcfi_elf(reference.elf);
	assert_non_null(reference.cfi);
	return reference;
}

static void reference__close(struct reference *reference)
{
	dwarf_cfi_end(reference->cfi);
	elf_end(reference->elf);
	close(reference->fd);
}

/* A stack machine of what real files use. False for any other operation. */
static bool run(const Dwarf_Op *ops, size_t count, const struct registers *registers,
		uint64_t *result)
{
	uint64_t stack[8] = {};
	size_t depth = 0;

	for (const Dwarf_Op *op = ops; op < ops + count; op++) {
		if (depth > 6)
			return false;
		if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg16) {
			stack[depth++] = registers->value[op->atom - DW_OP_breg0] + op->number;
		} else if (op->atom == DW_OP_bregx && op->number < 17) {
			stack[depth++] = registers->value[op->number] + op->number2;
		} else if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
			stack[depth++] = op->atom - DW_OP_lit0;
		} else if (op->atom == DW_OP_deref && depth) {
			stack[depth - 1] = word_at(stack[depth - 1]);
		} else if (op->atom == DW_OP_plus_uconst && depth) {
			stack[depth - 1] += op->number;
		} else if (depth >= 2) {
			uint64_t right = stack[--depth], left = stack[depth - 1];

			if (op->atom == DW_OP_and)
				stack[depth - 1] = left & right;
			else if (op->atom == DW_OP_ge)
				stack[depth - 1] = (int64_t)left >= (int64_t)right;
			else if (op->atom == DW_OP_shl)
				stack[depth - 1] = left << right;
			else if (op->atom == DW_OP_plus)
				stack[depth - 1] = left + right;
			else
				return false;
		} else {
			return false;
		}
	}
	*result = stack[0];
	return depth == 1;
}

static uint64_t cfa_by_rule(const struct wire_unwind_rule *rule, const struct registers *registers)
{
	uint64_t address = registers->value[rule->cfa_register] + rule->cfa_offset;

	if (rule->cfa == WIRE_CFA_DEREF)
		return word_at(address) + rule->cfa_addend;
	if (rule->cfa == WIRE_CFA_PLT)
		return registers->value[7] + 8 +
		       ((int)(registers->value[16] & 15) >= rule->cfa_offset ? 8 : 0);
	assert_int_equal(rule->cfa, WIRE_CFA_REGISTER);
	return address;
}

static void compare_bp(const struct wire_unwind_rule *rule, Dwarf_Frame *frame)
{
	Dwarf_Op memory[3], *ops;
	size_t count;
	bool is_saved;

	assert_int_equal(dwarf_frame_register(frame, 6, memory, &ops, &count), 0);
	is_saved = count && ops[0].atom == DW_OP_call_frame_cfa &&
		   (count == 1 || (count == 2 && ops[1].atom == DW_OP_plus_uconst));
	if (!count && !ops) {
		assert_int_equal(rule->bp, WIRE_BP_UNCHANGED);
	} else if (is_saved) {
		assert_int_equal(rule->bp, WIRE_BP_SAVED);
		assert_int_equal(rule->bp_offset, count == 2 ? (int64_t)ops[1].number : 0);
	} else if (count == 2 && ops[1].atom == DW_OP_breg6) {
		assert_int_equal(rule->bp, WIRE_BP_SAVED_BY_BP);
		assert_int_equal(rule->bp_offset, (int64_t)ops[1].number);
	} else {
		assert_int_equal(rule->bp, WIRE_BP_UNKNOWN);
	}
}

/* The rule says what the frame says. */
static void compare(const struct wire_unwind_rule *rule, Dwarf_Frame *frame, uint64_t vaddr)
{
	struct registers registers;
	Dwarf_Op memory[3], *ops;
	uint64_t expected = 0;
	bool is_signal, returns, runs;
	size_t count;

	dwarf_frame_info(frame, NULL, NULL, &is_signal);
	assert_int_equal(rule->cfa == WIRE_CFA_SIGNAL, is_signal);
	if (is_signal)
		return;
	assert_int_equal(dwarf_frame_register(frame, 16, memory, &ops, &count), 0);
	assert_int_equal(rule->cfa == WIRE_CFA_END, !count && ops);
	if (rule->cfa == WIRE_CFA_END)
		return;
	returns = count == 2 && ops[0].atom == DW_OP_call_frame_cfa &&
		  ops[1].atom == DW_OP_plus_uconst && (int64_t)ops[1].number == -8;
	assert_int_equal(dwarf_frame_cfa(frame, &ops, &count), 0);
	for (int i = 0; i < 17; i++)
		registers.value[i] = word_at(vaddr + i);
	registers.value[16] = vaddr;
	runs = run(ops, count, &registers, &expected);
	assert_int_equal(rule->cfa == WIRE_CFA_UNSUPPORTED, !runs || !returns);
	if (rule->cfa == WIRE_CFA_UNSUPPORTED)
		return;
	assert_int_equal(cfa_by_rule(rule, &registers), expected);
	compare_bp(rule, frame);
}

static void compare_at(const struct cfi_table *table, struct reference *reference, uint64_t vaddr)
{
	const struct wire_unwind_rule *rule = cfi_table__rule(table, vaddr);
	Dwarf_Frame *frame;

	if (dwarf_cfi_addrframe(reference->cfi, vaddr, &frame)) {
		/* Or what the code itself says: see test_bare_code.c. */
		assert_true(rule->cfa == WIRE_CFA_NONE ||
			    (rule->cfa == WIRE_CFA_REGISTER && rule->cfa_register == 7));
		return;
	}
	assert_int_not_equal(rule->cfa, WIRE_CFA_NONE);
	compare(rule, frame, vaddr);
	free(frame);
}

static struct cfi_table *table_of_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct cfi_table *table;

	if (fd < 0)
		fail_msg("%s cannot be opened: this test needs it", path);
	table = cfi_table__open(fd);
	close(fd);
	if (!table)
		fail_msg("%s: no table: %s", path, strerror(errno));
	assert_sound(table);
	assert_int_equal(table->dropped, 0);
	return table;
}

/* Both sides of each row's start, and 2,000 addresses besides. */
static void compare_all(const char *path)
{
	struct reference reference = reference__open(path);
	struct cfi_table *table = table_of_path(path);
	uint64_t first = table->rows[0].vaddr, last = table->rows[table->row_count - 1].vaddr;
	uint64_t random = 12345;

	for (size_t i = 0; i < table->row_count; i++) {
		compare_at(table, &reference, table->rows[i].vaddr - 1);
		compare_at(table, &reference, table->rows[i].vaddr);
	}
	for (int i = 0; i < 2000; i++) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		compare_at(table, &reference, first - 64 + (random >> 20) % (last - first + 128));
	}
	cfi_table__close(table);
	reference__close(&reference);
}

struct library {
	const char *name; /* is a part of the path */
	char path[512];
	uint64_t bias;
};

static int match(struct dl_phdr_info *info, size_t size, void *context)
{
	struct library *library = context;

	(void)size;
	if (!strstr(info->dlpi_name, library->name))
		return 0;
	snprintf(library->path, sizeof(library->path), "%s", info->dlpi_name);
	library->bias = info->dlpi_addr;
	return 1;
}

static struct library loaded(const char *name)
{
	struct library library = {.name = name};

	/* Stays loaded until the end. */
	if (!dlopen(name, RTLD_NOW) || !dl_iterate_phdr(match, &library))
		fail_msg("%s is not on this machine: this test needs it", name);
	return library;
}

static size_t rows_of(const struct cfi_table *table, enum wire_cfa cfa, uint64_t cfa_registers)
{
	size_t count = 0;

	for (size_t i = 0; i < table->row_count; i++) {
		const struct wire_unwind_rule *rule = &table->rules[table->rows[i].rule];

		count += rule->cfa == cfa && 1 << rule->cfa_register & cfa_registers;
	}
	return count;
}

#define RBP   (1 << 6)
#define RSP   (1 << 7)
#define OTHER 0xff3f
#define ANY   0xffff

static void the_rules_of_libc_are_what_libdw_says(void **state)
{
	(void)state;
	compare_all(loaded("libc.so.6").path);
}

static void the_rules_of_libcrypto_are_what_libdw_says(void **state)
{
	(void)state;
	compare_all(loaded("libcrypto.so.3").path);
}

/* Measured on Debian 12: 28,274 rows, where those that differ in other registers only are one. */
static void libc_has_mostly_rows_of_rsp(void **state)
{
	struct cfi_table *table = table_of_path(loaded("libc.so.6").path);

	(void)state;
	assert_in_range(table->row_count, 20000, 40000);
	assert_in_range(table->rule_count, 100, 1000);
	assert_in_range(rows_of(table, WIRE_CFA_REGISTER, RSP), 20000, 30000);
	assert_in_range(rows_of(table, WIRE_CFA_REGISTER, RBP), 100, 500);
	assert_in_range(rows_of(table, WIRE_CFA_UNSUPPORTED, ANY), 1, 20);
	assert_int_equal(rows_of(table, WIRE_CFA_PLT, ANY), 1);
	assert_int_equal(rows_of(table, WIRE_CFA_SIGNAL, ANY), 1);
	assert_in_range(rows_of(table, WIRE_CFA_END, ANY), 2, 5);
	cfi_table__close(table);
}

/* Measured: 86,298 rows, 75,543 of rsp, 239 of others, 60 behind a pointer. */
static void libcrypto_has_rows_of_other_registers(void **state)
{
	struct cfi_table *table = table_of_path(loaded("libcrypto.so.3").path);

	(void)state;
	assert_in_range(table->row_count, 50000, 150000);
	assert_in_range(rows_of(table, WIRE_CFA_REGISTER, RSP), 50000, 120000);
	assert_in_range(rows_of(table, WIRE_CFA_REGISTER, OTHER), 100, 1000);
	assert_in_range(rows_of(table, WIRE_CFA_DEREF, ANY), 20, 500);
	assert_int_equal(rows_of(table, WIRE_CFA_PLT, ANY), 1);
	cfi_table__close(table);
}

static void on_signal(int number)
{
	(void)number;
}

/* The address that libc has the kernel return to from a signal handler: __restore_rt. */
static uint64_t restorer(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} known = {};

	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &known, 8), 0);
	return (uint64_t)known.restorer;
}

static void the_signal_frame_of_libc_is_known(void **state)
{
	struct library libc = loaded("libc.so.6");
	struct cfi_table *table = table_of_path(libc.path);
	uint64_t vaddr = restorer() - libc.bias;

	(void)state;
	assert_int_equal(cfi_table__rule(table, vaddr)->cfa, WIRE_CFA_SIGNAL);
	/* A step up from a handler looks up one byte before it. */
	assert_int_equal(cfi_table__rule(table, vaddr - 1)->cfa, WIRE_CFA_SIGNAL);
	cfi_table__close(table);
}

/* clone() and the unexported clone3() end where the new thread begins. */
static void a_new_thread_of_libc_is_an_outermost_frame(void **state)
{
	struct library libc = loaded("libc.so.6");
	struct cfi_table *table = table_of_path(libc.path);
	uint64_t vaddr = (uint64_t)dlsym(RTLD_DEFAULT, "clone") - libc.bias;
	bool found = false;

	(void)state;
	assert_int_equal(cfi_table__rule(table, vaddr)->cfa, WIRE_CFA_REGISTER);
	for (uint64_t at = vaddr; at < vaddr + 0x80; at++)
		found |= cfi_table__rule(table, at)->cfa == WIRE_CFA_END;
	assert_true(found);
	cfi_table__close(table);
}

extern char _start[];

static void the_start_of_a_program_is_an_outermost_frame(void **state)
{
	struct cfi_table *table = table_of_path("/proc/self/exe");
	Dl_info info;

	(void)state;
	assert_true(dladdr(_start, &info));
	assert_int_equal(cfi_table__rule(table, (uint64_t)(_start - (char *)info.dli_fbase))->cfa,
			 WIRE_CFA_END);
	cfi_table__close(table);
}

static uint64_t section_vaddr(const char *path, const char *name)
{
	struct reference reference = reference__open(path);
	Elf_Scn *section = NULL;
	uint64_t vaddr = 0;
	size_t names;

	assert_int_equal(elf_getshdrstrndx(reference.elf, &names), 0);
	while ((section = elf_nextscn(reference.elf, section))) {
		GElf_Shdr shdr;

		gelf_getshdr(section, &shdr);
		if (!strcmp(elf_strptr(reference.elf, names, shdr.sh_name), name))
			vaddr = shdr.sh_addr;
	}
	reference__close(&reference);
	return vaddr;
}

/* The first entry, of 16 bytes, has pushed once, later twice; each of the others pushes at 6. */
static void the_plt_of_libc_is_known(void **state)
{
	struct library libc = loaded("libc.so.6");
	struct cfi_table *table = table_of_path(libc.path);
	uint64_t plt = section_vaddr(libc.path, ".plt");
	const struct wire_unwind_rule *rule = cfi_table__rule(table, plt + 16);

	(void)state;
	assert_int_not_equal(plt, 0);
	assert_int_equal(rule->cfa, WIRE_CFA_PLT);
	assert_in_range(rule->cfa_offset, 6, 11);
	assert_int_equal(cfi_table__rule(table, plt)->cfa, WIRE_CFA_REGISTER);
	assert_int_equal(cfi_table__rule(table, plt)->cfa_offset, 16);
	assert_int_equal(cfi_table__rule(table, plt + 6)->cfa_offset, 24);
	cfi_table__close(table);
}

/* --- hand-made files -------------------------------------------------------------------------- */

static struct cfi_table *open_bytes(const void *data, size_t size)
{
	int fd = file_of(data, size);
	struct cfi_table *table = cfi_table__open(fd);
	int error = errno;

	close(fd);
	if (table)
		assert_sound(table);
	errno = error;
	return table;
}

/* NULL with errno set. */
static struct cfi_table *try_table(struct frames *frames)
{
	struct bytes elf = elf_of(frames);
	struct cfi_table *table = open_bytes(elf.data, elf.size);
	int error = errno;

	bytes__release(&elf);
	bytes__release(&frames->bytes);
	errno = error;
	return table;
}

static struct cfi_table *table_of(struct frames *frames)
{
	struct cfi_table *table = try_table(frames);

	assert_non_null(table);
	return table;
}

static struct frames new_frames(void)
{
	struct frames frames = {.vaddr = FRAME_VADDR, .encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata4};

	add_cie(&frames);
	return frames;
}

/* The rule that this program leaves, on a function whose CIE is the usual one. */
static struct wire_unwind_rule rule_of(const void *program, size_t size)
{
	struct frames frames = new_frames();
	struct wire_unwind_rule rule;
	struct cfi_table *table;

	add_fde(&frames, BASE, 0x100, program, size);
	table = table_of(&frames);
	assert_int_equal(table->row_count, 2);
	assert_int_equal(table->rows[0].vaddr, BASE);
	assert_int_equal(table->rows[1].vaddr, BASE + 0x100);
	rule = *cfi_table__rule(table, BASE);
	cfi_table__close(table);
	return rule;
}

static void assert_rules_equal(struct wire_unwind_rule rule, struct wire_unwind_rule expected)
{
	assert_int_equal(rule.cfa, expected.cfa);
	assert_int_equal(rule.cfa_register, expected.cfa_register);
	assert_int_equal(rule.cfa_offset, expected.cfa_offset);
	assert_int_equal(rule.cfa_addend, expected.cfa_addend);
	assert_int_equal(rule.bp, expected.bp);
	assert_int_equal(rule.bp_offset, expected.bp_offset);
	assert_int_equal(rule.bx, WIRE_BX_UNKNOWN);
}

#define RULE(...)                  ((struct wire_unwind_rule){__VA_ARGS__})
#define REGISTER_PLUS(n, o)        .cfa = WIRE_CFA_REGISTER, .cfa_register = (n), .cfa_offset = (o)
#define UNSUPPORTED                RULE(.cfa = WIRE_CFA_UNSUPPORTED)

/* assert_rule(RULE(...), program) */
#define assert_rule(expected, ...) assert_rules_equal(rule_of(PROGRAM(__VA_ARGS__)), expected)

static void the_cfa_may_be_any_register_and_an_offset(void **state)
{
	(void)state;
	assert_rule(RULE(REGISTER_PLUS(7, 8)), DW_CFA_nop);
	assert_rule(RULE(REGISTER_PLUS(7, 0x100)), DW_CFA_def_cfa_offset, 0x80, 0x02);
	assert_rule(RULE(REGISTER_PLUS(6, 16)), DW_CFA_def_cfa, 6, 16);
	assert_rule(RULE(REGISTER_PLUS(6, 8)), DW_CFA_def_cfa_register, 6);
	assert_rule(RULE(REGISTER_PLUS(10, 0)), DW_CFA_def_cfa, 10, 0);
	assert_rule(RULE(REGISTER_PLUS(15, 8)), DW_CFA_def_cfa_register, 15);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_register, 16);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_register, 17);
}

/* The data alignment factor is -8. */
static void a_signed_offset_is_factored(void **state)
{
	(void)state;
	assert_rule(RULE(REGISTER_PLUS(7, 16)), DW_CFA_def_cfa_sf, 7, 0x7e);
	assert_rule(RULE(REGISTER_PLUS(6, -16)), DW_CFA_def_cfa_sf, 6, 2);
	assert_rule(RULE(REGISTER_PLUS(7, -8)), DW_CFA_def_cfa_offset_sf, 1);
}

static void an_offset_of_more_than_32_bits_is_not_supported(void **state)
{
	(void)state;
	assert_rule(RULE(REGISTER_PLUS(7, INT32_MAX)), DW_CFA_def_cfa_offset, 0xff, 0xff, 0xff,
		    0xff, 0x07);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_offset, 0x80, 0x80, 0x80, 0x80, 0x08);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_offset, 0x88, 0x80, 0x80, 0x80, 0x10);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 7, DW_OP_breg6, 0x80, 0x80, 0x80, 0x80,
		    0x08, DW_OP_deref);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 9, DW_OP_breg6, 0, DW_OP_deref,
		    DW_OP_plus_uconst, 0x80, 0x80, 0x80, 0x80, 0x08);
}

static void an_expression_of_one_register_is_a_register(void **state)
{
	(void)state;
	assert_rule(RULE(REGISTER_PLUS(6, -8)), DW_CFA_def_cfa_expression, 2, DW_OP_breg6, 0x78);
	assert_rule(RULE(REGISTER_PLUS(12, 3)), DW_CFA_def_cfa_expression, 3, DW_OP_bregx, 12, 3);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 3, DW_OP_bregx, 16, 0);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 4, DW_OP_bregx, 0x86, 0x02, 0);
}

static void an_expression_may_follow_a_pointer(void **state)
{
	(void)state;
	assert_rule(RULE(.cfa = WIRE_CFA_DEREF, .cfa_register = 6, .cfa_offset = -8),
		    DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 0x78, DW_OP_deref);
	assert_rule(
		RULE(.cfa = WIRE_CFA_DEREF, .cfa_register = 7, .cfa_offset = 0x50, .cfa_addend = 8),
		DW_CFA_def_cfa_expression, 6, DW_OP_breg7, 0xd0, 0, DW_OP_deref, DW_OP_plus_uconst,
		8);
	assert_rule(RULE(.cfa = WIRE_CFA_DEREF, .cfa_register = 13, .cfa_offset = 1),
		    DW_CFA_def_cfa_expression, 4, DW_OP_bregx, 13, 1, DW_OP_deref);
}

static void any_other_expression_is_not_supported(void **state)
{
	(void)state;
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 0);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 1, DW_OP_lit8);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 4, DW_OP_breg6, 0x78, DW_OP_deref,
		    DW_OP_deref);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 4, DW_OP_breg6, 0, DW_OP_lit8,
		    DW_OP_plus);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 4, DW_OP_breg7, 8, DW_OP_breg6, 0);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 5, DW_OP_breg6, 0, DW_OP_nop,
		    DW_OP_plus_uconst, 8);
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 5, DW_OP_lit0, DW_OP_deref,
		    DW_OP_plus_uconst, 8, DW_OP_nop);
	/* What no expression may have. */
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 1, 0x02);
}

#define PLT(offset, mask, from, shift, last)                                                      \
	DW_CFA_def_cfa_expression, 11, DW_OP_breg7, (offset), DW_OP_breg16, 0, (mask), DW_OP_and, \
		(from), DW_OP_ge, (shift), DW_OP_shl, (last)

static void the_linkers_expression_for_a_plt_is_known(void **state)
{
	(void)state;
	assert_rule(RULE(.cfa = WIRE_CFA_PLT, .cfa_offset = 11),
		    PLT(8, DW_OP_lit15, DW_OP_lit11, DW_OP_lit3, DW_OP_plus));
	assert_rule(RULE(.cfa = WIRE_CFA_PLT, .cfa_offset = 6),
		    PLT(8, DW_OP_lit15, DW_OP_lit6, DW_OP_lit3, DW_OP_plus));
	assert_rule(RULE(.cfa = WIRE_CFA_PLT, .cfa_offset = 0),
		    PLT(8, DW_OP_lit15, DW_OP_lit0, DW_OP_lit3, DW_OP_plus));
	assert_rule(UNSUPPORTED, PLT(16, DW_OP_lit15, DW_OP_lit11, DW_OP_lit3, DW_OP_plus));
	assert_rule(UNSUPPORTED, PLT(8, DW_OP_lit14, DW_OP_lit11, DW_OP_lit3, DW_OP_plus));
	assert_rule(UNSUPPORTED, PLT(8, DW_OP_lit15, DW_OP_lit16, DW_OP_lit3, DW_OP_plus));
	assert_rule(UNSUPPORTED, PLT(8, DW_OP_lit15, DW_OP_lit11, DW_OP_lit4, DW_OP_plus));
	assert_rule(UNSUPPORTED, PLT(8, DW_OP_lit15, DW_OP_lit11, DW_OP_lit3, DW_OP_minus));
	assert_rule(UNSUPPORTED, DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 1,
		    DW_OP_lit15, DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl,
		    DW_OP_plus);
}

static void without_a_return_address_the_frame_is_the_outermost(void **state)
{
	(void)state;
	assert_rule(RULE(.cfa = WIRE_CFA_END), DW_CFA_undefined, 16);
	assert_rule(RULE(.cfa = WIRE_CFA_END), DW_CFA_undefined, 16, DW_CFA_def_cfa_register, 20);
}

static void a_return_address_elsewhere_is_not_supported(void **state)
{
	(void)state;
	assert_rule(UNSUPPORTED, DW_CFA_offset | 16, 2);
	assert_rule(UNSUPPORTED, DW_CFA_offset | 16, 0);
	assert_rule(UNSUPPORTED, DW_CFA_offset_extended_sf, 16, 0x7f);
	assert_rule(UNSUPPORTED, DW_CFA_register, 16, 2);
	assert_rule(UNSUPPORTED, DW_CFA_same_value, 16);
	assert_rule(UNSUPPORTED, DW_CFA_val_offset, 16, 1);
	assert_rule(UNSUPPORTED, DW_CFA_expression, 16, 2, DW_OP_breg7, 0);
	assert_rule(UNSUPPORTED, DW_CFA_val_expression, 16, 2, DW_OP_breg7, 0);
	assert_rule(RULE(REGISTER_PLUS(7, 8)), DW_CFA_offset | 16, 2, DW_CFA_restore | 16);
}

static void rbp_may_be_saved_or_the_same_or_lost(void **state)
{
	(void)state;
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_SAVED, .bp_offset = -16),
		    DW_CFA_offset | 6, 2);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_SAVED, .bp_offset = 8),
		    DW_CFA_offset_extended_sf, 6, 0x7f);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_SAVED), DW_CFA_offset | 6, 0);
	assert_rule(RULE(REGISTER_PLUS(7, 8)), DW_CFA_offset | 6, 2, DW_CFA_same_value, 6);
	assert_rule(RULE(REGISTER_PLUS(7, 8)), DW_CFA_offset | 6, 2, DW_CFA_restore | 6);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_undefined, 6);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_register, 6, 12);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_val_offset, 6, 2);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_val_offset, 6, 0);
	/* 8 * 2^28 does not fit. */
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_SAVED, .bp_offset = INT32_MIN),
		    DW_CFA_offset | 6, 0x80, 0x80, 0x80, 0x80, 0x01);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_offset | 6, 0x81, 0x80,
		    0x80, 0x80, 0x01);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_offset_extended_sf, 6,
		    0x80, 0x80, 0x80, 0x80, 0x7f);
}

static void rbp_may_be_saved_where_it_points_to_itself(void **state)
{
	(void)state;
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_SAVED_BY_BP), DW_CFA_expression, 6, 2,
		    DW_OP_breg6, 0);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_SAVED_BY_BP, .bp_offset = -8),
		    DW_CFA_expression, 6, 3, DW_OP_bregx, 6, 0x78);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_expression, 6, 2,
		    DW_OP_breg7, 0);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_expression, 6, 3,
		    DW_OP_breg6, 0, DW_OP_deref);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_val_expression, 6, 2,
		    DW_OP_breg6, 0);
	assert_rule(RULE(REGISTER_PLUS(7, 8), .bp = WIRE_BP_UNKNOWN), DW_CFA_expression, 6, 6,
		    DW_OP_breg6, 0x80, 0x80, 0x80, 0x80, 0x08);
}

struct expected_row {
	uint64_t vaddr;
	enum wire_cfa cfa;
	int32_t offset;
};

#define NO_ROW_AT(vaddr)                \
	{                               \
		vaddr, WIRE_CFA_NONE, 0 \
	}
#define ROW_AT(vaddr, offset)                    \
	{                                        \
		vaddr, WIRE_CFA_REGISTER, offset \
	}

/* Closes the table. */
static void assert_rows(struct cfi_table *table, const struct expected_row *rows, size_t count)
{
	for (size_t i = 0; i < count && i < table->row_count; i++) {
		const struct wire_unwind_rule *rule = &table->rules[table->rows[i].rule];

		assert_int_equal(table->rows[i].vaddr, rows[i].vaddr);
		assert_int_equal(rule->cfa, rows[i].cfa);
		assert_int_equal(rule->cfa_offset, rows[i].offset);
	}
	assert_int_equal(table->row_count, count);
	cfi_table__close(table);
}

#define ROWS(...)                                   \
	(const struct expected_row[]){__VA_ARGS__}, \
		sizeof((const struct expected_row[]){__VA_ARGS__}) / sizeof(struct expected_row)

static void every_advance_begins_a_row(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	add_function(&frames, BASE, 0x100000, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16,
		     DW_CFA_advance_loc1, 0xfe, DW_CFA_def_cfa_offset, 24, DW_CFA_advance_loc2,
		     0x01, 0x0f, DW_CFA_def_cfa_offset, 32, DW_CFA_advance_loc4, 0, 0, 1, 0,
		     DW_CFA_def_cfa_offset, 40);
	assert_rows(table_of(&frames),
		    ROWS(ROW_AT(BASE, 8), ROW_AT(BASE + 1, 16), ROW_AT(BASE + 0xff, 24),
			 ROW_AT(BASE + 0x1000, 32), ROW_AT(BASE + 0x11000, 40),
			 NO_ROW_AT(BASE + 0x100000)));
}

static void rows_that_differ_in_nothing_we_keep_are_one(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	add_function(&frames, BASE, 0x100, DW_CFA_advance_loc | 1, DW_CFA_offset | 3, 2,
		     DW_CFA_advance_loc | 1, DW_CFA_offset | 12, 3, DW_CFA_advance_loc | 1,
		     DW_CFA_def_cfa_offset, 16);
	assert_rows(table_of(&frames),
		    ROWS(ROW_AT(BASE, 8), ROW_AT(BASE + 3, 16), NO_ROW_AT(BASE + 0x100)));
}

static void a_state_is_remembered_and_restored(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	add_function(&frames, BASE, 0x100, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16,
		     DW_CFA_remember_state, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 8,
		     DW_CFA_advance_loc | 1, DW_CFA_restore_state);
	assert_rows(table_of(&frames),
		    ROWS(ROW_AT(BASE, 8), ROW_AT(BASE + 1, 16), ROW_AT(BASE + 2, 8),
			 ROW_AT(BASE + 3, 16), NO_ROW_AT(BASE + 0x100)));
}

static void a_row_behind_the_functions_end_is_cut(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	add_function(&frames, BASE, 4, DW_CFA_advance_loc | 8, DW_CFA_def_cfa_offset, 16);
	assert_rows(table_of(&frames), ROWS(ROW_AT(BASE, 8), NO_ROW_AT(BASE + 4)));
}

static void a_broken_program_ends_its_function_only(void **state)
{
	struct frames frames = new_frames();
	struct cfi_table *table;

	(void)state;
	add_function(&frames, BASE, 0x10, DW_CFA_advance_loc | 4, DW_CFA_restore_state);
	add_function(&frames, BASE + 0x10, 0x10, DW_CFA_nop);
	table = table_of(&frames);
	assert_int_equal(table->dropped, 1);
	assert_int_equal(cfi_table__rule(table, BASE + 4)->cfa, WIRE_CFA_NONE);
	assert_int_equal(cfi_table__rule(table, BASE + 0x10)->cfa, WIRE_CFA_REGISTER);
	cfi_table__close(table);
}

static void a_gap_has_no_rule(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	add_function(&frames, BASE + 0x11, 0xf, DW_CFA_nop);
	add_function(&frames, BASE + 0x20, 0x10, DW_CFA_nop);
	assert_rows(table_of(&frames), ROWS(ROW_AT(BASE, 8), NO_ROW_AT(BASE + 0x10),
					    ROW_AT(BASE + 0x11, 8), NO_ROW_AT(BASE + 0x30)));
}

static void functions_may_stand_in_any_order(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	add_function(&frames, BASE + 0x40, 0x10, DW_CFA_def_cfa_offset, 24);
	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	add_function(&frames, BASE + 0x20, 0x10, DW_CFA_def_cfa_offset, 16);
	assert_rows(table_of(&frames),
		    ROWS(ROW_AT(BASE, 8), NO_ROW_AT(BASE + 0x10), ROW_AT(BASE + 0x20, 16),
			 NO_ROW_AT(BASE + 0x30), ROW_AT(BASE + 0x40, 24), NO_ROW_AT(BASE + 0x50)));
}

/* Of two descriptions of one address libdw keeps the first. */
static void a_function_is_listed_once(void **state)
{
	struct frames frames = new_frames();

	(void)state;
	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	add_function(&frames, BASE, 0x10, DW_CFA_def_cfa_offset, 16);
	add_function(&frames, BASE + 0x10, 0, DW_CFA_def_cfa_offset, 24);
	assert_rows(table_of(&frames), ROWS(ROW_AT(BASE, 8), NO_ROW_AT(BASE + 0x10)));
}

/* What libdw makes of them is its own affair; the rows stay in order, and end. */
static void of_functions_that_overlap_the_latter_cuts_the_former(void **state)
{
	struct frames frames = new_frames();
	struct cfi_table *table;

	(void)state;
	add_function(&frames, BASE + 0x20, 0x10, DW_CFA_def_cfa_offset, 16);
	add_function(&frames, BASE, 0x40, DW_CFA_nop);
	add_function(&frames, BASE + 0x80, 0x10, DW_CFA_nop);
	table = table_of(&frames);
	assert_int_equal(cfi_table__rule(table, BASE + 0x20)->cfa_offset, 16);
	assert_int_equal(cfi_table__rule(table, BASE + 0x60)->cfa, WIRE_CFA_NONE);
	assert_int_equal(cfi_table__rule(table, BASE + 0x80)->cfa, WIRE_CFA_REGISTER);
	cfi_table__close(table);
}

static void outside_of_all_functions_there_is_no_rule(void **state)
{
	struct frames frames = new_frames();
	struct cfi_table *table;

	(void)state;
	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	table = table_of(&frames);
	assert_int_equal(cfi_table__rule(table, 0)->cfa, WIRE_CFA_NONE);
	assert_int_equal(cfi_table__rule(table, BASE - 1)->cfa, WIRE_CFA_NONE);
	assert_int_equal(cfi_table__rule(table, BASE)->cfa, WIRE_CFA_REGISTER);
	assert_int_equal(cfi_table__rule(table, BASE + 0xf)->cfa, WIRE_CFA_REGISTER);
	assert_int_equal(cfi_table__rule(table, BASE + 0x10)->cfa, WIRE_CFA_NONE);
	assert_int_equal(cfi_table__rule(table, UINT64_MAX)->cfa, WIRE_CFA_NONE);
	cfi_table__close(table);
}

static void an_address_may_be_encoded_in_many_ways(void **state)
{
	static const uint8_t encodings[] = {
		DW_EH_PE_absptr,
		DW_EH_PE_udata2,
		DW_EH_PE_udata4,
		DW_EH_PE_udata8,
		DW_EH_PE_uleb128,
		DW_EH_PE_sleb128,
		DW_EH_PE_sdata2 | DW_EH_PE_pcrel,
		DW_EH_PE_sdata4 | DW_EH_PE_pcrel,
		DW_EH_PE_sdata8 | DW_EH_PE_pcrel,
		DW_EH_PE_absptr | DW_EH_PE_pcrel,
		DW_EH_PE_sleb128 | DW_EH_PE_pcrel,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(encodings); i++) {
		struct frames frames = {.vaddr = 0x3000, .encoding = encodings[i]};

		add_cie(&frames);
		add_function(&frames, BASE, 0x10, DW_CFA_nop);
		assert_rows(table_of(&frames), ROWS(ROW_AT(BASE, 8), NO_ROW_AT(BASE + 0x10)));
	}
}

/* A CIE with a personality and FDEs with a language-specific area, as C++ has them. */
static void the_augmentation_of_cplusplus_is_read(void **state)
{
	const uint8_t encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata4;
	const uint8_t data[] = {encoding, 1, 2, 3, 4, encoding, encoding};
	struct frames frames = {.vaddr = FRAME_VADDR, .encoding = encoding};

	(void)state;
	begin_cie(&frames, "zPLR", data, sizeof(data));
	put_on_entry(&frames);
	end_entry(&frames);
	begin_fde(&frames, BASE, 0x10);
	put(&frames.bytes, PROGRAM(4, 1, 2, 3, 4, DW_CFA_def_cfa_offset, 16));
	end_entry(&frames);
	assert_rows(table_of(&frames), ROWS(ROW_AT(BASE, 16), NO_ROW_AT(BASE + 0x10)));
}

static void a_signal_frame_is_told_by_its_augmentation(void **state)
{
	struct frames frames = {.vaddr = FRAME_VADDR};
	struct cfi_table *table;

	(void)state;
	begin_cie(&frames, "zRS", &frames.encoding, 1);
	put_on_entry(&frames);
	end_entry(&frames);
	add_function(&frames, BASE, 0x10, DW_CFA_def_cfa_expression, 4, DW_OP_breg7, 0xa0, 1,
		     DW_OP_deref);
	table = table_of(&frames);
	assert_rules_equal(*cfi_table__rule(table, BASE), RULE(.cfa = WIRE_CFA_SIGNAL));
	cfi_table__close(table);
}

/* --- .debug_frame -------------------------------------------------------------------------------
 */

static struct frames debug_frames(uint64_t start)
{
	struct frames frames = {.is_debug_frame = true};

	add_cie(&frames);
	add_function(&frames, start, 0x10, DW_CFA_def_cfa_offset, 16);
	return frames;
}

static void debug_frame_serves_where_there_is_no_eh_frame(void **state)
{
	struct frames frames = debug_frames(BASE);

	(void)state;
	assert_rows(table_of(&frames), ROWS(ROW_AT(BASE, 16), NO_ROW_AT(BASE + 0x10)));
}

/* A file of both; releases them. */
static struct cfi_table *table_of_both(struct frames *eh_frames, struct frames *frames)
{
	struct elf_section sections[] = {
		{".eh_frame",    &eh_frames->bytes, eh_frames->vaddr, SHF_ALLOC, 0},
		{".debug_frame", &frames->bytes,    0,                0,         0},
	};
	struct bytes elf = make_elf(sections, 2);
	struct cfi_table *table = open_bytes(elf.data, elf.size);

	bytes__release(&elf);
	bytes__release(&eh_frames->bytes);
	bytes__release(&frames->bytes);
	assert_non_null(table);
	return table;
}

static void eh_frame_comes_first(void **state)
{
	struct frames eh_frames = new_frames(), frames = debug_frames(BASE);

	(void)state;
	add_function(&eh_frames, BASE, 0x10, DW_CFA_nop);
	assert_rows(table_of_both(&eh_frames, &frames),
		    ROWS(ROW_AT(BASE, 8), NO_ROW_AT(BASE + 0x10)));
}

static void debug_frame_serves_where_eh_frame_is_empty_or_useless(void **state)
{
	struct frames empty = {.vaddr = FRAME_VADDR}, broken = new_frames();
	struct frames frames = debug_frames(BASE);

	(void)state;
	put_number(&empty.bytes, 0, 4);
	assert_rows(table_of_both(&empty, &frames), ROWS(ROW_AT(BASE, 16), NO_ROW_AT(BASE + 0x10)));
	frames = debug_frames(BASE);
	add_function(&broken, BASE + 0x100, 0x10, DW_CFA_restore_state);
	assert_rows(table_of_both(&broken, &frames),
		    ROWS(ROW_AT(BASE, 16), NO_ROW_AT(BASE + 0x10)));
}

static struct bytes compressed_elf(const struct frames *frames, uint64_t claimed_size)
{
	Elf64_Chdr chdr = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = claimed_size, .ch_addralign = 8};
	struct elf_section section = {.name = ".debug_frame", .flags = SHF_COMPRESSED};
	uLongf size = compressBound(frames->bytes.size);
	struct bytes packed = {}, elf;
	uint8_t buffer[1024];

	assert_true(size < sizeof(buffer));
	assert_int_equal(compress(buffer, &size, frames->bytes.data, frames->bytes.size), Z_OK);
	put(&packed, &chdr, sizeof(chdr));
	put(&packed, buffer, size);
	section.bytes = &packed;
	elf = make_elf(&section, 1);
	bytes__release(&packed);
	return elf;
}

static void debug_frame_may_be_compressed(void **state)
{
	struct frames frames = debug_frames(BASE);
	struct bytes elf = compressed_elf(&frames, frames.bytes.size);

	(void)state;
	assert_rows(open_bytes(elf.data, elf.size), ROWS(ROW_AT(BASE, 16), NO_ROW_AT(BASE + 0x10)));
	bytes__release(&elf);
	elf = compressed_elf(&frames, 1ULL << 40);
	assert_null(open_bytes(elf.data, elf.size));
	bytes__release(&elf);
	bytes__release(&frames.bytes);
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

#define BOMB_SIZE (256U << 20)

static struct bytes bomb(void)
{
	Elf64_Chdr chdr = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = BOMB_SIZE, .ch_addralign = 8};
	static uint8_t zeros[1 << 20], packed[1 << 20];
	z_stream stream = {.next_out = packed, .avail_out = sizeof(packed)};
	struct bytes bytes = {};

	assert_int_equal(deflateInit(&stream, Z_BEST_COMPRESSION), Z_OK);
	for (size_t size = 0; size < BOMB_SIZE; size += sizeof(zeros)) {
		stream.next_in = zeros;
		stream.avail_in = sizeof(zeros);
		assert_int_equal(deflate(&stream, Z_NO_FLUSH), Z_OK);
	}
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	put(&bytes, &chdr, sizeof(chdr));
	put(&bytes, packed, stream.total_out);
	deflateEnd(&stream);
	return bytes;
}

static void what_is_beside_debug_frame_is_not_read(void **state)
{
	struct frames frames = debug_frames(BASE);
	struct bytes packed = bomb(), elf;
	struct elf_section sections[] = {
		{".debug_frame", &frames.bytes, 0, 0,              0},
		{".debug_info",  &packed,       0, SHF_COMPRESSED, 0},
		{".debug_line",  &packed,       0, SHF_COMPRESSED, 0},
	};
	long before_kib = peak_kib();

	(void)state;
	elf = make_elf(sections, 3);
	assert_rows(open_bytes(elf.data, elf.size), ROWS(ROW_AT(BASE, 16), NO_ROW_AT(BASE + 0x10)));
	assert_true(peak_kib() - before_kib < 128 << 10);
	bytes__release(&elf);
	bytes__release(&packed);
	bytes__release(&frames.bytes);
}

/* --- malformed files ----------------------------------------------------------------------------
 */

static void assert_refused(const void *data, size_t size, int error)
{
	assert_null(open_bytes(data, size));
	assert_int_equal(errno, error);
}

static struct bytes small_elf(bool is_debug_frame)
{
	struct frames frames = {.vaddr = FRAME_VADDR, .is_debug_frame = is_debug_frame};
	struct bytes elf;

	add_cie(&frames);
	add_function(&frames, BASE, 0x10, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16,
		     DW_CFA_offset | 6, 2, DW_CFA_remember_state, DW_CFA_advance_loc1, 3,
		     DW_CFA_def_cfa_register, 6, DW_CFA_advance_loc | 2, DW_CFA_restore_state);
	add_function(&frames, BASE + 0x20, 0x10, DW_CFA_def_cfa_expression, 5, DW_OP_breg6, 0x78,
		     DW_OP_deref, DW_OP_plus_uconst, 8, DW_CFA_expression, 6, 2, DW_OP_breg6, 0);
	elf = elf_of(&frames);
	bytes__release(&frames.bytes);
	return elf;
}

static void what_is_not_elf_is_refused(void **state)
{
	struct bytes elf = small_elf(false);
	static const char text[] =
		"#!/bin/sh\necho this is a program, and as long as an ELF header "
		"is, so that nobody stumbles at its size\n";

	(void)state;
	assert_refused("", 0, EBADMSG);
	assert_refused(text, sizeof(text), EBADMSG);
	assert_refused("!<arch>\n", 8, EBADMSG);
	assert_refused(elf.data, 63, EBADMSG);
	((Elf64_Ehdr *)elf.data)->e_machine = EM_AARCH64;
	assert_refused(elf.data, elf.size, EBADMSG);
	((Elf64_Ehdr *)elf.data)->e_machine = EM_X86_64;
	elf.data[EI_CLASS] = ELFCLASS32;
	assert_refused(elf.data, elf.size, EBADMSG);
	elf.data[EI_CLASS] = ELFCLASS64;
	elf.data[EI_DATA] = ELFDATA2MSB;
	assert_refused(elf.data, elf.size, EBADMSG);
	((Elf64_Ehdr *)elf.data)->e_machine = EM_X86_64 << 8;
	assert_refused(elf.data, elf.size, EBADMSG);
	bytes__release(&elf);
}

static void a_file_without_frames_is_told_from_a_broken_one(void **state)
{
	struct bytes code = {}, elf;
	struct elf_section sections[] = {
		{".text",     &code, BASE,        SHF_ALLOC, 0         },
		{".eh_frame", &code, FRAME_VADDR, SHF_ALLOC, SHT_NOBITS},
	};

	(void)state;
	put_number(&code, 0xc3, 8);
	elf = make_elf(sections, 1);
	assert_refused(elf.data, elf.size, ENOENT);
	bytes__release(&elf);
	elf = make_elf(sections, 2);
	assert_refused(elf.data, elf.size, ENOENT);
	bytes__release(&elf);
	sections[1].type = SHT_PROGBITS;
	sections[1].bytes = &(struct bytes){};
	elf = make_elf(sections, 2);
	assert_refused(elf.data, elf.size, ENOENT);
	bytes__release(&elf);
	bytes__release(&code);
}

static void a_file_of_broken_functions_is_like_one_without_any(void **state)
{
	struct frames frames = new_frames();
	struct frames debug_frames = {.is_debug_frame = true};

	(void)state;
	add_function(&frames, BASE, 0x10, DW_CFA_restore_state);
	assert_null(try_table(&frames));
	assert_int_equal(errno, ENOENT);
	add_cie(&debug_frames);
	add_function(&debug_frames, BASE, 0, DW_CFA_nop);
	assert_null(try_table(&debug_frames));
	assert_int_equal(errno, ENOENT);
}

/* No crash, and rows in order if any. */
static void open_and_close(const struct bytes *elf, size_t size)
{
	cfi_table__close(open_bytes(elf->data, size));
}

static void a_file_may_end_anywhere(void **state)
{
	(void)state;
	for (int is_debug_frame = 0; is_debug_frame < 2; is_debug_frame++) {
		struct bytes elf = small_elf(is_debug_frame);

		for (size_t size = 0; size < elf.size; size++)
			open_and_close(&elf, size);
		assert_null(open_bytes(elf.data, elf.size - 1));
		bytes__release(&elf);
	}
}

static void any_byte_may_be_wrong(void **state)
{
	static const uint8_t flips[] = {0x01, 0x02, 0x07, 0x10, 0x40, 0x7f, 0x80, 0xff};

	(void)state;
	for (int is_debug_frame = 0; is_debug_frame < 2; is_debug_frame++) {
		struct bytes elf = small_elf(is_debug_frame);

		for (size_t i = 0; i < elf.size; i++) {
			uint8_t right = elf.data[i];

			for (size_t j = 0; j < sizeof(flips); j++) {
				elf.data[i] = right ^ flips[j];
				open_and_close(&elf, elf.size);
			}
			elf.data[i] = right;
		}
		bytes__release(&elf);
	}
}

static void any_byte_of_a_compressed_file_may_be_wrong(void **state)
{
	struct frames frames = debug_frames(BASE);
	struct bytes elf = compressed_elf(&frames, frames.bytes.size);

	(void)state;
	for (size_t i = sizeof(Elf64_Ehdr); i < elf.size; i++) {
		for (int bit = 0; bit < 8; bit++) {
			elf.data[i] ^= 1 << bit;
			open_and_close(&elf, elf.size);
			elf.data[i] ^= 1 << bit;
		}
	}
	bytes__release(&elf);
	bytes__release(&frames.bytes);
}

static void a_header_may_lie(void **state)
{
	static const uint64_t lies[] = {1,          0xffff,    1 << 20,        0xfffffff0,
					1ULL << 40, INT64_MAX, UINT64_MAX - 63};
	struct bytes elf = small_elf(false);
	Elf64_Ehdr *ehdr = (Elf64_Ehdr *)elf.data, right = *ehdr;
	Elf64_Shdr *shdr = (Elf64_Shdr *)(elf.data + ehdr->e_shoff) + 1, right_shdr = *shdr;

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		ehdr->e_shoff = lies[i];
		assert_null(open_bytes(elf.data, elf.size));
		*ehdr = right;
		ehdr->e_shnum = lies[i];
		open_and_close(&elf, elf.size);
		ehdr->e_shnum = 0;
		shdr[-1].sh_size = lies[i];
		open_and_close(&elf, elf.size);
		shdr[-1].sh_size = 0;
		*ehdr = right;
		ehdr->e_shstrndx = lies[i];
		open_and_close(&elf, elf.size);
		*ehdr = right;
		ehdr->e_shentsize = lies[i];
		open_and_close(&elf, elf.size);
		*ehdr = right;
		shdr->sh_offset = lies[i];
		open_and_close(&elf, elf.size);
		*shdr = right_shdr;
		shdr->sh_size = lies[i];
		open_and_close(&elf, elf.size);
		*shdr = right_shdr;
		shdr->sh_name = lies[i];
		open_and_close(&elf, elf.size);
		*shdr = right_shdr;
		shdr->sh_addr = lies[i];
		open_and_close(&elf, elf.size);
		*shdr = right_shdr;
	}
	bytes__release(&elf);
}

/* One good function, and one that is broken by `breaking`. */
static void assert_only_the_good_one(void (*breaking)(struct frames *))
{
	struct frames frames = new_frames();
	struct cfi_table *table;

	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	breaking(&frames);
	table = table_of(&frames);
	assert_int_equal(cfi_table__rule(table, BASE)->cfa, WIRE_CFA_REGISTER);
	assert_int_equal(cfi_table__rule(table, BASE + 0x100)->cfa, WIRE_CFA_NONE);
	cfi_table__close(table);
}

/* The same, where libdw must not see the broken one: it runs what it finds on its way. */
static void assert_none(void (*breaking)(struct frames *))
{
	struct frames frames = new_frames();

	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	breaking(&frames);
	assert_null(try_table(&frames));
	assert_int_equal(errno, EBADMSG);
}

static void point_nowhere(struct frames *frames)
{
	frames->cie = frames->bytes.size + 0x1000;
	add_function(frames, BASE + 0x100, 0x10, DW_CFA_nop);
}

static void point_into_a_cie(struct frames *frames)
{
	frames->cie += 1;
	add_function(frames, BASE + 0x100, 0x10, DW_CFA_nop);
}

static void point_to_itself(struct frames *frames)
{
	frames->cie = frames->bytes.size;
	add_function(frames, BASE + 0x100, 0x10, DW_CFA_nop);
}

static void go_past_the_end(struct frames *frames)
{
	add_function(frames, BASE + 0x100, 0x10, DW_CFA_nop);
	memset(frames->bytes.data + frames->entry, 0x7f, 4);
}

static void be_too_short(struct frames *frames)
{
	begin_entry(frames);
	put_number(&frames->bytes, frames->bytes.size - frames->cie, 4);
	put_number(&frames->bytes, 0, 1);
	memcpy(frames->bytes.data + frames->entry, &(uint32_t){5}, 4);
}

static void leave_the_augmentation_open(struct frames *frames)
{
	begin_entry(frames);
	frames->cie = frames->entry;
	put_number(&frames->bytes, 0, 4);
	put_number(&frames->bytes, 1, 1);
	put(&frames->bytes, "zzzzzzzzzzz", 11);
	memcpy(frames->bytes.data + frames->entry, &(uint32_t){16}, 4);
	add_function(frames, BASE + 0x100, 0x10, DW_CFA_nop);
}

static void write_a_number_too_long(struct frames *frames)
{
	frames->encoding = DW_EH_PE_uleb128;
	add_cie(frames);
	begin_fde(frames, BASE + 0x100, 0x10);
	memset(frames->bytes.data + frames->entry + 8, 0xff,
	       frames->bytes.size - frames->entry - 8);
	put(&frames->bytes, PROGRAM(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
	end_entry(frames);
}

/* libdw 0.188 would make room for them all, 1 GiB, for each row anew. */
static void name_a_register_of_nine_digits(struct frames *frames)
{
	add_function(frames, BASE + 0x100, 0x10, DW_CFA_advance_loc | 1, DW_CFA_undefined, 0x80,
		     0x80, 0x80, 0x40);
}

static void begin_with_a_register_of_nine_digits(struct frames *frames)
{
	begin_cie(frames, "zR", &frames->encoding, 1);
	put_on_entry(frames);
	put(&frames->bytes, PROGRAM(DW_CFA_undefined, 0x80, 0x80, 0x80, 0x40));
	end_entry(frames);
	add_function(frames, BASE + 0x100, 0x10, DW_CFA_nop);
}

static void remember_a_million_states(struct frames *frames)
{
	begin_fde(frames, BASE + 0x100, 0x10);
	put_uleb(&frames->bytes, 0);
	for (int i = 0; i < 1 << 20; i++)
		put_number(&frames->bytes, DW_CFA_remember_state, 1);
	end_entry(frames);
}

/* The number would go on in the next entry. */
static void end_within_an_instruction(struct frames *frames)
{
	begin_fde(frames, BASE + 0x100, 0x10);
	put_uleb(&frames->bytes, 0);
	while (frames->bytes.size % 8 != 6)
		put_number(&frames->bytes, DW_CFA_nop, 1);
	put(&frames->bytes, PROGRAM(DW_CFA_val_expression, 6));
	end_entry(frames);
}

static void have_an_expression_that_goes_on_behind_it(struct frames *frames)
{
	add_function(frames, BASE + 0x100, 0x10, DW_CFA_expression, 6, 0x40, DW_OP_breg6, 0);
}

static void have_more_augmentation_than_entry(struct frames *frames)
{
	begin_fde(frames, BASE + 0x100, 0x10);
	put_uleb(&frames->bytes, 0x40);
	end_entry(frames);
}

static void a_broken_entry_spoils_nothing_else(void **state)
{
	(void)state;
	assert_only_the_good_one(point_nowhere);
	assert_only_the_good_one(point_into_a_cie);
	assert_only_the_good_one(point_to_itself);
	assert_only_the_good_one(go_past_the_end);
	assert_only_the_good_one(be_too_short);
	assert_only_the_good_one(leave_the_augmentation_open);
	assert_only_the_good_one(write_a_number_too_long);
	assert_only_the_good_one(have_more_augmentation_than_entry);
}

/* libdw 0.188 would read a byte for each letter, past the end: 40 MiB of L are a segmentation
 * fault. */
static void a_section_that_libdw_must_not_see_is_refused(void **state)
{
	static const char letters[] = "zLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLL";

	(void)state;
	assert_none(name_a_register_of_nine_digits);
	assert_none(begin_with_a_register_of_nine_digits);
	assert_none(remember_a_million_states);
	assert_none(end_within_an_instruction);
	assert_none(have_an_expression_that_goes_on_behind_it);
	for (int is_debug_frame = 0; is_debug_frame < 2; is_debug_frame++) {
		struct frames frames = {
			.vaddr = FRAME_VADDR,
			.encoding = DW_EH_PE_udata8,
			.is_debug_frame = is_debug_frame,
		};

		add_cie(&frames);
		add_function(&frames, BASE, 0x10, DW_CFA_nop);
		begin_cie(&frames, letters, letters, sizeof(letters));
		end_entry(&frames);
		assert_null(try_table(&frames));
		assert_int_equal(errno, EBADMSG);
	}
}

/* A file costs nothing as long as it is a hole. */
static void frames_of_gibibytes_are_not_read(void **state)
{
	struct frames frames = new_frames();
	struct bytes elf;
	Elf64_Ehdr *ehdr;
	Elf64_Shdr *shdr;
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	add_function(&frames, BASE, 0x10, DW_CFA_nop);
	elf = elf_of(&frames);
	ehdr = (Elf64_Ehdr *)elf.data;
	shdr = (Elf64_Shdr *)(elf.data + ehdr->e_shoff);
	shdr[1].sh_size = 3ULL << 30;
	assert_int_equal(write(fd, elf.data, elf.size), elf.size);
	assert_int_equal(ftruncate(fd, 4ULL << 30), 0);
	assert_null(cfi_table__open(fd));
	assert_int_equal(errno, EBADMSG);
	close(fd);
	bytes__release(&elf);
	bytes__release(&frames.bytes);
}

/* --- limits -------------------------------------------------------------------------------------
 */

/* Of our own time: the machine may have other things to do. */
static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + 1e-9 * now.tv_nsec;
}

static void add_many_rows(struct frames *frames, uint64_t start, uint64_t length, uint32_t rows)
{
	begin_fde(frames, start, length);
	put_uleb(&frames->bytes, 0);
	for (uint32_t i = 0; i < rows; i++)
		put(&frames->bytes, PROGRAM(DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, i % 64));
	end_entry(frames);
}

static void a_function_of_a_million_rows_is_cut(void **state)
{
	struct frames frames = {.vaddr = FRAME_VADDR};
	double start = now_seconds();
	struct cfi_table *table;

	(void)state;
	add_cie(&frames);
	add_many_rows(&frames, BASE, 1ULL << 40, 1000000);
	add_function(&frames, BASE + (1ULL << 40), 0x10, DW_CFA_nop);
	table = table_of(&frames);
	assert_int_equal(table->dropped, 1);
	assert_in_range(table->row_count, 2, 10000);
	assert_int_equal(cfi_table__rule(table, BASE + 20000)->cfa, WIRE_CFA_NONE);
	assert_int_equal(cfi_table__rule(table, BASE + (1ULL << 40))->cfa, WIRE_CFA_REGISTER);
	cfi_table__close(table);
	assert_true(now_seconds() - start < 5);
}

static void many_functions_of_many_rows_are_cut(void **state)
{
	struct frames frames = {.vaddr = FRAME_VADDR};
	double start = now_seconds();
	struct cfi_table *table;

	(void)state;
	add_cie(&frames);
	for (uint64_t i = 0; i < 200; i++)
		add_many_rows(&frames, BASE + i * 8192, 8192, 8192);
	table = table_of(&frames);
	assert_true(table->dropped > 0);
	assert_int_equal(cfi_table__rule(table, BASE + 1)->cfa, WIRE_CFA_REGISTER);
	cfi_table__close(table);
	assert_true(now_seconds() - start < 10);
}

/* Each row costs as much as all that stands before it, rows or not. */
static void a_long_program_of_few_rows_is_cut(void **state)
{
	struct frames frames = {.vaddr = FRAME_VADDR};
	double start = now_seconds();
	struct cfi_table *table;

	(void)state;
	add_cie(&frames);
	begin_fde(&frames, BASE, 0x10000);
	put_uleb(&frames.bytes, 0);
	for (uint32_t i = 0; i < 8 << 20; i++)
		put_number(&frames.bytes, DW_CFA_nop, 1);
	for (uint32_t i = 0; i < 8000; i++)
		put(&frames.bytes, PROGRAM(DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, i % 64));
	end_entry(&frames);
	table = table_of(&frames);
	assert_int_equal(table->dropped, 1);
	cfi_table__close(table);
	assert_true(now_seconds() - start < 10);
}

/* Rules are told apart by 16 bits. The rows end where the table was full, .debug_frame or not. */
static void a_full_table_serves_as_far_as_it_goes(void **state)
{
	struct frames eh_frames = new_frames(), frames = debug_frames(0);
	struct cfi_table *table;

	(void)state;
	for (uint32_t i = 0; i < 70000; i++)
		add_function(&eh_frames, BASE + 0x10 * i, 0x10, DW_CFA_advance_loc | 1,
			     DW_CFA_def_cfa_offset, 0x80 | (i + 16), 0x80 | (i + 16) >> 7,
			     (i + 16) >> 14);
	table = table_of_both(&eh_frames, &frames);
	/* No rule, rsp + 8, and one a function. */
	assert_int_equal(table->rule_count, 65535);
	assert_int_equal(cfi_table__rule(table, 0)->cfa, WIRE_CFA_NONE);
	assert_int_equal(cfi_table__rule(table, BASE + 0x10 * 65532 + 1)->cfa_offset, 65532 + 16);
	assert_int_equal(cfi_table__rule(table, BASE + 0x10 * 65533)->cfa_offset, 8);
	assert_int_equal(cfi_table__rule(table, BASE + 0x10 * 65533 + 1)->cfa, WIRE_CFA_NONE);
	assert_int_equal(cfi_table__rule(table, BASE + 0x10 * 65534)->cfa, WIRE_CFA_NONE);
	cfi_table__close(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rules_of_libc_are_what_libdw_says),
		cmocka_unit_test(the_rules_of_libcrypto_are_what_libdw_says),
		cmocka_unit_test(libc_has_mostly_rows_of_rsp),
		cmocka_unit_test(libcrypto_has_rows_of_other_registers),
		cmocka_unit_test(the_signal_frame_of_libc_is_known),
		cmocka_unit_test(a_new_thread_of_libc_is_an_outermost_frame),
		cmocka_unit_test(the_start_of_a_program_is_an_outermost_frame),
		cmocka_unit_test(the_plt_of_libc_is_known),
		cmocka_unit_test(the_cfa_may_be_any_register_and_an_offset),
		cmocka_unit_test(a_signed_offset_is_factored),
		cmocka_unit_test(an_offset_of_more_than_32_bits_is_not_supported),
		cmocka_unit_test(an_expression_of_one_register_is_a_register),
		cmocka_unit_test(an_expression_may_follow_a_pointer),
		cmocka_unit_test(any_other_expression_is_not_supported),
		cmocka_unit_test(the_linkers_expression_for_a_plt_is_known),
		cmocka_unit_test(without_a_return_address_the_frame_is_the_outermost),
		cmocka_unit_test(a_return_address_elsewhere_is_not_supported),
		cmocka_unit_test(rbp_may_be_saved_or_the_same_or_lost),
		cmocka_unit_test(rbp_may_be_saved_where_it_points_to_itself),
		cmocka_unit_test(every_advance_begins_a_row),
		cmocka_unit_test(rows_that_differ_in_nothing_we_keep_are_one),
		cmocka_unit_test(a_state_is_remembered_and_restored),
		cmocka_unit_test(a_row_behind_the_functions_end_is_cut),
		cmocka_unit_test(a_broken_program_ends_its_function_only),
		cmocka_unit_test(a_gap_has_no_rule),
		cmocka_unit_test(functions_may_stand_in_any_order),
		cmocka_unit_test(a_function_is_listed_once),
		cmocka_unit_test(of_functions_that_overlap_the_latter_cuts_the_former),
		cmocka_unit_test(outside_of_all_functions_there_is_no_rule),
		cmocka_unit_test(an_address_may_be_encoded_in_many_ways),
		cmocka_unit_test(the_augmentation_of_cplusplus_is_read),
		cmocka_unit_test(a_signal_frame_is_told_by_its_augmentation),
		cmocka_unit_test(debug_frame_serves_where_there_is_no_eh_frame),
		cmocka_unit_test(eh_frame_comes_first),
		cmocka_unit_test(debug_frame_serves_where_eh_frame_is_empty_or_useless),
		cmocka_unit_test(debug_frame_may_be_compressed),
		cmocka_unit_test(what_is_beside_debug_frame_is_not_read),
		cmocka_unit_test(frames_of_gibibytes_are_not_read),
		cmocka_unit_test(what_is_not_elf_is_refused),
		cmocka_unit_test(a_file_without_frames_is_told_from_a_broken_one),
		cmocka_unit_test(a_file_of_broken_functions_is_like_one_without_any),
		cmocka_unit_test(a_file_may_end_anywhere),
		cmocka_unit_test(any_byte_may_be_wrong),
		cmocka_unit_test(any_byte_of_a_compressed_file_may_be_wrong),
		cmocka_unit_test(a_header_may_lie),
		cmocka_unit_test(a_broken_entry_spoils_nothing_else),
		cmocka_unit_test(a_section_that_libdw_must_not_see_is_refused),
		cmocka_unit_test(a_function_of_a_million_rows_is_cut),
		cmocka_unit_test(many_functions_of_many_rows_are_cut),
		cmocka_unit_test(a_long_program_of_few_rows_is_cut),
		cmocka_unit_test(a_full_table_serves_as_far_as_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
