/* SPDX-License-Identifier: Apache-2.0 */
/* Code without call-frame information, made at SIGUSR1 as a JIT compiler makes it: it keeps frame
 * pointers, and calls back; or, as "jit leaf", spins itself, called by the last instruction of its
 * caller. */
#include <sys/mman.h>

#include "chain.h"

#define PAGE_BYTES 4096

static volatile sig_atomic_t made;
static void (*code)(void (*function)(void));
static void (*endless)(void) __attribute__((noreturn));

/* push %rbp; mov %rsp, %rbp; sub $32, %rsp; call *%rdi; leave; ret */
static const unsigned char function[] = {
	0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0xff, 0xd7, 0xc9, 0xc3,
};

/* push %rbp; mov %rsp, %rbp; 1: jmp 1b */
static const unsigned char loop[] = {0x55, 0x48, 0x89, 0xe5, 0xeb, 0xfe};

static void on_signal(int signal)
{
	(void)signal;
	made = 1;
}

APART static void wait_for_signal(void)
{
	while (!made)
		__asm__ volatile("");
}

static void make(void)
{
	void *page =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		exit(1);
	memcpy(page, function, sizeof(function));
	memcpy((char *)page + PAGE_BYTES / 2, loop, sizeof(loop));
	if (mprotect(page, PAGE_BYTES, PROT_READ | PROT_EXEC))
		exit(1);
	code = (void (*)(void (*)(void)))page;
	endless = (__typeof__(endless))((char *)page + PAGE_BYTES / 2);
}

APART static void between(void)
{
	WRITE_SAVED_REGISTERS();
	code(leaf);
	WRITE_SAVED_REGISTERS();
}

APART static void run(void)
{
	code(between);
	STAY();
}

APART static void run_endless(void)
{
	char local[300];

	__asm__ volatile("" : : "r"(local) : "memory");
	endless();
}

/* Comes next in the file, and has another frame. */
APART static void run_loop(void)
{
	WRITE_SAVED_REGISTERS();
	run_endless();
	WRITE_SAVED_REGISTERS();
}

int main(int argc, char **argv)
{
	bool is_leaf = argc > 1 && !strcmp(argv[1], "leaf");

	signal(SIGUSR1, on_signal);
	puts("chain: " START "wait_for_signal");
	puts(is_leaf ? "chain: " START "run_loop;run_endless;?@[anon]"
		     : "chain: " START "run;?@[anon];between;?@[anon];leaf");
	say_ready();
	wait_for_signal();
	make();
	puts("made");
	fflush(stdout);
	(is_leaf ? run_loop : run)();
}
