// SPDX-License-Identifier: Apache-2.0
/* The rows of code without call-frame information: of hand-made files, and of this machine's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>

#include "unwind/cfi.h"
#include "../fuzz/make_elf.h"

#define TEXT        0x1000
#define ARRAY       0x8000
#define FRAME_VADDR 0x20000
#define EXECUTABLE  (SHF_ALLOC | SHF_EXECINSTR)
#define ANY_FLAGS   (SHF_ALLOC | SHF_WRITE)

/* Bytes of an assembled piece of code, which is data here. */
#define CODE(name, text)                                                                      \
	__asm__(".pushsection .rodata\n" #name ":\n" text "\n" #name "_end:\n.popsection\n"); \
	extern const uint8_t name[], name##_end[]

/* A file with these sections, and an FDE that covers [start, end). */
static struct cfi_table *table_of(const struct elf_section *sections, size_t count, uint64_t start,
				  uint64_t end, uint64_t entry)
{
	struct frames frames = {.vaddr = FRAME_VADDR, .encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata4};
	struct elf_section all[ELF_SECTIONS_MAX];
	struct cfi_table *table;
	struct bytes elf;
	int fd;

	add_cie(&frames);
	add_function(&frames, start, end - start, DW_CFA_def_cfa_offset, 0x70);
	memcpy(all, sections, count * sizeof(*sections));
	all[count] = (struct elf_section){".eh_frame", &frames.bytes, FRAME_VADDR, SHF_ALLOC, 0};
	elf = make_elf(all, count + 1);
	((Elf64_Ehdr *)elf.data)->e_entry = entry;
	fd = file_of(elf.data, elf.size);
	table = cfi_table__open(fd);
	close(fd);
	bytes__release(&elf);
	bytes__release(&frames.bytes);
	assert_non_null(table);
	return table;
}

#define FDE_AT 0x5000

/* A file whose .text is this code and whose .fini_array leads to its first byte, in a fixed place.
 */
static struct cfi_table *table_of_code(const uint8_t *code, const uint8_t *end)
{
	struct bytes text = {(uint8_t *)code, end - code, 0}, array = {};
	struct elf_section sections[] = {
		{".text",       &text,  TEXT,  EXECUTABLE, 0             },
		{".fini_array", &array, ARRAY, ANY_FLAGS,  SHT_FINI_ARRAY},
	};
	struct cfi_table *table;

	put_number(&array, TEXT, 8);
	table = table_of(sections, 2, FDE_AT, FDE_AT + 0x10, 0);
	bytes__release(&array);
	return table;
}

struct expected {
	uint64_t offset; /* from TEXT on */
	int32_t cfa;     /* from rsp; 0: no row */
	enum wire_bp bp;
	int32_t bp_offset;
};

static void assert_row(const struct cfi_table *table, const struct expected *expected)
{
	const struct wire_unwind_rule *rule = cfi_table__rule(table, TEXT + expected->offset);

	assert_int_equal(rule->cfa, expected->cfa ? WIRE_CFA_REGISTER : WIRE_CFA_NONE);
	assert_int_equal(rule->cfa_offset, expected->cfa);
	assert_int_equal(rule->bp, expected->bp);
	assert_int_equal(rule->bp_offset, expected->bp_offset);
	if (expected->cfa)
		assert_int_equal(rule->cfa_register, 7);
}

/* Each holds up to the next; the last is the one behind the code. Closes the table. */
static void assert_rows(struct cfi_table *table, const struct expected *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct expected last = rows[i];

		assert_row(table, &rows[i]);
		if (i + 1 == count)
			break;
		last.offset = rows[i + 1].offset - 1;
		assert_row(table, &last);
	}
	cfi_table__close(table);
}

#define ROWS(...)                               \
	(const struct expected[]){__VA_ARGS__}, \
		sizeof((const struct expected[]){__VA_ARGS__}) / sizeof(struct expected)
#define NO_ROW_AT(offset)         \
	{                         \
		(offset), 0, 0, 0 \
	}
#define ROW_AT(offset, cfa)                           \
	{                                             \
		(offset), (cfa), WIRE_BP_UNCHANGED, 0 \
	}
