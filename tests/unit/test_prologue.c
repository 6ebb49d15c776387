// SPDX-License-Identifier: Apache-2.0
/* Where to probe: the real first bytes of real allocators, and one hand-made function a rule. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/prologue.h"

/* "21 emulated rsi": the offset, what the kernel does there, where the arguments are. */
static void describe(const struct probe_place *place, unsigned int arguments, char text[64])
{
	static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
	int length =
		sprintf(text, "%u %s", place->offset, place->is_emulated ? "emulated" : "stepped");

	for (unsigned int i = 0; i < arguments; i++) {
		assert_in_range(place->registers[i], 0, 15);
		length += sprintf(text + length, " %s", names[place->registers[i]]);
	}
}

/* Given room for exactly its bytes: a sanitizer sees a read behind them. */
static void assert_place(const void *code, size_t size, unsigned int arguments,
			 const char *expected)
{
	unsigned char *copy = malloc(size ? size : 1);
	struct probe_place place;
	char text[64];

	memcpy(copy, code, size);
	memset(&place, 0xff, sizeof(place));
	prologue__place(copy, size, arguments, &place);
	free(copy);
	describe(&place, arguments, text);
	assert_string_equal(text, expected);
}

/* Of a function of which every call is of interest. */
#define ASSERT_PLACE(arguments, expected, bytes) \
	assert_place(bytes, sizeof(bytes) - 1, arguments, expected)

/* Debian 12's libc6 2.36-9+deb12u*, by objdump -d. */
static void glibcs_functions(void **state)
{
	(void)state;
	/* malloc: push r12; push rbp; push rbx; mov rbx,rdi; sub rsp,0x10 */
	ASSERT_PLACE(1, "0 emulated rdi", "\x41\x54\x55\x53\x48\x89\xfb\x48\x83\xec\x10");
	/* calloc: push r13; mov rax,rdi; push r12; push rbp; push rbx; sub rsp,0x18; mul rsi */
	ASSERT_PLACE(2, "0 emulated rdi rsi",
		     "\x41\x55\x48\x89\xf8\x41\x54\x55\x53\x48\x83\xec\x18\x48\xf7\xe6");
	/* realloc: push r15; push r14; push r13; push r12; push rbp; mov rbp,rsi */
	ASSERT_PLACE(2, "0 emulated rdi rsi", "\x41\x57\x41\x56\x41\x55\x41\x54\x55\x48\x89\xf5");
	/* free: test rdi,rdi; je +0xbf; push rbp; lea rsi,[rdi-0x10]; push rbx; sub rsp,0x18 */
	ASSERT_PLACE(1, "3 emulated rdi",
		     "\x48\x85\xff\x0f\x84\xbf\x00\x00\x00\x55\x48\x8d\x77\xf0\x53"
		     "\x48\x83\xec\x18");
	/* posix_memalign: cmp [rip+..],0x0; push r12; mov r12,rdx */
	ASSERT_PLACE(3, "7 emulated rdi rsi rdx",
		     "\x80\x3d\x01\x02\x14\x00\x00\x41\x54\x49\x89\xd4");
	/* aligned_alloc, memalign: cmp [rip+..],0x0; je +0x7; jmp rel32 */
	ASSERT_PLACE(2, "7 emulated rdi rsi",
		     "\x80\x3d\x71\x0e\x14\x00\x00\x74\x07\xe9\x32\xf6\xff\xff");
	/* valloc: cmp [rip+..],0x0; push rbx; mov rbx,rdi */
	ASSERT_PLACE(1, "7 emulated rdi", "\x80\x3d\x31\x0e\x14\x00\x00\x53\x48\x89\xfb");
	/* pvalloc: cmp [rip+..],0x0; push rbx; mov rbx,rdi */
	ASSERT_PLACE(1, "7 emulated rdi", "\x80\x3d\x01\x0e\x14\x00\x00\x53\x48\x89\xfb");
	/* reallocarray: mov rax,rsi; mul rdx; mov rsi,rax; jo +0x5; jmp rel32. The third
	 * argument is lost */
	ASSERT_PLACE(3, "0 stepped rdi rsi rdx",
		     "\x48\x89\xf0\x48\xf7\xe2\x48\x89\xc6\x70\x05\xe9\x40\xb8\xf8\xff");
}

