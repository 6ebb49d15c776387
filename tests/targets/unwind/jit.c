/* SPDX-License-Identifier: Apache-2.0 */
/* Code without call-frame information, made at SIGUSR1 as a JIT compiler makes it: it keeps frame
 * pointers, and calls back; or, as "jit leaf", spins itself, called by the last instruction of its
 * caller; or, as "jit pop", spins without a frame, and takes its argument off the stack when it
 * returns. */
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

/* mov $0x7fffffff, %ecx; 1: sub $1, %ecx; jne 1b; ret $8 */
static const unsigned char popping[] = {
	0xb9, 0xff, 0xff, 0xff, 0x7f, 0x83, 0xe9, 0x01, 0x75, 0xfb, 0xc2, 0x08, 0x00,
};

/* Has its caller's frame by rsp alone, and the argument on the stack at the call. */
void call_popping(void *function) __attribute__((noreturn));
__asm__(".pushsection .text\n"
	".type call_popping, @function\n"
	"call_popping:\n"
	".cfi_startproc\n"
	"1: push %rdi\n"
	".cfi_adjust_cfa_offset 8\n"
	"call *%rdi\n"
	".cfi_adjust_cfa_offset -8\n"
	"jmp 1b\n"
	".cfi_endproc\n"
	".size call_popping, . - call_popping\n"
	".popsection");

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
	memcpy((char *)page + PAGE_BYTES / 4, popping, sizeof(popping));
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

APART static void run_popping(void)
{
	WRITE_SAVED_REGISTERS();
	call_popping((char *)code + PAGE_BYTES / 4);
}

static const struct way {
	const char *name, *chain;
	void (*run)(void);
} ways[] = {
	{"call", "run;?@[anon];between;?@[anon];leaf", run        },
	{"leaf", "run_loop;run_endless;?@[anon]",      run_loop   },
	{"pop",  "run_popping;call_popping;?@[anon]",  run_popping},
};

int main(int argc, char **argv)
{
	const struct way *way = ways;

	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(*ways); i++) {
		if (!strcmp(argv[1], ways[i].name))
			way = &ways[i];
	}
	signal(SIGUSR1, on_signal);
	puts("chain: " START "wait_for_signal");
	printf("chain: " START "%s\n", way->chain);
	say_ready();
	wait_for_signal();
	make();
	puts("made");
	fflush(stdout);
	way->run();
}
