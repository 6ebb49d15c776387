/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks that a function aligns by itself, to 64 bytes. With alloca gcc keeps the caller's stack
 * pointer in a register and then in memory, and the CFA is what is in memory at rbp - 8 or so. */
#include <alloca.h>

#include "chain.h"

#define TURNS 5

static char path[32 * TURNS + 32];
static volatile size_t size = 100;

APART static void plain(int turns);

APART static void aligned_alloca(int turns)
{
	_Alignas(64) char vector[64];
	char *local = alloca(size + turns);

	__asm__ volatile("" : : "r"(vector), "r"(local) : "memory");
	if (turns)
		plain(turns);
	else
		leaf();
	__asm__ volatile("" : : "r"(vector), "r"(local) : "memory");
}

APART static void aligned(int turns)
{
	_Alignas(64) char vector[128];

	__asm__ volatile("" : : "r"(vector) : "memory");
	aligned_alloca(turns - 1);
	__asm__ volatile("" : : "r"(vector) : "memory");
}

APART static void plain(int turns)
{
	WRITE_SAVED_REGISTERS();
	aligned(turns);
	WRITE_SAVED_REGISTERS();
}

int main(int argc, char **argv)
{
	choose_mode(argc, argv);
	for (int i = 0; i < TURNS; i++)
		strcat(path, "aligned_alloca;plain;aligned;");
	strcat(path, "aligned_alloca;leaf");
	say_chain(START, path);
	say_ready();
	for (;;)
		aligned_alloca(TURNS);
}