/* Debian 12's musl 1.2.3-1. Most are a jump to where the work is done. */
static void musls_functions(void **state)
{
	(void)state;
	/* malloc: jmp rel32; nop; nop */
	ASSERT_PLACE(1, "0 emulated rdi",
		     "\xe9\x6b\x19\x00\x00\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00\x90");
	/* calloc: push r12; mov r12,rsi; push rbp; push rbx; test rsi,rsi; je +0xc */
	ASSERT_PLACE(2, "0 emulated rdi rsi", "\x41\x54\x49\x89\xf4\x55\x53\x48\x85\xf6\x74\x0c");
	/* realloc: jmp rel32; nop; nop */
	ASSERT_PLACE(2, "0 emulated rdi rsi",
		     "\xe9\xfb\xfa\xff\xff\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00\x90");
	/* free: jmp rel32; nop; nop */
	ASSERT_PLACE(1, "0 emulated rdi",
		     "\xe9\xbb\x0a\x00\x00\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00\x90");
	/* posix_memalign: push rbx; mov eax,0x16; mov rbx,rdi */
	ASSERT_PLACE(3, "0 emulated rdi rsi rdx", "\x53\xb8\x16\x00\x00\x00\x48\x89\xfb");
	/* aligned_alloc: push rbp; mov rax,rdi; push rbx */
	ASSERT_PLACE(2, "0 emulated rdi rsi", "\x55\x48\x89\xf8\x53");
	/* memalign: jmp rel32 */
	ASSERT_PLACE(2, "0 emulated rdi rsi", "\xe9\xbb\xb0\xfe\xff");
	/* valloc: mov rsi,rdi; mov edi,0x1000; jmp rel32 */
	ASSERT_PLACE(1, "8 emulated rsi", "\x48\x89\xfe\xbf\x00\x10\x00\x00\xe9\xa3\x49\xff\xff");
	/* reallocarray: mov rcx,rdx; test rdx,rdx; je +0x8; mov rax,rsi */
	ASSERT_PLACE(3, "6 emulated rdi rsi rdx", "\x48\x89\xd1\x48\x85\xd2\x74\x08\x48\x89\xf0");
}

/* Debian 12's libjemalloc2 5.3.0-1. */
static void jemallocs_functions(void **state)
{
	(void)state;
	/* malloc: cmp rdi,0x1000; ja +0x93; lea rdx,[rip+..] */
	ASSERT_PLACE(1, "7 emulated rdi",
		     "\x48\x81\xff\x00\x10\x00\x00\x0f\x87\x93\x00\x00\x00"
		     "\x48\x8d\x15\x5c\x7f\x2c\x00");
	/* calloc: push r15; push r14; push r13; push r12; mov r12,rsi; push rbp; push rbx */
	ASSERT_PLACE(2, "0 emulated rdi rsi",
		     "\x41\x57\x41\x56\x41\x55\x41\x54\x49\x89\xf4\x55\x53");
	/* realloc: push r15; push r14; push r13; push r12; push rbp; mov rbp,rdi; push rbx */
	ASSERT_PLACE(2, "0 emulated rdi rsi",
		     "\x41\x57\x41\x56\x41\x55\x41\x54\x55\x48\x89\xfd\x53");
	/* free: mov rax,rdi; mov rdx,[rip+..]; mov rcx,rdi; shr rax,0x1a; and
	 * rcx,0xffffffffc0000000; and eax,0xf0; add rax,fs:0x0; add rax,rdx; cmp
	 * rcx,[rax+0x1b0]; jne +0x8a */
	ASSERT_PLACE(1, "48 emulated rdi",
		     "\x48\x89\xf8\x48\x8b\x15\x0e\x53\x0a\x00\x48\x89\xf9\x48\xc1\xe8\x1a"
		     "\x48\x81\xe1\x00\x00\x00\xc0\x25\xf0\x00\x00\x00"
		     "\x64\x48\x03\x04\x25\x00\x00\x00\x00\x48\x01\xd0"
		     "\x48\x3b\x88\xb0\x01\x00\x00\x0f\x85\x8a\x00\x00\x00");
	/* posix_memalign: push r15; push r14; push r13; mov r13,rdi */
	ASSERT_PLACE(3, "0 emulated rdi rsi rdx", "\x41\x57\x41\x56\x41\x55\x49\x89\xfd");
	/* aligned_alloc, memalign: push r15; push r14; push r13; push r12; mov r12,rsi */
	ASSERT_PLACE(2, "0 emulated rdi rsi", "\x41\x57\x41\x56\x41\x55\x41\x54\x49\x89\xf4");
	/* valloc: push r15; push r14; push r13; push r12; push rbp; mov rbp,rdi */
	ASSERT_PLACE(1, "0 emulated rdi", "\x41\x57\x41\x56\x41\x55\x41\x54\x55\x48\x89\xfd");
}

