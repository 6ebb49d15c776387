// SPDX-License-Identifier: Apache-2.0
#include "unwind/cfi.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/intern.h"
#include "base/search.h"
#include "unwind/bare_code.h"
#include "unwind/elf_section.h"
#include "unwind/fde.h"
#include "unwind/frame_section.h"

/* Numbers of the x86-64 registers in DWARF (System V ABI, AMD64 supplement, figure 3.36). */
#define REGISTER_BX        3
#define REGISTER_BP        6
#define REGISTER_RA        16

/* libdw runs a function's program from its start for each of its rows: n rows of a program of m
 * bytes cost n * m steps. The longest in Debian's libraries has about 1,000 rows and 5,000 bytes;
 * all of libLLVM takes 2^26. The limits are a second for a function and some for the file. */
#define FUNCTION_STEPS_MAX (1ULL << 27)
#define STEPS_MAX          (1ULL << 31)

struct compilation {
	int elf_fd;
	struct cfi_table *table;
	struct intern *rule_ids;
	Dwarf_CFI *cfi;
	uint64_t steps;
	bool finds_frame_by_bx; /* the file, somewhere */
	bool follows_bx;
};

static const struct wire_unwind_rule no_rule = {.cfa = WIRE_CFA_NONE};

static bool is_register_plus(const Dwarf_Op *op)
{
	return (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) || op->atom == DW_OP_bregx;
}

static uint64_t register_of(const Dwarf_Op *op)
{
	return op->atom == DW_OP_bregx ? op->number : (uint64_t)(op->atom - DW_OP_breg0);
}

static int64_t offset_of(const Dwarf_Op *op)
{
	return op->atom == DW_OP_bregx ? op->number2 : op->number;
}

static bool fits(int64_t value)
{
	return value >= INT32_MIN && value <= INT32_MAX;
}

/* rsp + 8 + ((rip & 15) >= N) * 8: the linker's word for a PLT, whose entries push a word on their
 * way (binutils, bfd/elfxx-x86.c). libdw gives N. */
static bool is_plt(const Dwarf_Op *ops, size_t count)
{
	static const unsigned int atoms[] = {
		DW_OP_breg7, DW_OP_breg16, 0, DW_OP_and, 0, DW_OP_ge, 0, DW_OP_shl, DW_OP_plus,
	};

	if (count != sizeof(atoms) / sizeof(*atoms))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (atoms[i] && ops[i].atom != atoms[i])
			return false;
	}
	return ops[0].number == 8 && ops[1].number == 0 && ops[2].atom == DW_OP_lit15 &&
	       ops[4].atom >= DW_OP_lit0 && ops[4].atom <= DW_OP_lit15 && ops[6].atom == DW_OP_lit3;
}

/* [register + offset] + addend: assembly that has put the old stack pointer away, and gcc's
 * functions with a realigned stack. */
static bool is_deref(const Dwarf_Op *ops, size_t count)
{
	return (count == 2 || (count == 3 && ops[2].atom == DW_OP_plus_uconst)) &&
	       is_register_plus(&ops[0]) && ops[1].atom == DW_OP_deref;
}

static void set_cfa(struct wire_unwind_rule *rule, const Dwarf_Op *ops, size_t count)
{
	int64_t offset, addend = 0;
	uint64_t number;

	rule->cfa = WIRE_CFA_UNSUPPORTED;
	if (is_plt(ops, count)) {
		rule->cfa = WIRE_CFA_PLT;
		rule->cfa_offset = ops[4].atom - DW_OP_lit0;
		return;
	}
	if (!count || !is_register_plus(&ops[0]))
		return;
	number = register_of(&ops[0]);
	offset = offset_of(&ops[0]);
	if (count == 3)
		addend = ops[2].number;
	if (number >= REGISTER_RA || !fits(offset) || !fits(addend))
		return;
	if (count == 1)
		rule->cfa = WIRE_CFA_REGISTER;
	else if (is_deref(ops, count))
		rule->cfa = WIRE_CFA_DEREF;
	else
		return;
	rule->cfa_register = number;
	rule->cfa_offset = offset;
	rule->cfa_addend = addend;
}

/* A saved register's place: CFA + offset. */
static bool is_at_cfa(const Dwarf_Op *ops, size_t count, int64_t *offset)
{
	if (!count || ops[0].atom != DW_OP_call_frame_cfa)
		return false;
	if (count == 1)
		*offset = 0;
	else if (count == 2 && ops[1].atom == DW_OP_plus_uconst)
		*offset = (int64_t)ops[1].number;
	else
		return false;
	return fits(*offset);
}