#define SAVED_AT(offset, cfa, bp_offset)                    \
	{                                                   \
		(offset), (cfa), WIRE_BP_SAVED, (bp_offset) \
	}
#define NONE_AT_ALL            ROWS(NO_ROW_AT(0), NO_ROW_AT(0x10))

#define assert_code(name, ...) assert_rows(table_of_code(name, name##_end), __VA_ARGS__)

/* As gcc's crtbeginS.o has it. */
CODE(dtors, "	endbr64\n"                      /* 0 */
	    "	cmpb $0, 0x1adcd(%rip)\n"       /* 4 */
	    "	jne 2f\n"                       /* 0xb */
	    "	push %rbp\n"                    /* 0xd */
	    "	cmpq $0, 0x1ac12(%rip)\n"       /* 0xe */
	    "	mov %rsp, %rbp\n"               /* 0x16 */
	    "	call 3f\n"                      /* 0x19 */
	    "	pop %rbp\n"                     /* 0x1e */
	    "	ret\n"                          /* 0x1f */
	    "	.byte 0x0f, 0x1f, 0x00\n"       /* 0x20 */
	    "2:	ret\n"                          /* 0x23 */
	    "	.byte 0x0f, 0x1f, 0x40, 0x00\n" /* 0x24 */
	    "3:	lea 0x1000(%rip), %rdi\n"       /* 0x28 */
	    "	jmp *%rax\n"                    /* 0x2f */
	    "	.byte 0x0f, 0x1f, 0x00\n");     /* 0x31 */

#define DTORS_ROWS                                                                   \
	ROWS(ROW_AT(0, 8), SAVED_AT(0xe, 16, -16), ROW_AT(0x1f, 8), NO_ROW_AT(0x20), \
	     ROW_AT(0x23, 8), NO_ROW_AT(0x24), ROW_AT(0x28, 8), NO_ROW_AT(0x31))

static void what_runs_at_exit_has_rows(void **state)
{
	(void)state;
	assert_code(dtors, DTORS_ROWS);
}

/* Of one section that leads to the code, by its type. */
static struct cfi_table *table_by(const char *name, uint32_t type, const struct bytes *bytes)
{
	struct bytes text = {(uint8_t *)dtors, dtors_end - dtors, 0}, array = {};
	struct elf_section sections[] = {
		{".text",       &text,  TEXT,   EXECUTABLE, 0             },
		{".init_array", &array, ARRAY,  ANY_FLAGS,  SHT_INIT_ARRAY},
		{name,          bytes,  0x9000, SHF_ALLOC,  type          },
	};
	struct cfi_table *table;

	put_number(&array, 0, 8);
	table = table_of(sections, 3, FDE_AT, FDE_AT + 0x10, 0);
	bytes__release(&array);
	return table;
}

#define PUT(bytes, type, ...) put((bytes), &(type){__VA_ARGS__}, sizeof(type))

static void a_relocation_of_an_array_leads_to_code(void **state)
{
	struct bytes relocations = {};

	(void)state;
	PUT(&relocations, Elf64_Rela, ARRAY, R_X86_64_RELATIVE, TEXT);
	assert_rows(table_by(".rela.dyn", SHT_RELA, &relocations), DTORS_ROWS);
	/* Of another type, and of another place. */
	relocations.size = 0;
	PUT(&relocations, Elf64_Rela, ARRAY, R_X86_64_64, TEXT);
	PUT(&relocations, Elf64_Rela, ARRAY + 8, R_X86_64_RELATIVE, TEXT);
	PUT(&relocations, Elf64_Rela, ARRAY - 1, R_X86_64_RELATIVE, TEXT);
	assert_rows(table_by(".rela.dyn", SHT_RELA, &relocations), NONE_AT_ALL);
	bytes__release(&relocations);
}