static void jemallocs_own_functions(void **state)
{
	(void)state;
	/* mallocx: push r15; push r14; push r13; push r12; movsxd r12,esi; push rbp; mov rbp,rdi
	 * */
	ASSERT_PLACE(1, "0 emulated rdi",
		     "\x41\x57\x41\x56\x41\x55\x41\x54\x4c\x63\xe6\x55\x48\x89\xfd");
	/* rallocx: xor ecx,ecx; jmp rel32 */
	ASSERT_PLACE(2, "2 emulated rdi rsi", "\x31\xc9\xe9\xe9\x1c\xff\xff");
	/* xallocx: push r15; push r14; mov r14,rsi; push r13; mov r13,rdx */
	ASSERT_PLACE(2, "0 emulated rdi rsi", "\x41\x57\x41\x56\x49\x89\xf6\x41\x55\x49\x89\xd5");
	/* dallocx: push r15; push r14; push r13; push r12; movsxd r12,esi */
	ASSERT_PLACE(1, "0 emulated rdi", "\x41\x57\x41\x56\x41\x55\x41\x54\x4c\x63\xe6");
	/* sdallocx: mov r8,rdi; cmp rsi,0x1000; ja +0xc; test edx,edx */
	ASSERT_PLACE(1, "10 emulated rdi",
		     "\x49\x89\xf8\x48\x81\xfe\x00\x10\x00\x00\x77\x0c\x85\xd2");
}

static void jemallocs_new_and_delete(void **state)
{
	(void)state;
	/* _Znwm: cmp rdi,0x1000; ja +0x93; lea rdx,[rip+..] */
	ASSERT_PLACE(1, "7 emulated rdi",
		     "\x48\x81\xff\x00\x10\x00\x00\x0f\x87\x93\x00\x00\x00"
		     "\x48\x8d\x15\x3c\xda\x23\x00");
	/* _ZnwmSt11align_val_t: push rbx; mov rbx,rdi; mov rdi,rsi; mov rsi,rbx */
	ASSERT_PLACE(1, "0 emulated rdi", "\x53\x48\x89\xfb\x48\x89\xf7\x48\x89\xde");
	/* _ZdlPv: jmp rel32 */
	ASSERT_PLACE(1, "0 emulated rdi", "\xe9\xeb\xaf\xf5\xff");
	/* _ZdlPvm: test rdi,rdi; je +0x13; sub rsp,0x8; call rel32. Behind the check rsp is
	 * moved */
	ASSERT_PLACE(1, "3 emulated rdi",
		     "\x48\x85\xff\x74\x13\x48\x83\xec\x08\xe8\x12\x33\xf8\xff");
}

/* Debian 12's libtcmalloc-minimal4 2.10-1. */
static void tcmallocs_functions(void **state)
{
	(void)state;
	/* malloc: mov rax,[rip+..]; test rax,rax; jne +0x75; mov rax,[rip+..] */
	ASSERT_PLACE(1, "10 emulated rdi",
		     "\x48\x8b\x05\x59\xab\x00\x00\x48\x85\xc0\x75\x75"
		     "\x48\x8b\x05\x05\xa1\x00\x00");
	/* calloc: push r13; mov rax,rdi; push r12; sub rsp,0x8; mul rsi */
	ASSERT_PLACE(2, "0 emulated rdi rsi",
		     "\x41\x55\x48\x89\xf8\x41\x54\x48\x83\xec\x08\x48\xf7\xe6");
	/* realloc: push r15; push r14; push r13; push r12; push rbp; mov rbp,rsi; push rbx */
	ASSERT_PLACE(2, "0 emulated rdi rsi",
		     "\x41\x57\x41\x56\x41\x55\x41\x54\x55\x48\x89\xf5\x53");
	/* free, _ZdlPv: mov rax,[rip+..]; test rax,rax; jne +0x90; mov rdx,rdi */
	ASSERT_PLACE(1, "10 emulated rdi",
		     "\x48\x8b\x05\x59\xb1\x1b\x00\x48\x85\xc0\x0f\x85\x90\x00\x00\x00"
		     "\x48\x89\xfa");
	/* posix_memalign: lea rax,[rsi-0x1]; or rax,0x7; test rax,rsi; jne +0x2b; push rbx */
	ASSERT_PLACE(3, "11 emulated rdi rsi rdx",
		     "\x48\x8d\x46\xff\x48\x83\xc8\x07\x48\x85\xf0\x75\x2b\x53");
	/* aligned_alloc, memalign: mov r8,rdi; cmp rdi,0x2000; ja +0xe8 */
	ASSERT_PLACE(2, "10 emulated rdi rsi",
		     "\x49\x89\xf8\x48\x81\xff\x00\x20\x00\x00\x0f\x87\xe8\x00\x00\x00");
	/* valloc: push rbp; mov rbp,rdi */
	ASSERT_PLACE(1, "0 emulated rdi", "\x55\x48\x89\xfd");
	/* _Znwm: mov rax,[rip+..]; test rax,rax; jne +0x75 */
	ASSERT_PLACE(1, "10 emulated rdi", "\x48\x8b\x05\xd9\xb1\x00\x00\x48\x85\xc0\x75\x75");
	/* _ZnwmSt11align_val_t: mov r9,rdi; mov r8,rsi; cmp rsi,0x2000; ja +0xbd */
	ASSERT_PLACE(1, "13 emulated rdi",
		     "\x49\x89\xf9\x49\x89\xf0\x48\x81\xfe\x00\x20\x00\x00"
		     "\x0f\x87\xbd\x00\x00\x00");
	/* _ZdlPvm: mov rax,[rip+..]; test rax,rax; jne +0x80; test rdi,rdi; je +0x6d */
	ASSERT_PLACE(1, "10 emulated rdi",
		     "\x48\x8b\x05\xd9\xaf\x1b\x00\x48\x85\xc0\x0f\x85\x80\x00\x00\x00"
		     "\x48\x85\xff\x74\x6d");
}