/* A saved register's place: rbp + offset. libdw puts the CFA in front, for the expression to use.
 */
static bool is_at_bp(const Dwarf_Op *ops, size_t count, int64_t *offset)
{
	if (count != 2 || ops[0].atom != DW_OP_call_frame_cfa || !is_register_plus(&ops[1]) ||
	    register_of(&ops[1]) != REGISTER_BP)
		return false;
	*offset = offset_of(&ops[1]);
	return fits(*offset);
}

static void set_bp(struct wire_unwind_rule *rule, Dwarf_Frame *frame)
{
	Dwarf_Op memory[3], *ops;
	int64_t offset;
	size_t count;

	rule->bp = WIRE_BP_UNKNOWN;
	if (dwarf_frame_register(frame, REGISTER_BP, memory, &ops, &count))
		return;
	/* No operations: the same value, or, if they are in our own memory, undefined. */
	if (!count) {
		rule->bp = ops == memory ? WIRE_BP_UNKNOWN : WIRE_BP_UNCHANGED;
	} else if (ops == memory && is_at_cfa(ops, count, &offset)) {
		rule->bp = WIRE_BP_SAVED;
		rule->bp_offset = offset;
	} else if (is_at_bp(ops, count, &offset)) {
		rule->bp = WIRE_BP_SAVED_BY_BP;
		rule->bp_offset = offset;
	}
}

/* A saved register is below the return address, so that its slot is 2 at least. */
static void set_bx(struct wire_unwind_rule *rule, Dwarf_Frame *frame)
{
	Dwarf_Op memory[3], *ops;
	int64_t offset;
	size_t count;

	if (dwarf_frame_register(frame, REGISTER_BX, memory, &ops, &count))
		return;
	/* libdw's own table of registers that functions save has rbx under a wrong number (elfutils
	 * 0.188, backends/x86_64_cfi.c), so that it says undefined where it should say the same. */
	if (!count)
		rule->bx = WIRE_BX_UNCHANGED;
	else if (ops == memory && is_at_cfa(ops, count, &offset) && offset <= -16 &&
		 offset >= -8L * WIRE_BX_MAX && offset % 8 == 0)
		rule->bx = -offset / 8;
}

/* Where the return address is: at CFA - 8, or there is none (the outermost frame), or else we
 * cannot go on from here. */
static void check_return(struct wire_unwind_rule *rule, Dwarf_Frame *frame)
{
	Dwarf_Op memory[3], *ops;
	int64_t offset;
	size_t count;
	int err = dwarf_frame_register(frame, REGISTER_RA, memory, &ops, &count);

	if (!err && !count && ops == memory)
		*rule = (struct wire_unwind_rule){.cfa = WIRE_CFA_END};
	else if (err || ops != memory || !is_at_cfa(ops, count, &offset) || offset != -8)
		rule->cfa = WIRE_CFA_UNSUPPORTED;
}

static struct wire_unwind_rule rule_of(Dwarf_Frame *frame, bool is_signal_frame)
{
	struct wire_unwind_rule rule = {};
	Dwarf_Op *ops;
	size_t count;

	/* The kernel has put all registers on the stack, in one layout. */
	if (is_signal_frame)
		return (struct wire_unwind_rule){.cfa = WIRE_CFA_SIGNAL};
	if (dwarf_frame_cfa(frame, &ops, &count)) {
		rule.cfa = WIRE_CFA_UNSUPPORTED;
		return rule;
	}
	set_cfa(&rule, ops, count);
	set_bp(&rule, frame);
	check_return(&rule, frame);
	/* All that is not supported is one rule. */
	return rule.cfa == WIRE_CFA_UNSUPPORTED
		       ? (struct wire_unwind_rule){.cfa = WIRE_CFA_UNSUPPORTED}
		       : rule;
}

static int rule_id(struct compilation *compilation, const struct wire_unwind_rule *rule,
		   uint32_t *id)
{
	struct cfi_table *table = compilation->table;
	bool is_new;

	*id = intern__id(compilation->rule_ids, rule, sizeof(*rule), &is_new);
	if (*id == INTERN_FAILED)
		return -ENOMEM;
	if (!is_new)
		return 0;
	if (table->rule_count == CFI_RULES_MAX)
		return -E2BIG;
	return array_append(&table->rules, &table->rule_count, &table->rule_capacity, *rule);
}