static void the_dynamic_section_leads_to_code(void **state)
{
	struct bytes dynamic = {};

	(void)state;
	PUT(&dynamic, Elf64_Dyn, DT_FINI, {TEXT});
	assert_rows(table_by(".dynamic", SHT_DYNAMIC, &dynamic), DTORS_ROWS);
	dynamic.size = 0;
	PUT(&dynamic, Elf64_Dyn, DT_HASH, {TEXT});
	PUT(&dynamic, Elf64_Dyn, DT_NULL, {0});
	PUT(&dynamic, Elf64_Dyn, DT_INIT, {TEXT});
	assert_rows(table_by(".dynamic", SHT_DYNAMIC, &dynamic), NONE_AT_ALL);
	bytes__release(&dynamic);
}

static void symbols_of_functions_lead_to_code(void **state)
{
	struct bytes symbols = {};

	(void)state;
	PUT(&symbols, Elf64_Sym, .st_info = STT_FUNC, .st_shndx = 1, .st_value = TEXT);
	assert_rows(table_by(".symtab", SHT_SYMTAB, &symbols), DTORS_ROWS);
	assert_rows(table_by(".dynsym", SHT_DYNSYM, &symbols), DTORS_ROWS);
	symbols.size = 0;
	PUT(&symbols, Elf64_Sym, .st_info = STT_FUNC, .st_value = TEXT);
	PUT(&symbols, Elf64_Sym, .st_info = STT_OBJECT, .st_shndx = 1, .st_value = TEXT);
	assert_rows(table_by(".symtab", SHT_SYMTAB, &symbols), NONE_AT_ALL);
	bytes__release(&symbols);
}

/* As crti.o and crtn.o have it. */
CODE(init, "	sub $8, %rsp\n"            /* 0 */
	   "	mov 0x1afbd(%rip), %rax\n" /* 4 */
	   "	test %rax, %rax\n"         /* 0xb */
	   "	je 1f\n"                   /* 0xe */
	   "	call *%rax\n"              /* 0x10 */
	   "1:	add $8, %rsp\n"            /* 0x12 */
	   "	ret\n");                   /* 0x16 */

static struct cfi_table *table_of_section(const char *name, const uint8_t *code, size_t size)
{
	struct bytes bytes = {(uint8_t *)code, size, 0};
	struct elf_section section = {name, &bytes, TEXT, EXECUTABLE, 0};

	return table_of(&section, 1, FDE_AT, FDE_AT + 0x10, 0);
}

static void init_and_fini_are_entered_where_they_begin(void **state)
{
	(void)state;
	assert_rows(table_of_section(".init", init, init_end - init),
		    ROWS(ROW_AT(0, 8), ROW_AT(4, 16), ROW_AT(0x16, 8), NO_ROW_AT(0x17)));
	assert_rows(table_of_section(".fini", init, init_end - init),
		    ROWS(ROW_AT(0, 8), ROW_AT(4, 16), ROW_AT(0x16, 8), NO_ROW_AT(0x17)));
	assert_rows(table_of_section(".text", init, init_end - init), NONE_AT_ALL);
}

/* The file goes on behind it. */
static void a_path_ends_with_its_section(void **state)
{
	(void)state;
	assert_rows(table_of_section(".init", init, 0x10),
		    ROWS(ROW_AT(0, 8), ROW_AT(4, 16), NO_ROW_AT(0x10), NO_ROW_AT(0x40)));
	assert_rows(table_of_section(".init", init, 0x11),
		    ROWS(ROW_AT(0, 8), ROW_AT(4, 16), NO_ROW_AT(0x10), NO_ROW_AT(0x40)));
}

static void each_stub_of_a_plt_is_entered(void **state)
{
	static const uint8_t stub[16] = {0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0xa2, 0xac, 1, 0};
	uint8_t stubs[32];

	(void)state;
	memcpy(stubs, stub, 16);
	memcpy(stubs + 16, stub, 16);
	assert_rows(table_of_section(".plt.sec", stubs, 32),
		    ROWS(ROW_AT(0, 8), NO_ROW_AT(10), ROW_AT(16, 8), NO_ROW_AT(26)));
	assert_rows(table_of_section(".plt", stubs, 32), NONE_AT_ALL);
}

/* --- what may not be touched --------------------------------------------------------------------
 */

