// SPDX-License-Identifier: Apache-2.0
/* Where to probe: the real first bytes of real allocators, and one hand-made function a rule. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "target/prologue.h"

/* Given room for exactly its bytes: a sanitizer sees a read behind them. */
static void assert_offset(const void *code, size_t size, size_t expected)
{
	unsigned char *copy = malloc(size ? size : 1);
	size_t offset;

	memcpy(copy, code, size);
	offset = prologue__probe_offset(copy, size);
	free(copy);
	assert_int_equal(offset, expected);
}

#define ASSERT_OFFSET(expected, bytes) assert_offset(bytes, sizeof(bytes) - 1, expected)

/* Debian 12's libc6 2.36-9+deb12u*, by objdump -d. */
static void glibcs_functions(void **state)
{
	(void)state;
	/* malloc: push r12; push rbp; push rbx; mov rbx,rdi; sub rsp,0x10 */
	ASSERT_OFFSET(0, "\x41\x54\x55\x53\x48\x89\xfb\x48\x83\xec\x10");
	/* calloc: push r13; mov rax,rdi; push r12; push rbp; push rbx; sub rsp,0x18; mul rsi */
	ASSERT_OFFSET(0, "\x41\x55\x48\x89\xf8\x41\x54\x55\x53\x48\x83\xec\x18\x48\xf7\xe6");
	/* realloc: push r15; push r14; push r13; push r12; push rbp; mov rbp,rsi */
	ASSERT_OFFSET(0, "\x41\x57\x41\x56\x41\x55\x41\x54\x55\x48\x89\xf5");
	/* free: test rdi,rdi; je +0xbf; push rbp; lea rsi,[rdi-0x10]; push rbx; sub rsp,0x18 */
	ASSERT_OFFSET(9, "\x48\x85\xff\x0f\x84\xbf\x00\x00\x00\x55\x48\x8d\x77\xf0\x53"
			 "\x48\x83\xec\x18");
}

/* Debian 12's musl 1.2.3-1. All but calloc are a jump to where the work is done. */
static void musls_functions(void **state)
{
	(void)state;
	/* malloc: jmp rel32 */
	ASSERT_OFFSET(0, "\xe9\x6b\x19\x00\x00\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00\x90");
	/* calloc: push r12; mov r12,rsi; push rbp; push rbx; test rsi,rsi; je +0xc */
	ASSERT_OFFSET(0, "\x41\x54\x49\x89\xf4\x55\x53\x48\x85\xf6\x74\x0c");
	/* realloc: jmp rel32 */
	ASSERT_OFFSET(0, "\xe9\xfb\xfa\xff\xff\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00\x90");
	/* free: jmp rel32 */
	ASSERT_OFFSET(0, "\xe9\xbb\x0a\x00\x00\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00\x90");
}

/* Debian 12's libjemalloc2 5.3.0-1. */
static void jemallocs_functions(void **state)
{
	(void)state;
	/* malloc: cmp rdi,0x1000; ja +0x93; lea rdx,[rip+..] */
	ASSERT_OFFSET(7, "\x48\x81\xff\x00\x10\x00\x00\x0f\x87\x93\x00\x00\x00"
			 "\x48\x8d\x15\x5c\x7f\x2c\x00");
	/* calloc: push r15; push r14; push r13; push r12; mov r12,rsi; push rbp; push rbx */
	ASSERT_OFFSET(0, "\x41\x57\x41\x56\x41\x55\x41\x54\x49\x89\xf4\x55\x53");
	/* realloc: push r15; push r14; push r13; push r12; push rbp; mov rbp,rdi; push rbx */
	ASSERT_OFFSET(0, "\x41\x57\x41\x56\x41\x55\x41\x54\x55\x48\x89\xfd\x53");
	/* free: mov rax,rdi; mov rdx,[rip+..]; mov rcx,rdi; shr rax,0x1a. An argument register is
	 * written before anything emulated. */
	ASSERT_OFFSET(0, "\x48\x89\xf8\x48\x8b\x15\x0e\x53\x0a\x00\x48\x89\xf9\x48\xc1\xe8\x1a");
}