/* From `vaddr` on this rule holds. What is said of an address later counts. */
static int add_row(struct compilation *compilation, uint64_t vaddr,
		   const struct wire_unwind_rule *rule)
{
	struct cfi_table *table = compilation->table;
	struct cfi_row row = {.vaddr = vaddr};
	int err = rule_id(compilation, rule, &row.rule);

	if (err)
		return err;
	if (table->row_count && table->rows[table->row_count - 1].vaddr == vaddr)
		table->row_count--;
	if (table->row_count && table->rows[table->row_count - 1].rule == row.rule)
		return 0;
	if (table->row_count >= CFI_ROWS_MAX && rule != &no_rule)
		return -E2BIG;
	return array_append(&table->rows, &table->row_count, &table->row_capacity, row);
}

/* Adds one row and gives where it ends. */
static int add_frame(struct compilation *compilation, uint64_t vaddr, Dwarf_Frame *frame,
		     uint64_t *end)
{
	struct wire_unwind_rule rule;
	Dwarf_Addr frame_start, frame_end;
	bool is_signal_frame = false;

	if (dwarf_frame_info(frame, &frame_start, &frame_end, &is_signal_frame) != REGISTER_RA)
		rule = (struct wire_unwind_rule){.cfa = WIRE_CFA_UNSUPPORTED};
	else
		rule = rule_of(frame, is_signal_frame);
	if (rule.cfa == WIRE_CFA_REGISTER && rule.cfa_register == REGISTER_BX)
		compilation->finds_frame_by_bx = true;
	if (compilation->follows_bx && rule.cfa >= WIRE_CFA_REGISTER && rule.cfa <= WIRE_CFA_PLT)
		set_bx(&rule, frame);
	*end = frame_end;
	return add_row(compilation, vaddr, &rule);
}

/* Adds the rows of one function, up to `limit`. */
static int add_function(struct compilation *compilation, const struct fde *fde, uint64_t limit)
{
	uint64_t vaddr = fde->start;
	uint64_t steps = 0;
	int err = 0;

	while (!err && vaddr < limit) {
		Dwarf_Frame *frame;
		uint64_t end = 0;

		steps += fde->program_size + 1;
		compilation->steps += fde->program_size + 1;
		if (steps > FUNCTION_STEPS_MAX || compilation->steps > STEPS_MAX ||
		    dwarf_cfi_addrframe(compilation->cfi, vaddr, &frame)) {
			compilation->table->dropped++;
			break;
		}
		err = add_frame(compilation, vaddr, frame, &end);
		free(frame);
		if (err || end <= vaddr)
			break;
		vaddr = end;
	}
	if (err && err != -E2BIG)
		return err;
	/* A full table ends here too. */
	return add_row(compilation, vaddr < limit ? vaddr : limit, &no_rule) ?: err;
}

/* The rows of code before `limit` that no function covers, from the `next` one on. */
static int add_bare_code(struct compilation *compilation, const struct bare_code *code,
			 uint64_t limit, size_t *next)
{
	int err = 0;

	for (; !err && *next < code->count && code->rows[*next].start < limit; ++*next) {
		const struct bare_row *row = &code->rows[*next];

		err = add_row(compilation, row->start, &row->rule)
			      ?: add_row(compilation, row->end, &no_rule);
	}
	return err;
}

static int add_functions(struct compilation *compilation, const struct fde_list *list,
			 const struct bare_code *bare)
{
	size_t next_bare = 0;
	int err = 0;

	compilation->table->dropped += list->dropped;
	for (size_t i = 0; i < list->count && !err; i++) {
		const struct fde *fde = &list->items[i];
		uint64_t limit = fde->end;

		if (i + 1 < list->count && list->items[i + 1].start < limit)
			limit = list->items[i + 1].start;
		err = add_bare_code(compilation, bare, fde->start, &next_bare)
			      ?: add_function(compilation, fde, limit);
	}
	return err ?: add_bare_code(compilation, bare, UINT64_MAX, &next_bare);
}

/* With what becomes of rbx, now that it is known to matter. */
static int add_functions_again(struct compilation *compilation, const struct fde_list *list,
			       const struct bare_code *bare)
{
	struct cfi_table *table = compilation->table;

	compilation->follows_bx = true;
	compilation->steps = 0;
	table->row_count = 0;
	table->dropped = 0;
	return add_functions(compilation, list, bare);
}