/* Debian 12's libmimalloc2.0 2.0.9+ds-2: rdi is written early, its copy is what counts. */
static void mimallocs_functions(void **state)
{
	(void)state;
	/* malloc: mov rax,[rip+..]; mov rsi,rdi; mov rdi,fs:[rax]; cmp rsi,0x400; ja +0x29 */
	ASSERT_PLACE(1, "21 emulated rsi",
		     "\x48\x8b\x05\x49\xb4\x00\x00\x48\x89\xfe\x64\x48\x8b\x38"
		     "\x48\x81\xfe\x00\x04\x00\x00\x77\x29");
	/* calloc: mov rdx,[rip+..]; mov rax,rdi; mov rdi,fs:[rdx]; cmp rax,0x1; je +0x8; mul rsi
	 * */
	ASSERT_PLACE(2, "18 emulated rax rsi",
		     "\x48\x8b\x15\xc9\xad\x00\x00\x48\x89\xf8\x64\x48\x8b\x3a\x48\x83\xf8\x01"
		     "\x74\x08\x48\xf7\xe6");
	/* realloc: mov rax,[rip+..]; mov rdx,rsi; mov rsi,rdi; mov rax,fs:[rax]; mov rdi,rax;
	 * jmp rel32 */
	ASSERT_PLACE(2, "20 emulated rsi rdx",
		     "\x48\x8b\x05\x49\xa9\x00\x00\x48\x89\xf2\x48\x89\xfe\x64\x48\x8b\x00"
		     "\x48\x89\xc7\xe9\xf7\x4e\xff\xff");
	/* free, _ZdlPv: mov rcx,rdi; test rdi,rdi; je +0x5d; lea rdi,[rdi-0x1]; mov rax,rcx; and
	 * rdi,0xfffffffffe000000 */
	ASSERT_PLACE(1, "6 emulated rdi",
		     "\x48\x89\xf9\x48\x85\xff\x74\x5d\x48\x8d\x7f\xff\x48\x89\xc8"
		     "\x48\x81\xe7\x00\x00\x00\xfe");
	/* posix_memalign: jmp rel32 */
	ASSERT_PLACE(3, "0 emulated rdi rsi rdx", "\xe9\x6b\x5c\xff\xff");
	/* aligned_alloc: jmp rel32 */
	ASSERT_PLACE(2, "0 emulated rdi rsi", "\xe9\xeb\x59\xff\xff");
	/* memalign: jmp rel32 */
	ASSERT_PLACE(2, "0 emulated rdi rsi", "\xe9\xfb\x5a\xff\xff");
	/* _Znwm: push rbp; push rbx; mov rbx,rdi; sub rsp,0x8 */
	ASSERT_PLACE(1, "0 emulated rdi", "\x55\x53\x48\x89\xfb\x48\x83\xec\x08");
	/* _ZnwmSt11align_val_t: push r12; mov r12,rdi; push rbp */
	ASSERT_PLACE(1, "0 emulated rdi", "\x41\x54\x49\x89\xfc\x55");
	/* _ZdlPvm: jmp rel32 */
	ASSERT_PLACE(1, "0 emulated rdi", "\xe9\x3b\x52\xff\xff");
}

static void a_push_at_the_entry_is_the_place(void **state)
{
	(void)state;
	ASSERT_PLACE(3, "0 emulated rdi rsi rdx", "\x55\x48\x89\xe5"); /* push rbp; mov rbp,rsp */
	ASSERT_PLACE(1, "0 emulated rdi", "\x41\x57\x48\x89\xe5");     /* push r15; mov rbp,rsp */
	ASSERT_PLACE(1, "0 emulated rdi", "\x50");                     /* push rax */
	ASSERT_PLACE(1, "0 emulated rdi", "\x57");                     /* push rdi */
	ASSERT_PLACE(1, "0 emulated rdi", "\x41\x50");                 /* push r8 */
}