static struct cfi_table *table_with_fde(uint64_t start, uint64_t end)
{
	struct bytes text = {(uint8_t *)dtors, dtors_end - dtors, 0}, array = {};
	struct elf_section sections[] = {
		{".text",       &text,  TEXT,  EXECUTABLE, 0             },
		{".fini_array", &array, ARRAY, ANY_FLAGS,  SHT_FINI_ARRAY},
	};
	struct cfi_table *table;

	put_number(&array, TEXT, 8);
	table = table_of(sections, 2, TEXT + start, TEXT + end, 0);
	bytes__release(&array);
	return table;
}

static void rows_of_call_frame_information_stay_as_they_are(void **state)
{
	(void)state;
	assert_rows(table_with_fde(0, 0x40), ROWS(ROW_AT(0, 0x70), NO_ROW_AT(0x40)));
	/* A path ends there, and so does an instruction that would reach into it. */
	assert_rows(table_with_fde(0xd, 0x20),
		    ROWS(ROW_AT(0, 8), ROW_AT(0xd, 0x70), NO_ROW_AT(0x20), ROW_AT(0x23, 8),
			 NO_ROW_AT(0x24)));
	assert_rows(table_with_fde(8, 0x20),
		    ROWS(ROW_AT(0, 8), NO_ROW_AT(4), ROW_AT(8, 0x70), NO_ROW_AT(0x20)));
	assert_rows(table_with_fde(0x23, 0x28),
		    ROWS(ROW_AT(0, 8), SAVED_AT(0xe, 16, -16), ROW_AT(0x1f, 8), NO_ROW_AT(0x20),
			 ROW_AT(0x23, 0x70), ROW_AT(0x28, 8), NO_ROW_AT(0x31)));
}

static void where_a_program_starts_there_is_no_return_address(void **state)
{
	struct bytes text = {(uint8_t *)dtors, dtors_end - dtors, 0}, symbols = {};
	struct elf_section sections[] = {
		{".text",   &text,    TEXT, EXECUTABLE, 0         },
		{".symtab", &symbols, 0,    0,          SHT_SYMTAB},
	};

	(void)state;
	PUT(&symbols, Elf64_Sym, .st_info = STT_FUNC, .st_shndx = 1, .st_value = TEXT);
	assert_rows(table_of(sections, 2, FDE_AT, FDE_AT + 1, TEXT), NONE_AT_ALL);
	assert_rows(table_of(sections, 2, FDE_AT, FDE_AT + 1, TEXT + 1), DTORS_ROWS);
	bytes__release(&symbols);
}

CODE(signal_return, "	mov $15, %rax\n"
		    "	syscall\n"
		    "	ret\n");

static void what_signal_handlers_return_to_has_no_row(void **state)
{
	(void)state;
	assert_code(signal_return, NONE_AT_ALL);
}

/* --- what is not understood ---------------------------------------------------------------------
 */

CODE(aligns, "	push %rbp\n"      /* 0 */
	     "	mov %rsp, %rbp\n" /* 1 */
	     "	and $-32, %rsp\n" /* 4 */
	     "	leave\n"          /* 8 */
	     "	ret\n");          /* 9 */

static void rows_end_behind_what_is_not_understood(void **state)
{
	(void)state;
	assert_code(aligns, ROWS(ROW_AT(0, 8), SAVED_AT(1, 16, -16), NO_ROW_AT(8), NO_ROW_AT(9)));
}

CODE(unbalanced, "	test %eax, %eax\n" /* 0 */
		 "	je 1f\n"           /* 2 */
		 "	push %rax\n"       /* 4 */
		 "1:	ret\n");           /* 5 */

CODE(leaves_a_word, "	nop\n"
		    "	push %rax\n"
		    "	ret\n");

static void a_function_that_contradicts_itself_has_no_rows(void **state)
{
	(void)state;
	assert_code(unbalanced, NONE_AT_ALL);
	assert_code(leaves_a_word, NONE_AT_ALL);
}

CODE(calls_the_next, "	call 1f\n"          /* 0 */
		     "1:	pop %rax\n" /* 5 */
		     "	ret\n");            /* 6 */

static void a_call_of_the_next_instruction_ends_the_rows(void **state)
{
	(void)state;
	assert_code(calls_the_next, ROWS(ROW_AT(0, 8), NO_ROW_AT(5), NO_ROW_AT(7)));
}