/* Debian 12's libtcmalloc-minimal4 2.10-1. */
static void tcmallocs_functions(void **state)
{
	(void)state;
	/* malloc: mov rax,[rip+..]; test rax,rax; jne +0x75 */
	ASSERT_OFFSET(10, "\x48\x8b\x05\x59\xab\x00\x00\x48\x85\xc0\x75\x75"
			  "\x48\x8b\x05\x05\xa1\x00\x00");
	/* calloc: push r13; mov rax,rdi; push r12; sub rsp,0x8; mul rsi */
	ASSERT_OFFSET(0, "\x41\x55\x48\x89\xf8\x41\x54\x48\x83\xec\x08\x48\xf7\xe6");
	/* realloc: push r15; push r14; push r13; push r12; push rbp; mov rbp,rsi; push rbx */
	ASSERT_OFFSET(0, "\x41\x57\x41\x56\x41\x55\x41\x54\x55\x48\x89\xf5\x53");
	/* free: mov rax,[rip+..]; test rax,rax; jne +0x90; mov rdx,rdi */
	ASSERT_OFFSET(10, "\x48\x8b\x05\x59\xb1\x1b\x00\x48\x85\xc0\x0f\x85\x90\x00\x00\x00"
			  "\x48\x89\xfa");
}

/* Debian 12's libmimalloc2.0 2.0.9+ds-2: all write an argument register before anything emulated.
 */
static void mimallocs_functions(void **state)
{
	(void)state;
	/* malloc: mov rax,[rip+..]; mov rsi,rdi; mov rdi,fs:[rax]; cmp rsi,0x400; ja +0x29 */
	ASSERT_OFFSET(0, "\x48\x8b\x05\x49\xb4\x00\x00\x48\x89\xfe\x64\x48\x8b\x38"
			 "\x48\x81\xfe\x00\x04\x00\x00\x77\x29");
	/* calloc: mov rdx,[rip+..]; mov rax,rdi; mov rdi,fs:[rdx]; cmp rax,0x1; je +0x8 */
	ASSERT_OFFSET(0, "\x48\x8b\x15\xc9\xad\x00\x00\x48\x89\xf8\x64\x48\x8b\x3a"
			 "\x48\x83\xf8\x01\x74\x08");
	/* realloc: mov rax,[rip+..]; mov rdx,rsi; mov rsi,rdi; mov rax,fs:[rax]; mov rdi,rax */
	ASSERT_OFFSET(0, "\x48\x8b\x05\x49\xa9\x00\x00\x48\x89\xf2\x48\x89\xfe\x64\x48\x8b\x00"
			 "\x48\x89\xc7\xe9\xf7\x4e\xff\xff");
	/* free: mov rcx,rdi; test rdi,rdi; je +0x5d; lea rdi,[rdi-1] */
	ASSERT_OFFSET(0, "\x48\x89\xf9\x48\x85\xff\x74\x5d\x48\x8d\x7f\xff\x48\x89\xc8");
}

static void a_push_at_the_entry_is_the_place(void **state)
{
	(void)state;
	ASSERT_OFFSET(0, "\x55\x48\x89\xe5");     /* push rbp; mov rbp,rsp */
	ASSERT_OFFSET(0, "\x41\x57\x48\x89\xe5"); /* push r15; mov rbp,rsp */
}

static void endbr64_is_passed_by(void **state)
{
	(void)state;
	/* endbr64; push rbp */
	ASSERT_OFFSET(4, "\xf3\x0f\x1e\xfa\x55");
	/* endbr64; test rdi,rdi; je +0x10; push rbx */
	ASSERT_OFFSET(9, "\xf3\x0f\x1e\xfa\x48\x85\xff\x74\x10\x53");
}

static void moves_of_other_registers_are_passed_by(void **state)
{
	(void)state;
	/* mov rax,rdi; xor r8d,r8d; push rbx */
	ASSERT_OFFSET(6, "\x48\x89\xf8\x45\x31\xc0\x53");
	/* cmp rdi,[rip+..]; mov [rip+..],rsi; push rbx: memory may be written, arguments read */
	ASSERT_OFFSET(14, "\x48\x3b\x3d\x00\x00\x00\x00\x48\x89\x35\x00\x00\x00\x00\x53");
}

static void a_nop_jump_or_call_is_as_good_as_a_push(void **state)
{
	(void)state;
	ASSERT_OFFSET(3, "\x48\x89\xf8\x90\x53");                 /* mov rax,rdi; nop */
	ASSERT_OFFSET(3, "\x48\x89\xf8\x0f\x1f\x44\x00\x00\x53"); /* mov rax,rdi; nopl */
	ASSERT_OFFSET(3, "\x48\x89\xf8\xeb\x10");                 /* mov rax,rdi; jmp rel8 */
	ASSERT_OFFSET(3, "\x48\x89\xf8\xe9\x10\x00\x00\x00");     /* mov rax,rdi; jmp rel32 */
	ASSERT_OFFSET(3, "\x48\x89\xf8\xe8\x10\x00\x00\x00");     /* mov rax,rdi; call rel32 */
	ASSERT_OFFSET(3, "\x48\x89\xf8\x7f\x10");                 /* mov rax,rdi; jg rel8 */
}