static void endbr64_is_passed_by(void **state)
{
	(void)state;
	/* endbr64; push rbp */
	ASSERT_PLACE(1, "4 emulated rdi", "\xf3\x0f\x1e\xfa\x55");
	/* endbr64; test rdi,rdi; je +0x10; push rbx */
	ASSERT_PLACE(1, "7 emulated rdi", "\xf3\x0f\x1e\xfa\x48\x85\xff\x74\x10\x53");
}

static void what_keeps_the_arguments_is_passed_by(void **state)
{
	(void)state;
	/* xor r8d,eax; push rbx */
	ASSERT_PLACE(3, "3 emulated rdi rsi rdx", "\x41\x31\xc0\x53");
	/* cmp rdi,[rip+..]; mov [rip+..],rsi; push rbx: memory may be written, arguments read */
	ASSERT_PLACE(3, "14 emulated rdi rsi rdx",
		     "\x48\x3b\x3d\x00\x00\x00\x00\x48\x89\x35\x00\x00\x00\x00\x53");
	/* mov [rsp+8],rdi; mov eax,[rsp]; push rbx: the stack itself may be, too */
	ASSERT_PLACE(1, "8 emulated rdi", "\x48\x89\x7c\x24\x08\x8b\x04\x24\x53");
	/* cvtsi2sd xmm0,rdi; push rbx: other registers */
	ASSERT_PLACE(1, "5 emulated rdi", "\xf2\x48\x0f\x2a\xc7\x53");
}

static void an_argument_of_no_interest_may_be_lost(void **state)
{
	(void)state;
	/* xor esi,esi; push rbx */
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xf6\x53");
	ASSERT_PLACE(2, "0 stepped rdi rsi", "\x31\xf6\x53");
	/* xor edx,edx; push rbx */
	ASSERT_PLACE(2, "2 emulated rdi rsi", "\x31\xd2\x53");
	ASSERT_PLACE(3, "0 stepped rdi rsi rdx", "\x31\xd2\x53");
	/* xor ecx,ecx; push rbx: a fourth argument never counts */
	ASSERT_PLACE(3, "2 emulated rdi rsi rdx", "\x31\xc9\x53");
}

static void a_nop_jump_or_call_is_as_good_as_a_push(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\x90\x53");                 /* nop */
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\x0f\x1f\x44\x00\x00\x53"); /* nopl, 5 bytes */
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\xeb\x10");                 /* jmp rel8 */
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\xe9\x10\x00\x00\x00");     /* jmp rel32 */
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\xe8\x10\x00\x00\x00");     /* call rel32 */
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\x70\x10");                 /* jo rel8 */
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\x7f\x10");                 /* jg rel8 */
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\x0f\x80\x10\x00\x00\x00"); /* jo rel32 */
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\x0f\x8f\x10\x00\x00\x00"); /* jg rel32 */
}

/* Before 6.16 the kernel single-steps all but the one byte; 66 90 it refused before 6.2, and what
 * is an xchg with a prefix it takes for a nop. */
static void other_nops_are_passed_by(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "2 emulated rdi", "\x66\x90\x53");
	ASSERT_PLACE(1, "3 emulated rdi", "\x0f\x1f\x00\x53");
	ASSERT_PLACE(1, "4 emulated rdi", "\x0f\x1f\x40\x00\x53");
	ASSERT_PLACE(1, "6 emulated rdi", "\x66\x0f\x1f\x44\x00\x00\x53");
	ASSERT_PLACE(1, "5 emulated rdi", "\x0f\x1f\x44\x00\x08\x53");
	ASSERT_PLACE(1, "2 emulated rdi", "\xf3\x90\x53"); /* pause */
	ASSERT_PLACE(1, "2 emulated rdi", "\x41\x90\x53"); /* xchg r8d,eax */
}

static void a_jump_or_call_through_memory_or_register_ends_the_search(void **state)
{
	(void)state;
	/* xor eax,eax; jmp [rip+..]; push rbx */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\xff\x25\x00\x00\x00\x00\x53");
	/* xor eax,eax; call [rip+..]; push rbx */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\xff\x15\x00\x00\x00\x00\x53");
	/* jmp rax; push rbx */
	ASSERT_PLACE(1, "0 stepped rdi", "\xff\xe0\x53");
}

