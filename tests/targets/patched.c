/* SPDX-License-Identifier: Apache-2.0 */
/* A program that hooks a function of its C library by writing over its code: calloc jumps to a
 * function of the program's own. Says "ready", waits for a byte on stdin, calls malloc and calloc,
 * and says how often the hook was called; stays until stdin ends. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define APART __attribute__((noipa))
#define CALLS 100

static char block[64];
static int hooked;

static void *hook(size_t count, size_t size)
{
	(void)count;
	(void)size;
	hooked++;
	return block;
}

/* movabs $hook, %rax; jmp *%rax */
static void patch(void *function)
{
	unsigned char code[] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};
	uintptr_t target = (uintptr_t)hook, page = (uintptr_t)function & ~4095UL;

	memcpy(code + 2, &target, sizeof(target));
	if (mprotect((void *)page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC))
		_exit(1);
	memcpy(function, code, sizeof(code));
	if (mprotect((void *)page, 8192, PROT_READ | PROT_EXEC))
		_exit(1);
}

APART static void site_malloc(void)
{
	*(void *volatile *)block = malloc(1000);
}

APART static void site_calloc(void)
{
	*(void *volatile *)block = calloc(10, 100);
}

int main(void)
{
	/* By a pointer that the compiler does not see through. */
	void *(*volatile function)(size_t, size_t) = calloc;
	char byte;

	setvbuf(stdout, NULL, _IONBF, 0);
	patch((void *)function);
	puts("ready");
	if (read(STDIN_FILENO, &byte, 1) != 1)
		return 1;
	for (int i = 0; i < CALLS; i++) {
		site_malloc();
		site_calloc();
	}
	printf("hooked %d\n", hooked);
	while (read(STDIN_FILENO, &byte, 1) == 1)
		;
	return 0;
}
