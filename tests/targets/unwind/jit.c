/* SPDX-License-Identifier: Apache-2.0 */
/* Code without call-frame information, made at SIGUSR1 as a JIT compiler makes it: it keeps frame
 * pointers, and calls back. */
#include <sys/mman.h>

#include "chain.h"

#define PAGE_BYTES 4096

static volatile sig_atomic_t made;
static void (*code)(void (*function)(void));

/* push %rbp; mov %rsp, %rbp; sub $32, %rsp; call *%rdi; leave; ret */
static const unsigned char function[] = {
	0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0xff, 0xd7, 0xc9, 0xc3,
};

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
	void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	if (page == MAP_FAILED)
		exit(1);
	memcpy(page, function, sizeof(function));
	if (mprotect(page, PAGE_BYTES, PROT_READ | PROT_EXEC))
		exit(1);
	code = (void (*)(void (*)(void)))page;
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

int main(void)
{
	signal(SIGUSR1, on_signal);
	puts("chain: " START "wait_for_signal");
	puts("chain: " START "run;?@[anon];between;?@[anon];leaf");
	say_ready();
	wait_for_signal();
	make();
	puts("made");
	fflush(stdout);
	run();
}