static void a_jump_or_call_through_memory_or_register_ends_the_search(void **state)
{
	(void)state;
	/* mov rax,rdi; jmp [rip+..]; push rbx */
	ASSERT_OFFSET(0, "\x48\x89\xf8\xff\x25\x00\x00\x00\x00\x53");
	/* mov rax,rdi; call [rip+..]; push rbx */
	ASSERT_OFFSET(0, "\x48\x89\xf8\xff\x15\x00\x00\x00\x00\x53");
	/* jmp rax; push rbx */
	ASSERT_OFFSET(0, "\xff\xe0\x53");
}

static void leaving_the_path_ends_the_search(void **state)
{
	(void)state;
	ASSERT_OFFSET(0, "\x48\x89\xf8\xc3\x53");         /* mov rax,rdi; ret; push */
	ASSERT_OFFSET(0, "\x48\x89\xf8\xcc\x53");         /* mov rax,rdi; int3; push */
	ASSERT_OFFSET(0, "\x48\x89\xf8\x0f\x05\x53");     /* mov rax,rdi; syscall; push */
	ASSERT_OFFSET(0, "\x48\x89\xf8\x0f\x0b\xcc\x53"); /* mov rax,rdi; ud2; int3; push */
}

static void a_push_behind_the_null_check_is_the_place(void **state)
{
	(void)state;
	ASSERT_OFFSET(5, "\x48\x85\xff\x74\x10\x53");                 /* test; je rel8; push */
	ASSERT_OFFSET(9, "\x48\x85\xff\x0f\x84\x10\x00\x00\x00\x53"); /* test; je rel32; push */
}

static void the_branch_of_the_null_check_is_second_best(void **state)
{
	(void)state;
	/* test rdi,rdi; je; sub rsp,8 */
	ASSERT_OFFSET(3, "\x48\x85\xff\x74\x10\x48\x83\xec\x08\x53");
	/* test rdi,rdi; je; lea rdi,[rdi-16]; push */
	ASSERT_OFFSET(3, "\x48\x85\xff\x74\x10\x48\x8d\x7f\xf0\x53");
	/* test rdi,rdi; je; and no more */
	ASSERT_OFFSET(3, "\x48\x85\xff\x74\x10");
}

/* Every call passes it, free(NULL) too, but what comes behind is the NULL case. */
static void the_branch_of_an_inverse_null_check_is_the_place(void **state)
{
	(void)state;
	/* test rdi,rdi; jne +1; ret; push rbx */
	ASSERT_OFFSET(3, "\x48\x85\xff\x75\x01\xc3\x53");
}

static void a_je_that_tests_something_else_is_the_place(void **state)
{
	(void)state;
	ASSERT_OFFSET(3, "\x48\x85\xf6\x74\x10\x53"); /* test rsi,rsi; je; push */
	ASSERT_OFFSET(2, "\x85\xff\x74\x10\x53");     /* test edi,edi; je; push */
	ASSERT_OFFSET(3, "\x48\x85\xf7\x74\x10\x53"); /* test rdi,rsi; je; push */
	/* test rdi,rdi; mov rax,rdi; je: not the check's own */
	ASSERT_OFFSET(6, "\x48\x85\xff\x48\x89\xf8\x74\x10\x53");
}

static void a_write_to_an_argument_register_ends_the_search(void **state)
{
	(void)state;
	ASSERT_OFFSET(0, "\x48\x89\xc7\x53");     /* mov rdi,rax; push */
	ASSERT_OFFSET(0, "\x48\x89\xc6\x53");     /* mov rsi,rax; push */
	ASSERT_OFFSET(0, "\x48\x89\xc2\x53");     /* mov rdx,rax; push */
	ASSERT_OFFSET(0, "\x48\x89\xc1\x53");     /* mov rcx,rax; push */
	ASSERT_OFFSET(0, "\x83\xc7\x07\x53");     /* add edi,7; push: a part of it */
	ASSERT_OFFSET(0, "\x40\xb7\x00\x53");     /* mov dil,0; push: a smaller one */
	ASSERT_OFFSET(0, "\x48\xf7\xe6\x53");     /* mul rsi; push: rdx, unsaid */
	ASSERT_OFFSET(0, "\x48\x99\x53");         /* cqo; push: rdx, unsaid */
	ASSERT_OFFSET(0, "\x48\x87\xf8\x53");     /* xchg rax,rdi; push */
	ASSERT_OFFSET(0, "\xf3\x48\xab\x53");     /* rep stosq; push: rdi, rcx */
	ASSERT_OFFSET(0, "\x48\x0f\x44\xf8\x53"); /* cmove rdi,rax; push: perhaps */
}