CODE(loses_bp, "	xor %ebp, %ebp\n" /* 0 */
	       "	nop\n"            /* 2 */
	       "	ret\n");          /* 3 */

static void rbp_may_be_lost(void **state)
{
	(void)state;
	assert_code(loses_bp, ROWS(ROW_AT(0, 8), {2, 8, WIRE_BP_UNKNOWN, 0}, NO_ROW_AT(4)));
}

CODE(into_an_instruction, "	.byte 0x74, 0x02\n"                   /* 0: je 4 */
			  "	push %rax\n"                          /* 2 */
			  "	.byte 0xb8, 0xc3, 0xc3, 0xc3, 0xc3\n" /* 3: mov; 4: ret */
			  "	pop %rax\n"                           /* 8 */
			  "	ret\n");                              /* 9 */

static void a_jump_may_lead_into_an_instruction(void **state)
{
	(void)state;
	assert_code(into_an_instruction,
		    ROWS(ROW_AT(0, 8), ROW_AT(3, 16), ROW_AT(4, 8), NO_ROW_AT(5), ROW_AT(8, 16),
			 ROW_AT(9, 8), NO_ROW_AT(10)));
}

/* The last call does not return; another function is behind it. */
CODE(does_not_return, "	sub $8, %rsp\n"      /* 0 */
		      "	call 1f\n"           /* 4 */
		      "	nop\n"               /* 9 */
		      "1:	push %rax\n" /* 0xa */
		      "	pop %rax\n"          /* 0xb */
		      "	ret\n");             /* 0xc */

static void a_function_begins_anew_behind_one_that_does_not_end(void **state)
{
	(void)state;
	assert_code(does_not_return, ROWS(ROW_AT(0, 8), ROW_AT(4, 16), ROW_AT(0xa, 8),
					  ROW_AT(0xb, 16), ROW_AT(0xc, 8), NO_ROW_AT(0xd)));
}

/* The same, but the path comes by before the call of what is behind. */
CODE(found_late, "	sub $8, %rsp\n"
		 "	test %eax, %eax\n"
		 "	je 2f\n"
		 "	call *%rax\n"
		 "1:	nop\n"
		 "	hlt\n"
		 "2:	call 1b\n"
		 "	hlt\n");

static void a_function_that_is_found_too_late_has_no_rows(void **state)
{
	(void)state;
	assert_code(found_late, NONE_AT_ALL);
}

CODE(endless, "1:	push %rax\n"
	      "	jmp 1b\n");

CODE(endless_but_balanced, "	push %rax\n"  /* 0 */
			   "1:	call *%rax\n" /* 1 */
			   "	jmp 1b\n");   /* 3 */

static void a_loop_is_followed_once(void **state)
{
	(void)state;
	assert_code(endless_but_balanced, ROWS(ROW_AT(0, 8), ROW_AT(1, 16), NO_ROW_AT(5)));
	/* At its entry it is entered from elsewhere, too, for all we know. */
	assert_code(endless, ROWS(ROW_AT(0, 8), ROW_AT(1, 16), NO_ROW_AT(3)));
}

/* An array may say anything. */
static void entries_that_are_not_code_are_left_out(void **state)
{
	static const uint64_t entries[] = {0,      1,           UINT64_MAX, ARRAY,
					   FDE_AT, TEXT + 0x34, TEXT - 1,   TEXT + 0x23};
	struct bytes text = {(uint8_t *)dtors, dtors_end - dtors, 0}, array = {};
	struct elf_section sections[] = {
		{".text",       &text,  TEXT,  EXECUTABLE, 0             },
		{".fini_array", &array, ARRAY, ANY_FLAGS,  SHT_FINI_ARRAY},
	};

	(void)state;
	put(&array, entries, sizeof(entries));
	assert_rows(table_of(sections, 2, FDE_AT, FDE_AT + 0x10, 0),
		    ROWS(NO_ROW_AT(0), ROW_AT(0x23, 8), NO_ROW_AT(0x24)));
	bytes__release(&array);
}

/* --- this machine's files -----------------------------------------------------------------------
 */

struct library {
	const char *name; /* is a part of the path */
	const struct cfi_table *table;
	size_t entries;
};

