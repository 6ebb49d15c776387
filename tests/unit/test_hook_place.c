// SPDX-License-Identifier: Apache-2.0
/* Where a function is left for a stub: the real first bytes of real allocators, and one hand-made
 * function a rule. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inline/hook_place.h"

/* Not at the end of a page. */
#define ADDRESS 0x401000

/* "2 to 7, 8 deep": the bytes that are displaced, and what the stack has by then; or why not. Given
 * room for exactly its bytes: a sanitizer sees a read behind them. */
static void assert_place_that(bool may_call, const void *code, size_t size, uint64_t address,
			      const char *expected)
{
	unsigned char *copy = malloc(size ? size : 1);
	struct hook_place place;
	const char *why;
	char text[64];

	memcpy(copy, code, size);
	if (hook_place__find(copy, size, address, may_call, &place, &why))
		snprintf(text, sizeof(text), "%s", why);
	else
		snprintf(text, sizeof(text), "%u to %u, %u deep%s", place.offset, place.end,
			 place.depth, place.covers_entry ? ", the entry" : "");
	free(copy);
	assert_string_equal(text, expected);
}

static void assert_place(const void *code, size_t size, uint64_t address, const char *expected)
{
	assert_place_that(false, code, size, address, expected);
}

#define ASSERT_PLACE(expected, bytes) assert_place(bytes, sizeof(bytes) - 1, ADDRESS, expected)

/* Debian 12's libc6 2.36-9+deb12u*, by objdump -d. */
static void glibcs_functions(void **state)
{
	(void)state;
	/* malloc: push r12; push rbp; push rbx; mov rbx,rdi; sub rsp,0x10 */
	ASSERT_PLACE("2 to 7, 8 deep", "\x41\x54\x55\x53\x48\x89\xfb\x48\x83\xec\x10");
	/* calloc: push r13; mov rax,rdi; push r12; push rbp; push rbx */
	ASSERT_PLACE("2 to 7, 8 deep", "\x41\x55\x48\x89\xf8\x41\x54\x55\x53");
	/* free: test rdi,rdi; je +0xbf; push rbp; lea rsi,[rdi-0x10]; push rbx; sub rsp,0x18. What
	 * `test` has found `je` wants to know, but nobody behind it */
	ASSERT_PLACE("9 to 14, 0 deep",
		     "\x48\x85\xff\x0f\x84\xbf\x00\x00\x00\x55\x48\x8d\x77\xf0\x53"
		     "\x48\x83\xec\x18");
	/* posix_memalign: cmp byte [rip+..],0; push r12; mov r12,rdx. The first instruction has
	 * room for the jump */
	ASSERT_PLACE("0 to 7, 0 deep", "\x80\x3d\x01\x02\x14\x00\x00\x41\x54\x49\x89\xd4");
	/* reallocarray: mov rax,rsi; mul rdx; mov rsi,rax; jo +5; jmp rel32. mul writes rdx */
	ASSERT_PLACE("3 to 9, 0 deep",
		     "\x48\x89\xf0\x48\xf7\xe2\x48\x89\xc6\x70\x05\xe9\x40\xb8\xf8\xff");
}

/* Debian 12's libjemalloc2 5.3.0-1, libtcmalloc-minimal4 2.10-1, libmimalloc2.0 2.0.9+ds-2 and musl
 * 1.2.3-1. */
static void other_allocators_functions(void **state)
{
	(void)state;
	/* jemalloc's malloc: cmp rdi,0x1000; ja +0x93 */
	ASSERT_PLACE("0 to 7, 0 deep", "\x48\x81\xff\x00\x10\x00\x00\x0f\x87\x93\x00\x00\x00");
	/* jemalloc's free: mov rax,rdi; mov rdx,[rip+..] */
	ASSERT_PLACE("3 to 10, 0 deep", "\x48\x89\xf8\x48\x8b\x15\x0e\x53\x0a\x00\x48\x89\xf9");
	/* jemalloc's operator delete: jmp rel32 */
	ASSERT_PLACE("0 to 5, 0 deep", "\xe9\xeb\xaf\xf5\xff");
	/* tcmalloc's malloc: mov rax,[rip+..]; test rax,rax; jne +0x75 */
	ASSERT_PLACE("0 to 7, 0 deep", "\x48\x8b\x05\x59\xab\x00\x00\x48\x85\xc0\x75\x75");
	/* mimalloc's free: mov rcx,rdi; test rdi,rdi; je +0x5d. An argument's register is
	 * written first */
	ASSERT_PLACE("0 to 6, 0 deep, the entry", "\x48\x89\xf9\x48\x85\xff\x74\x5d\x90");
	/* mimalloc's operator new: push rbp; push rbx; mov rbx,rdi; sub rsp,8 */
	ASSERT_PLACE("1 to 9, 8 deep", "\x55\x53\x48\x89\xfb\x48\x83\xec\x08");
	/* musl's posix_memalign: push rbx; mov eax,0x16; mov rbx,rdi */
	ASSERT_PLACE("1 to 6, 8 deep", "\x53\xb8\x16\x00\x00\x00\x48\x89\xfb");
}

