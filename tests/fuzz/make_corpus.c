// SPDX-License-Identifier: Apache-2.0
/* Writes the hand-made seeds of tests/fuzz/corpus/cfi: make_corpus FOLDER. */
#include <stdio.h>

#include "make_elf.h"

static void write_file(const char *folder, const char *name, struct bytes elf)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	if (!file || fwrite(elf.data, 1, elf.size, file) != elf.size || fclose(file))
		perror(path);
	bytes__release(&elf);
}

static void add_functions(struct frames *frames)
{
	add_function(frames, 0x1000, 0x40, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16,
		     DW_CFA_offset | 6, 2, DW_CFA_advance_loc1, 3, DW_CFA_def_cfa_register, 6,
		     DW_CFA_remember_state, DW_CFA_advance_loc2, 8, 0, DW_CFA_def_cfa, 7, 8,
		     DW_CFA_advance_loc4, 2, 0, 0, 0, DW_CFA_restore_state);
	add_function(frames, 0x1040, 0x10, DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8,
		     DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit3,
		     DW_OP_shl, DW_OP_plus);
	add_function(frames, 0x1060, 0x10, DW_CFA_def_cfa_expression, 5, DW_OP_breg6, 0x78,
		     DW_OP_deref, DW_OP_plus_uconst, 8, DW_CFA_expression, 6, 2, DW_OP_breg6, 0);
	add_function(frames, 0x1070, 0x10, DW_CFA_undefined, 16);
	add_function(frames, 0x1080, 0x10, DW_CFA_def_cfa_sf, 7, 0x7e, DW_CFA_register, 6, 12,
		     DW_CFA_val_offset, 3, 1, DW_CFA_same_value, 6, DW_CFA_restore | 6,
		     DW_CFA_GNU_args_size, 8, DW_CFA_val_expression, 3, 2, DW_OP_breg7, 0);
}

/* Every encoding, and the augmentations of C++ and of signal frames. */
static struct bytes eh_frame_elf(void)
{
	static const uint8_t encodings[] = {0x1b, 0x00, 0x03, 0x0c, 0x01, 0x09, 0x10};
	static const uint8_t data[] = {0x1b, 1, 2, 3, 4, 0x1b, 0x1b};
	struct frames frames = {.vaddr = 0x3000};
	struct bytes elf;

	for (size_t i = 0; i < sizeof(encodings); i++) {
		frames.encoding = encodings[i];
		add_cie(&frames);
		add_function(&frames, 0x2000 + i * 16, 0x10, DW_CFA_def_cfa_offset, i * 8);
	}
	frames.encoding = 0x1b;
	begin_cie(&frames, "zPLR", data, sizeof(data));
	put_on_entry(&frames);
	end_entry(&frames);
	begin_fde(&frames, 0x2100, 0x10);
	put(&frames.bytes, PROGRAM(4, 1, 2, 3, 4, DW_CFA_def_cfa_offset, 16));
	end_entry(&frames);
	begin_cie(&frames, "zRS", data, 1);
	put_on_entry(&frames);
	end_entry(&frames);
	add_function(&frames, 0x2200, 0x10, DW_CFA_nop);
	add_cie(&frames);
	add_functions(&frames);
	put_number(&frames.bytes, 0, 4);
	elf = elf_of(&frames);
	bytes__release(&frames.bytes);
	return elf;
}

static struct bytes debug_frame_elf(void)
{
	struct frames frames = {.is_debug_frame = true};
	struct bytes elf;

	add_cie(&frames);
	add_functions(&frames);
	elf = elf_of(&frames);
	bytes__release(&frames.bytes);
	return elf;
}

/* One function whose program is this. */
static struct bytes one_function_elf(const void *program, size_t size)
{
	struct frames frames = {.vaddr = 0x3000, .encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata4};
	struct bytes elf;

	add_cie(&frames);
	add_fde(&frames, 0x1000, 0x10, program, size);
	elf = elf_of(&frames);
	bytes__release(&frames.bytes);
	return elf;
}

static struct bytes greedy_augmentation_elf(void)
{
	struct frames frames = {.vaddr = 0x3000};
	struct bytes elf;
	char letters[2000] = "z";