/* branch_setup_xol_ops() knows none of them, and refuses a branch with a 66 before it. */
static void a_branch_that_is_not_emulated_ends_the_search(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\xe3\x05\x53");             /* jrcxz */
	ASSERT_PLACE(1, "0 stepped rdi", "\xe3\x05\x53");                     /* the same */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\xe2\x05\x53");             /* loop */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\xe1\x05\x53");             /* loope */
	ASSERT_PLACE(1, "0 stepped rdi", "\xc7\xf8\x00\x00\x00\x00\x53");     /* xbegin */
	ASSERT_PLACE(1, "0 stepped rdi", "\x66\xe9\x00\x00\x00\x00\x53");     /* jmp */
	ASSERT_PLACE(1, "0 stepped rdi", "\x66\x74\x05\x53");                 /* je rel8 */
	ASSERT_PLACE(1, "0 stepped rdi", "\x66\x0f\x84\x00\x00\x00\x00\x53"); /* je rel32 */
	/* test rdi,rdi; je with a 66; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x85\xff\x66\x74\x10\x53");
}

static void leaving_the_path_ends_the_search(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\xc3\x53");     /* xor eax,eax; ret; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\xcc\x53");     /* xor eax,eax; int3; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\x0f\x05\x53"); /* xor eax,eax; syscall; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\x0f\x0b\x53"); /* xor eax,eax; ud2; push */
}

static void the_branch_of_a_null_check_is_the_place(void **state)
{
	(void)state;
	/* test rdi,rdi; je +0x10; push rbx */
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x85\xff\x74\x10\x53");
	/* test rdi,rdi; je +0x110; push rbx */
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x85\xff\x0f\x84\x10\x01\x00\x00\x53");
}

static void a_je_that_tests_something_else_is_the_place(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x85\xf6\x74\x10\x53");     /* test rsi,rsi */
	ASSERT_PLACE(1, "2 emulated rdi", "\x85\xff\x74\x10\x53");         /* test edi,edi */
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x85\xf7\x74\x10\x53");     /* test rdi,rsi */
	ASSERT_PLACE(1, "4 emulated rdi", "\x48\x83\xff\x01\x74\x10\x53"); /* cmp rdi,1 */
	ASSERT_PLACE(1, "4 emulated rdi", "\x48\x83\xfe\x00\x74\x10\x53"); /* cmp rsi,0 */
	ASSERT_PLACE(1, "3 emulated rdi", "\x83\xff\x00\x74\x10\x53");     /* cmp edi,0 */
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x39\xf7\x74\x10\x53");     /* cmp rdi,rsi */
	/* cmp qword [rdi],0; je; push */
	ASSERT_PLACE(1, "4 emulated rdi", "\x48\x83\x3f\x00\x74\x10\x53");
	/* bt rdi,0; je; push */
	ASSERT_PLACE(1, "5 emulated rdi", "\x48\x0f\xba\xe7\x00\x74\x10\x53");
	/* and rdi,rdi; je: the search ends before it */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x21\xff\x74\x10\x53");
	/* test rdi,rdi; mov rax,rdi; je: not the check's own */
	ASSERT_PLACE(1, "6 emulated rdi", "\x48\x85\xff\x48\x89\xf8\x74\x10\x53");
	/* mov rax,rdi; xor eax,eax; test rax,rax; je; push: a copy no more */
	ASSERT_PLACE(1, "8 emulated rdi", "\x48\x89\xf8\x31\xc0\x48\x85\xc0\x74\x10\x53");
}

static void an_argument_is_followed_through_its_copies(void **state)
{
	(void)state;
	/* mov rbx,rdi; xor edi,edi; push */
	ASSERT_PLACE(1, "5 emulated rbx", "\x48\x89\xfb\x31\xff\x53");
	/* mov r15,rdi; xor edi,edi; mov r8,r15; xor r15d,r15d; push */
	ASSERT_PLACE(1, "11 emulated r8", "\x49\x89\xff\x31\xff\x4d\x89\xf8\x45\x31\xff\x53");
	/* mov rsi,rdi; mov rbx,rdi; push, with the opcode of the other direction */
	ASSERT_PLACE(1, "6 emulated rdi", "\x48\x8b\xf7\x48\x8b\xdf\x53");
	/* mov rax,rdi; mov rdi,rsi; mov rsi,rax; xor eax,eax; push: exchanged */
	ASSERT_PLACE(2, "11 emulated rsi rdi", "\x48\x89\xf8\x48\x89\xf7\x48\x89\xc6\x31\xc0\x53");
	/* mov r9,rdx; mov rdx,rsi; mov rsi,rdi; xor edi,edi; push */
	ASSERT_PLACE(3, "11 emulated rsi rdx r9",
		     "\x49\x89\xd1\x48\x89\xf2\x48\x89\xfe\x31\xff\x53");
	/* mov rdi,rdi; push: a copy onto itself */
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x89\xff\x53");
}

static void of_several_copies_the_abi_register_is_told_or_the_lowest(void **state)
{
	(void)state;
	/* mov rax,rdi; push */
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x89\xf8\x53");
	/* mov r9,rdi; mov rbx,rdi; xor edi,edi; push */
	ASSERT_PLACE(1, "8 emulated rbx", "\x49\x89\xf9\x48\x89\xfb\x31\xff\x53");
	/* mov rbx,rdi; mov rdi,rsi; mov rdi,rbx; push: back where it was */
	ASSERT_PLACE(1, "9 emulated rdi", "\x48\x89\xfb\x48\x89\xf7\x48\x89\xdf\x53");
}

