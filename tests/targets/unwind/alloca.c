/* SPDX-License-Identifier: Apache-2.0 */
/* Frames whose size the compiler does not know, so that they are found through rbp: alloca, and an
 * array of variable length. */
#include <alloca.h>

#include "chain.h"

#define TURNS 5

static char path[32 * TURNS + 32];
static volatile size_t size = 100;

APART static void with_array(int turns);

APART static void with_alloca(int turns)
{
	char *local = alloca(size * turns + 1);

	__asm__ volatile("" : : "r"(local) : "memory");
	if (turns)
		with_array(turns - 1);
	else
		leaf();
	__asm__ volatile("" : : "r"(local) : "memory");
}

APART static void with_array(int turns)
{
	char local[size * 3 + turns];

	__asm__ volatile("" : : "r"(local) : "memory");
	__asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15");
	with_alloca(turns);
	__asm__ volatile("" : : "r"(local) : "memory");
}

int main(int argc, char **argv)
{
	choose_mode(argc, argv);
	for (int i = 0; i < TURNS; i++)
		strcat(path, "with_alloca;with_array;");
	strcat(path, "with_alloca;leaf");
	say_chain(START, path);
	say_ready();
	for (;;)
		with_alloca(TURNS);
}