static void a_move_of_the_stack_pointer_ends_the_search(void **state)
{
	(void)state;
	ASSERT_OFFSET(0, "\x48\x83\xec\x08\x53");     /* sub rsp,8; push */
	ASSERT_OFFSET(0, "\x48\x8d\x64\x24\xf8\x53"); /* lea rsp,[rsp-8]; push */
	ASSERT_OFFSET(0, "\x58\x53");                 /* pop rax; push */
	ASSERT_OFFSET(0, "\x6a\x00\x53");             /* push 0; push: of a constant */
	ASSERT_OFFSET(0, "\xff\x30\x53");             /* push [rax]; push: of memory */
	ASSERT_OFFSET(0, "\x9c\x53");                 /* pushf; push */
}

/* push_setup_xol_ops() takes one byte, or two of which the first is 0x41. */
static void a_push_with_another_prefix_is_single_stepped(void **state)
{
	(void)state;
	ASSERT_OFFSET(3, "\x48\x89\xf8\x41\x50"); /* mov rax,rdi; push r8 */
	/* test rdi,rdi; je; push with a prefix: the je is better */
	ASSERT_OFFSET(3, "\x48\x85\xff\x74\x10\x66\x50"); /* push ax */
	ASSERT_OFFSET(3, "\x48\x85\xff\x74\x10\x48\x50"); /* push rax, in two bytes */
}

static void an_instruction_cut_off_ends_the_search(void **state)
{
	(void)state;
	ASSERT_OFFSET(0, "\x48");
	ASSERT_OFFSET(0, "\x48\x89\xf8\x48\x89");
	ASSERT_OFFSET(0, "\x48\x89\xf8\x41");
	ASSERT_OFFSET(0, "\x48\x89\xf8\xe8\x00\x00");
	ASSERT_OFFSET(0, "\x48\x85\xff\x0f\x84\xbf\x00");
	ASSERT_OFFSET(3, "\x48\x85\xff\x74\x10\x41");
}

static void what_is_no_code_is_probed_at_its_entry(void **state)
{
	unsigned char zeros[PROLOGUE_BYTES] = {};

	(void)state;
	assert_offset(zeros, sizeof(zeros), 0);
	ASSERT_OFFSET(0, "");
	ASSERT_OFFSET(0, "\x06\x55");         /* not in 64-bit mode */
	ASSERT_OFFSET(0, "\xff\xff\xff\xff"); /* no instruction at all */
}

/* Whatever the target's bytes say, the answer is one of them. */
static void the_offset_is_never_behind_the_bytes(void **state)
{
	unsigned char code[PROLOGUE_BYTES];
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 100000; round++) {
		for (size_t i = 0; i < sizeof(code); i++)
			code[i] = (seed = seed * 6364136223846793005 + 1) >> 56;
		assert_true(prologue__probe_offset(code, sizeof(code)) < sizeof(code));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(glibcs_functions),
		cmocka_unit_test(musls_functions),
		cmocka_unit_test(jemallocs_functions),
		cmocka_unit_test(tcmallocs_functions),
		cmocka_unit_test(mimallocs_functions),
		cmocka_unit_test(a_push_at_the_entry_is_the_place),
		cmocka_unit_test(endbr64_is_passed_by),
		cmocka_unit_test(moves_of_other_registers_are_passed_by),
		cmocka_unit_test(a_nop_jump_or_call_is_as_good_as_a_push),
		cmocka_unit_test(a_jump_or_call_through_memory_or_register_ends_the_search),
		cmocka_unit_test(leaving_the_path_ends_the_search),
		cmocka_unit_test(a_push_behind_the_null_check_is_the_place),
		cmocka_unit_test(the_branch_of_the_null_check_is_second_best),
		cmocka_unit_test(the_branch_of_an_inverse_null_check_is_the_place),
		cmocka_unit_test(a_je_that_tests_something_else_is_the_place),
		cmocka_unit_test(a_write_to_an_argument_register_ends_the_search),
		cmocka_unit_test(a_move_of_the_stack_pointer_ends_the_search),
		cmocka_unit_test(a_push_with_another_prefix_is_single_stepped),
		cmocka_unit_test(an_instruction_cut_off_ends_the_search),
		cmocka_unit_test(what_is_no_code_is_probed_at_its_entry),
		cmocka_unit_test(the_offset_is_never_behind_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