/* Compiles from one section, if the file has it. -ENOENT if not. */
static int compile_section(struct compilation *compilation, Elf *elf, const char *name,
			   bool is_eh_frame)
{
	const unsigned char *e_ident = (const unsigned char *)elf_getident(elf, NULL);
	struct bare_code bare = {};
	struct fde_list list = {};
	GElf_Shdr shdr;
	Elf_Scn *section = elf_section__find(elf, name, &shdr);
	Elf_Data *data;
	int err;

	if (!section)
		return -ENOENT;
	data = frame_section__data(section);
	if (!e_ident || !data)
		return -ENOENT;
	err = fde_list__read(&list, e_ident, data, shdr.sh_addr, is_eh_frame);
	if (!err && list.count)
		err = bare_code__find(&bare, compilation->elf_fd, elf, &list);
	if (!err)
		err = add_functions(compilation, &list, &bare);
	if (!err && compilation->finds_frame_by_bx)
		err = add_functions_again(compilation, &list, &bare);
	bare_code__release(&bare);
	fde_list__release(&list);
	return err;
}

static int compile_eh_frame(struct compilation *compilation, Elf *elf)
{
	GElf_Shdr shdr;
	Elf_Scn *section = elf_section__find(elf, ".eh_frame", &shdr);

	/* libdw reads it, of whatever size it is. What is mapped is never compressed. */
	if (section && (shdr.sh_flags & SHF_COMPRESSED || !frame_section__is_affordable(section)))
		return -EBADMSG;
	compilation->cfi = dwarf_getcfi_elf(elf);
	if (!compilation->cfi)
		return -ENOENT;
	return compile_section(compilation, elf, ".eh_frame", true);
}

/* libdw sees nothing but this section: it would read all that begins with .debug_ into memory, and
 * unpack it. */
static int compile_debug_frame(struct compilation *compilation, Elf *elf)
{
	struct frame_section *alone = frame_section__open(elf);
	int err = -ENOENT;

	if (!alone)
		return -ENOENT;
	compilation->cfi = frame_section__cfi(alone);
	if (compilation->cfi)
		err = compile_section(compilation, elf, ".debug_frame", false);
	frame_section__close(alone);
	return err;
}

static int compile(struct compilation *compilation, Elf *elf)
{
	int err = rule_id(compilation, &no_rule, &(uint32_t){0});

	if (err)
		return err;
	err = compile_eh_frame(compilation, elf);
	if (compilation->cfi)
		dwarf_cfi_end(compilation->cfi);
	if (err ? err != -ENOENT : compilation->table->row_count > 1)
		return err;
	compilation->table->row_count = 0;
	err = compile_debug_frame(compilation, elf);
	return err || compilation->table->row_count > 1 ? err : -ENOENT;
}

/* Before libelf sees it: where e_shnum is 0, libelf makes room for as many sections as the file
 * says it has, up to 2^32. Only a relocatable file has so many that they do not fit into e_shnum.
 */
static bool is_x86_64(int elf_fd)
{
	Elf64_Ehdr ehdr;

	return pread(elf_fd, &ehdr, sizeof(ehdr), 0) == sizeof(ehdr) &&
	       !memcmp(ehdr.e_ident, ELFMAG, SELFMAG) && ehdr.e_ident[EI_CLASS] == ELFCLASS64 &&
	       ehdr.e_ident[EI_DATA] == ELFDATA2LSB && ehdr.e_machine == EM_X86_64 &&
	       (ehdr.e_shnum || !ehdr.e_shoff);
}

static int open_and_compile(struct compilation *compilation, int elf_fd)
{
	Elf *elf = NULL;
	int err;

	elf_version(EV_CURRENT);
	if (is_x86_64(elf_fd))
		elf = elf_begin(elf_fd, ELF_C_READ, NULL);
	if (!elf)
		return -EBADMSG;
	err = compile(compilation, elf);
	elf_end(elf);
	return err;
}

struct cfi_table *cfi_table__open(int elf_fd)
{
	struct compilation compilation = {
		.elf_fd = elf_fd,
		.table = calloc(1, sizeof(*compilation.table)),
		.rule_ids = intern__new(),
	};
	int err = -ENOMEM;

	if (compilation.table && compilation.rule_ids)
		err = open_and_compile(&compilation, elf_fd);
	/* A table that is full serves as far as it goes. */
	if (err == -E2BIG)
		err = 0;
	intern__free(compilation.rule_ids);
	if (!err)
		return compilation.table;
	cfi_table__close(compilation.table);
	errno = -err;
	return NULL;
}

void cfi_table__close(struct cfi_table *table)
{
	if (!table)
		return;
	free(table->rows);
	free(table->rules);
	free(table);
}

const struct wire_unwind_rule *cfi_table__rule(const struct cfi_table *table, uint64_t vaddr)
{
	size_t behind = search_lower_bound(i, table->row_count, table->rows[i].vaddr <= vaddr);

	return behind ? &table->rules[table->rows[behind - 1].rule] : &no_rule;
}
