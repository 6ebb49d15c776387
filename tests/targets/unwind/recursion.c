/* SPDX-License-Identifier: Apache-2.0 */
/* 30 calls deep through functions whose frames differ: small, large, and with all registers saved.
 */
#include "chain.h"

#define TURNS 10 /* of three calls each */

static char path[64 * TURNS];

APART static void small_frame(int turns);

APART static void large_frame(int turns)
{
	char local[3000];

	__asm__ volatile("" : : "r"(local) : "memory");
	small_frame(turns - 1);
	__asm__ volatile("" : : "r"(local) : "memory");
}

APART static void full_frame(int turns)
{
	WRITE_SAVED_REGISTERS();
	large_frame(turns);
	WRITE_SAVED_REGISTERS();
}

APART static void small_frame(int turns)
{
	if (turns)
		full_frame(turns);
	else
		leaf();
	STAY();
}

int main(int argc, char **argv)
{
	choose_mode(argc, argv);
	for (int i = 0; i < TURNS; i++)
		strcat(path, "small_frame;full_frame;large_frame;");
	strcat(path, "small_frame;leaf");
	say_chain(START, path);
	say_ready();
	for (;;)
		small_frame(TURNS);
}