static void an_argument_that_is_in_no_register_ends_the_search(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xc7\x53");         /* mov rdi,rax; push */
	ASSERT_PLACE(2, "0 stepped rdi rsi", "\x48\x89\xc6\x53");     /* mov rsi,rax; push */
	ASSERT_PLACE(3, "0 stepped rdi rsi rdx", "\x48\x89\xc2\x53"); /* mov rdx,rax; push */
	/* mov rax,rdi; xor edi,edi; xor eax,eax; push: both lost */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xf8\x31\xff\x31\xc0\x53");
	/* mov rsi,rdi; push: the second is lost by the copy of the first */
	ASSERT_PLACE(2, "0 stepped rdi rsi", "\x48\x89\xfe\x53");
}

static void only_a_move_of_64_bits_copies(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "0 stepped rdi", "\x89\xf8\x31\xff\x53");         /* mov eax,edi; xor */
	ASSERT_PLACE(1, "0 stepped rdi", "\x66\x89\xf8\x31\xff\x53");     /* mov ax,di; xor */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x63\xc7\x31\xff\x53");     /* movsxd rax,edi; xor */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\x38\x31\xff\x53");     /* mov [rax],rdi; xor */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x8d\x07\x31\xff\x53");     /* lea rax,[rdi]; xor */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x87\xf8\x53");             /* xchg rax,rdi */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x0f\x44\xc7\x31\xff\x53"); /* cmove rax,rdi; xor */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x8c\xdf\x53");             /* mov rdi,ds */
}

static void any_write_of_a_register_takes_the_argument_out(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "0 stepped rdi", "\x89\xff\x53");         /* mov edi,edi; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x83\xc7\x07\x53");     /* add edi,7: a part of it */
	ASSERT_PLACE(1, "0 stepped rdi", "\x40\xb7\x00\x53");     /* mov dil,0: a smaller one */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\xc1\xef\x03\x53"); /* shr rdi,3 */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x0f\x44\xf8\x53"); /* cmove rdi,rax: perhaps */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x0f\xc1\xc7\x53"); /* xadd rdi,rax */
	/* mov rax,rdi; xor edi,edi; mov ah,0; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xf8\x31\xff\xb4\x00\x53");
}

static void a_write_that_is_not_spelt_out_does_so_too(void **state)
{
	(void)state;
	ASSERT_PLACE(3, "0 stepped rdi rsi rdx", "\x48\xf7\xe6\x53"); /* mul rsi: rdx */
	ASSERT_PLACE(3, "0 stepped rdi rsi rdx", "\x48\x99\x53");     /* cqo: rdx */
	ASSERT_PLACE(3, "0 stepped rdi rsi rdx", "\x0f\x31\x53");     /* rdtsc: rdx */
	ASSERT_PLACE(3, "0 stepped rdi rsi rdx", "\x0f\xa2\x53");     /* cpuid: rdx */
	/* mov rbx,rdi; xor edi,edi; cpuid; push: rbx */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xfb\x31\xff\x0f\xa2\x53");
	/* mov rax,rdi; xor edi,edi; cmpxchg [rsi],rdx; push: rax */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xf8\x31\xff\x48\x0f\xb1\x16\x53");
	ASSERT_PLACE(1, "0 stepped rdi", "\xf3\x48\xab\x53");     /* rep stosq: rdi */
	ASSERT_PLACE(1, "0 stepped rdi", "\xf2\xae\x53");         /* repne scasb: rdi */
	ASSERT_PLACE(1, "0 stepped rdi", "\xa6\x53");             /* cmpsb: rdi */
	ASSERT_PLACE(2, "0 stepped rdi rsi", "\x48\xad\x53");     /* lodsq: rsi */
	ASSERT_PLACE(2, "0 stepped rdi rsi", "\xf3\x48\xa5\x53"); /* rep movsq */
	/* mov rcx,rdi; xor edi,edi; rep lodsb; push: rcx */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xf9\x31\xff\xf3\xac\x53");
}

static void a_move_of_the_stack_pointer_ends_the_search(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x83\xec\x08\x53");     /* sub rsp,8; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x8d\x64\x24\xf8\x53"); /* lea rsp,[rsp-8]; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x58\x53");                 /* pop rax; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x6a\x00\x53");             /* push 0; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\xff\x30\x53");             /* push [rax]; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x9c\x53");                 /* pushf; push */
}

static void a_write_of_the_frame_pointer_ends_the_search(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xfd\x53"); /* mov rbp,rdi; push */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xed\x53");     /* xor ebp,ebp; push */
	/* mov rax,rbp; push: a read is fine */
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x89\xe8\x53");
}