	memset(letters + 1, 'L', sizeof(letters) - 2);
	begin_cie(&frames, letters, "", 1);
	end_entry(&frames);
	elf = elf_of(&frames);
	bytes__release(&frames.bytes);
	return elf;
}

/* Code without call-frame information, and all that leads to it: a function with a frame, a call
 * and a branch, which gcc's crtbeginS.o has. */
static struct bytes bare_code_elf(void)
{
	static const uint8_t code[] = {
		0xf3, 0x0f, 0x1e, 0xfa, 0x75, 0x0c, 0x55, 0x48, 0x89, 0xe5, 0xe8, 0x05, 0x00,
		0x00, 0x00, 0xc9, 0xc3, 0x90, 0xc3, 0x90, 0x48, 0x83, 0xec, 0x18, 0x48, 0x8d,
		0x64, 0x24, 0x18, 0xff, 0xe0, 0x5b, 0x5d, 0x31, 0xed, 0x0f, 0x05, 0xeb, 0xf9,
	};
	struct frames frames = {.vaddr = 0x20000, .encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata4};
	struct bytes text = {}, array = {}, relocations = {}, symbols = {}, dynamic = {}, elf;
	struct elf_section sections[] = {
		{".init",       &text,         0x1000,  SHF_ALLOC | SHF_EXECINSTR, 0             },
		{".plt.sec",    &text,         0x2000,  SHF_ALLOC | SHF_EXECINSTR, 0             },
		{".fini_array", &array,        0x8000,  SHF_ALLOC,                 SHT_FINI_ARRAY},
		{".rela.dyn",   &relocations,  0x9000,  SHF_ALLOC,                 SHT_RELA      },
		{".symtab",     &symbols,      0,       0,                         SHT_SYMTAB    },
		{".dynamic",    &dynamic,      0xa000,  SHF_ALLOC,                 SHT_DYNAMIC   },
		{".eh_frame",   &frames.bytes, 0x20000, SHF_ALLOC,                 0             },
	};

	put(&text, code, sizeof(code));
	put_number(&array, 0x1006, 8);
	put(&relocations, &(Elf64_Rela){0x8000, R_X86_64_RELATIVE, 0x1012}, sizeof(Elf64_Rela));
	put(&symbols, &(Elf64_Sym){.st_info = STT_FUNC, .st_shndx = 1, .st_value = 0x101f},
	    sizeof(Elf64_Sym));
	put(&dynamic, &(Elf64_Dyn){DT_FINI, {0x1014}}, sizeof(Elf64_Dyn));
	add_cie(&frames);
	add_function(&frames, 0x1030, 0x10, DW_CFA_nop);
	elf = make_elf(sections, sizeof(sections) / sizeof(*sections));
	bytes__release(&text);
	bytes__release(&array);
	bytes__release(&relocations);
	bytes__release(&symbols);
	bytes__release(&dynamic);
	bytes__release(&frames.bytes);
	return elf;
}

int main(int argc, char **argv)
{
	uint8_t remember[4096];

	if (argc != 2)
		return 2;
	memset(remember, DW_CFA_remember_state, sizeof(remember));
	write_file(argv[1], "bare_code", bare_code_elf());
	write_file(argv[1], "eh_frame", eh_frame_elf());
	write_file(argv[1], "debug_frame", debug_frame_elf());
	write_file(argv[1], "one_row", one_function_elf(PROGRAM(DW_CFA_nop)));
	write_file(argv[1], "many_remembered", one_function_elf(remember, sizeof(remember)));
	/* Register 2^27: libdw 0.188 makes room for them all, 1 GiB, for each row anew. */
	write_file(argv[1], "huge_register",
		   one_function_elf(PROGRAM(DW_CFA_undefined, 0x80, 0x80, 0x80, 0x40,
					    DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16)));
	/* An expression that ends behind the section. */
	write_file(argv[1], "open_expression",
		   one_function_elf(PROGRAM(0, 0, 0, DW_CFA_val_expression, 6)));
	write_file(argv[1], "greedy_augmentation", greedy_augmentation_elf());
	return 0;
}
