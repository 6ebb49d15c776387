/* SPDX-License-Identifier: Apache-2.0 */
/* Of which tests/targets/pressure.c loads copies that are all different: of code that lies far
 * apart, which takes much of the room for pages of code, and with many unwind rows. */
#include <stdint.h>
#include <stdlib.h>

#define APART __attribute__((noipa))

uint64_t lib_burn(uint64_t rounds);
void *lib_allocate(size_t size);

/* Nothing but the rows tells who called it. */
#define NEEDS_ROWS() __asm__ volatile("xor %%ebp, %%ebp" : : : "rbp")

#define TEXT(x)      #x
#define NUMBER(x)    TEXT(x)

/* Never called: functions of 500 rows, since what a reader of them has to do grows with the square
 * of that. */
__asm__(".pushsection .text\n"
	".rept " NUMBER(ROWS) " / 500\n"
			      ".cfi_startproc\n"
			      ".rept 250\n"
			      "push %rax\n"
			      ".cfi_adjust_cfa_offset 8\n"
			      "pop %rax\n"
			      ".cfi_adjust_cfa_offset -8\n"
			      ".endr\n"
			      "ret\n"
			      ".cfi_endproc\n"
			      ".endr\n"
			      ".popsection\n");

APART static uint64_t INNER(uint64_t rounds)
{
	volatile uint64_t x = rounds;

	for (uint64_t i = 0; i < rounds; i++)
		x *= x;
	NEEDS_ROWS();
	return x;
}

__attribute__((section(".far"))) uint64_t lib_burn(uint64_t rounds)
{
	uint64_t x = INNER(rounds);

	NEEDS_ROWS();
	return x + 1;
}

void *lib_allocate(size_t size)
{
	void *volatile block = malloc(size);

	return block;
}