static void assert_entry(struct library *library, uint64_t vaddr)
{
	if (cfi_table__rule(library->table, vaddr)->cfa != WIRE_CFA_REGISTER ||
	    cfi_table__rule(library->table, vaddr)->cfa_offset != 8)
		fail_msg("%s: nothing is known of its entry 0x%lx", library->name, vaddr);
	library->entries++;
}

/* The dynamic linker has moved what the arrays lead to. */
static int check_entries(struct dl_phdr_info *info, size_t size, void *context)
{
	struct library *library = context;
	uint64_t init = 0, init_size = 0, fini = 0, fini_size = 0;
	const ElfW(Dyn) *dyn = NULL;

	(void)size;
	if (!strstr(info->dlpi_name, library->name))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			dyn = (void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	}
	for (; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_INIT || dyn->d_tag == DT_FINI)
			assert_entry(library, dyn->d_un.d_ptr);
		init = dyn->d_tag == DT_INIT_ARRAY ? dyn->d_un.d_ptr : init;
		init_size = dyn->d_tag == DT_INIT_ARRAYSZ ? dyn->d_un.d_val : init_size;
		fini = dyn->d_tag == DT_FINI_ARRAY ? dyn->d_un.d_ptr : fini;
		fini_size = dyn->d_tag == DT_FINI_ARRAYSZ ? dyn->d_un.d_val : fini_size;
	}
	for (uint64_t at = 0; at < init_size; at += 8)
		assert_entry(library, *(uint64_t *)(info->dlpi_addr + init + at) - info->dlpi_addr);
	for (uint64_t at = 0; at < fini_size; at += 8)
		assert_entry(library, *(uint64_t *)(info->dlpi_addr + fini + at) - info->dlpi_addr);
	return 1;
}

static void what_libraries_run_at_start_and_exit_has_rows(void **state)
{
	static const char *const names[] = {"libc.so.6", "libm.so.6", "libz.so.1",
					    "libstdc++.so.6"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct library library = {.name = names[i]};
		struct link_map *map = NULL;
		struct cfi_table *table;
		void *handle = dlopen(names[i], RTLD_NOW);
		int fd;

		if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map))
			fail_msg("%s is not on this machine: this test needs it", names[i]);
		fd = open(map->l_name, O_RDONLY | O_CLOEXEC);
		table = cfi_table__open(fd);
		close(fd);
		assert_non_null(table);
		library.table = table;
		assert_true(dl_iterate_phdr(check_entries, &library));
		/* libc has two constructors of its own, the others at least all four of crt*.o. */
		assert_true(library.entries >= (i ? 4 : 2));
		cfi_table__close(table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_runs_at_exit_has_rows),
		cmocka_unit_test(a_relocation_of_an_array_leads_to_code),
		cmocka_unit_test(the_dynamic_section_leads_to_code),
		cmocka_unit_test(symbols_of_functions_lead_to_code),
		cmocka_unit_test(init_and_fini_are_entered_where_they_begin),
		cmocka_unit_test(a_path_ends_with_its_section),
		cmocka_unit_test(each_stub_of_a_plt_is_entered),
		cmocka_unit_test(rows_of_call_frame_information_stay_as_they_are),
		cmocka_unit_test(where_a_program_starts_there_is_no_return_address),
		cmocka_unit_test(what_signal_handlers_return_to_has_no_row),
		cmocka_unit_test(rows_end_behind_what_is_not_understood),
		cmocka_unit_test(a_function_that_contradicts_itself_has_no_rows),
		cmocka_unit_test(a_call_of_the_next_instruction_ends_the_rows),
		cmocka_unit_test(rbp_may_be_lost),
		cmocka_unit_test(a_jump_may_lead_into_an_instruction),
		cmocka_unit_test(a_function_begins_anew_behind_one_that_does_not_end),
		cmocka_unit_test(a_function_that_is_found_too_late_has_no_rows),
		cmocka_unit_test(a_loop_is_followed_once),
		cmocka_unit_test(entries_that_are_not_code_are_left_out),
		cmocka_unit_test(what_libraries_run_at_start_and_exit_has_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