/* push_setup_xol_ops() takes one byte, or two of which the first is 0x41. */
static void a_push_with_another_prefix_is_single_stepped(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "2 emulated rdi", "\x31\xc0\x41\x50");    /* push r8 */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\x66\x50\x53"); /* push ax */
	ASSERT_PLACE(1, "0 stepped rdi", "\x31\xc0\x48\x50\x53"); /* push rax, in two bytes */
	ASSERT_PLACE(1, "0 stepped rdi", "\x41\xff\x30\x53");     /* push [r8] */
	/* test rdi,rdi; je; push with a prefix: the je is better */
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x85\xff\x74\x10\x66\x50");
}

static void an_instruction_cut_off_ends_the_search(void **state)
{
	(void)state;
	ASSERT_PLACE(1, "0 stepped rdi", "\x48");
	ASSERT_PLACE(1, "0 stepped rdi", "\x41");
	ASSERT_PLACE(1, "0 stepped rdi", "\x0f");
	ASSERT_PLACE(1, "0 stepped rdi", "\xe9\x00");
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xf8\x48\x89");
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xf8\x41");
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xf8\xe8\x00\x00");
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x89\xf8\x0f\x1f\x44\x00");
	ASSERT_PLACE(1, "0 stepped rdi", "\x48\x85\xff\x0f\x84\xbf\x00");
	ASSERT_PLACE(1, "3 emulated rdi", "\x48\x85\xff\x74\x10\x41");
}

static void what_is_no_code_is_probed_at_its_entry(void **state)
{
	unsigned char zeros[PROLOGUE_BYTES] = {};

	(void)state;
	assert_place(zeros, sizeof(zeros), 3, "0 stepped rdi rsi rdx");
	ASSERT_PLACE(3, "0 stepped rdi rsi rdx", "");
	ASSERT_PLACE(1, "0 stepped rdi", "\x06\x55");         /* not in 64-bit mode */
	ASSERT_PLACE(1, "0 stepped rdi", "\xff\xff\xff\xff"); /* no instruction at all */
}

/* Whatever the target's bytes say, the answer is one of them, in a general register. */
static void the_place_is_never_behind_the_bytes(void **state)
{
	unsigned char code[PROLOGUE_BYTES];
	struct probe_place place;
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 100000; round++) {
		for (size_t i = 0; i < sizeof(code); i++)
			code[i] = (seed = seed * 6364136223846793005 + 1) >> 56;
		prologue__place(code, sizeof(code), 1 + round % 3, &place);
		assert_in_range(place.offset, 0, sizeof(code) - 1);
		for (int i = 0; i < PROLOGUE_ARGUMENTS_MAX; i++)
			assert_in_range(place.registers[i], 0, 15);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(glibcs_functions),
		cmocka_unit_test(musls_functions),
		cmocka_unit_test(jemallocs_functions),
		cmocka_unit_test(jemallocs_own_functions),
		cmocka_unit_test(jemallocs_new_and_delete),
		cmocka_unit_test(tcmallocs_functions),
		cmocka_unit_test(mimallocs_functions),
		cmocka_unit_test(a_push_at_the_entry_is_the_place),
		cmocka_unit_test(the_branch_of_a_null_check_is_the_place),
		cmocka_unit_test(endbr64_is_passed_by),
		cmocka_unit_test(what_keeps_the_arguments_is_passed_by),
		cmocka_unit_test(an_argument_of_no_interest_may_be_lost),
		cmocka_unit_test(a_nop_jump_or_call_is_as_good_as_a_push),
		cmocka_unit_test(other_nops_are_passed_by),
		cmocka_unit_test(a_jump_or_call_through_memory_or_register_ends_the_search),
		cmocka_unit_test(a_branch_that_is_not_emulated_ends_the_search),
		cmocka_unit_test(leaving_the_path_ends_the_search),
		cmocka_unit_test(a_je_that_tests_something_else_is_the_place),
		cmocka_unit_test(an_argument_is_followed_through_its_copies),
		cmocka_unit_test(of_several_copies_the_abi_register_is_told_or_the_lowest),
		cmocka_unit_test(an_argument_that_is_in_no_register_ends_the_search),
		cmocka_unit_test(only_a_move_of_64_bits_copies),
		cmocka_unit_test(any_write_of_a_register_takes_the_argument_out),
		cmocka_unit_test(a_write_that_is_not_spelt_out_does_so_too),
		cmocka_unit_test(a_move_of_the_stack_pointer_ends_the_search),
		cmocka_unit_test(a_write_of_the_frame_pointer_ends_the_search),
		cmocka_unit_test(a_push_with_another_prefix_is_single_stepped),
		cmocka_unit_test(an_instruction_cut_off_ends_the_search),
		cmocka_unit_test(what_is_no_code_is_probed_at_its_entry),
		cmocka_unit_test(the_place_is_never_behind_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