static void behind_what_can_be_undone(void **state)
{
	(void)state;
	/* endbr64; push rbp; mov rbp,rsp; push rbx; sub rsp,8: rbp is the caller's at the jump */
	ASSERT_PLACE("4 to 9, 0 deep", "\xf3\x0f\x1e\xfa\x55\x48\x89\xe5\x53\x48\x83\xec\x08");
	/* sub rsp,0x28; mov rbx,rdi; mov ecx,1; xor eax,eax */
	ASSERT_PLACE("4 to 12, 40 deep",
		     "\x48\x83\xec\x28\x48\x89\xfb\xb9\x01\x00\x00\x00\x31\xc0");
	/* mov [rsp-8],rdi is a write; so the entry it is, which its five bytes can take */
	ASSERT_PLACE("0 to 5, 0 deep", "\x48\x89\x7c\x24\xf8\x90\x90\x90\x90\x90");
}

static void flags_are_kept(void **state)
{
	(void)state;
	/* test rdi,rdi; push rbp; push rbx; mov rbx,rsi; sete al: read behind all of it */
	ASSERT_PLACE("0 to 5, 0 deep, the entry",
		     "\x48\x85\xff\x55\x53\x48\x89\xf3\x0f\x94\xc0\xc3");
	/* test rdi,rdi; push rbp; push rbx; mov rbx,rsi; xor eax,eax; ret: not read */
	ASSERT_PLACE("3 to 8, 0 deep", "\x48\x85\xff\x55\x53\x48\x89\xf3\x31\xc0\xc3");
}

static void what_cannot_be_left(void **state)
{
	(void)state;
	ASSERT_PLACE("its code is not understood", "");
	ASSERT_PLACE("its code is not understood", "\x06\x06\x06\x06\x06\x06");
	/* xor eax,eax; ret */
	ASSERT_PLACE("it is too short", "\x31\xc0\xc3");
	/* call rel32; ret: its return address would be the stub's */
	ASSERT_PLACE("it begins with a call", "\xe8\x00\x01\x00\x00\xc3");
	/* push rbx; mov rbx,rdi; dec rbx; jne -5 (to the dec); pop rbx; ret */
	ASSERT_PLACE("it jumps back to its first instructions",
		     "\x53\x48\x89\xfb\x48\xff\xcb\x75\xfb\x5b\xc3");
}

/* What it calls comes back to the stub: behind all that was moved, or it would be in the middle. */
static void a_call_may_be_the_last(void **state)
{
	/* mimalloc's valloc: push rbx; mov rbx,rdi; call rel32; mov rsi,rbx */
	static const char valloc[] = "\x53\x48\x89\xfb\xe8\x00\x01\x00\x00\x48\x89\xde";
	/* call rax; push rbx; mov rbx,rdi: the call is too short for the jump */
	static const char too_short[] = "\xff\xd0\x53\x48\x89\xfb\x5b\xc3";

	(void)state;
	assert_place_that(true, valloc, sizeof(valloc) - 1, ADDRESS, "1 to 9, 8 deep");
	assert_place_that(false, valloc, sizeof(valloc) - 1, ADDRESS, "it begins with a call");
	assert_place_that(true, too_short, sizeof(too_short) - 1, ADDRESS, "it is too short");
}

/* A write of five bytes over the end of a page may be half done when exoprof is killed. */
static void a_jump_is_of_one_page(void **state)
{
	static const char malloc_[] = "\x41\x54\x55\x53\x48\x89\xfb\x48\x83\xec\x10\x90";

	(void)state;
	assert_place(malloc_, sizeof(malloc_) - 1, 0x402000 - 7, "2 to 7, 8 deep");
	assert_place(malloc_, sizeof(malloc_) - 1, 0x402000 - 6, "0 to 7, 0 deep, the entry");
	assert_place(malloc_, sizeof(malloc_) - 1, 0x402000 - 2, "2 to 7, 8 deep");
}

static void branches_from_elsewhere(void **state)
{
	/* nop; jmp +0x10; nop; je -7; nop */
	static const unsigned char code[] = {0x90, 0xe9, 0x10, 0,    0,    0,    0x90,
					     0x0f, 0x84, 0xf9, 0xff, 0xff, 0xff, 0x90};

	(void)state;
	/* From 0x1006: to 0x1016. From 0x100d: to 0x1006. */
	assert_true(hook_place__is_branched_to(code, sizeof(code), 0x1000, 0x1016, 0x1017));
	assert_false(hook_place__is_branched_to(code, sizeof(code), 0x1000, 0x1017, 0x1020));
	assert_true(hook_place__is_branched_to(code, sizeof(code), 0x1000, 0x1003, 0x1007));
	assert_false(hook_place__is_branched_to(code, sizeof(code), 0x1000, 0x1001, 0x1006));
	assert_false(hook_place__is_branched_to(code, 0, 0x1000, 0, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(glibcs_functions),
		cmocka_unit_test(other_allocators_functions),
		cmocka_unit_test(behind_what_can_be_undone),
		cmocka_unit_test(flags_are_kept),
		cmocka_unit_test(what_cannot_be_left),
		cmocka_unit_test(a_call_may_be_the_last),
		cmocka_unit_test(a_jump_is_of_one_page),
		cmocka_unit_test(branches_from_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
