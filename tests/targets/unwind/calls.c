/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that leave their mark on the stack in unusual ways:
 * tail      the function in between is left by a jump, and has no frame
 * noreturn  the call is the caller's last instruction, so that the return address is behind it */
#include "chain.h"

APART static void last(void)
{
	leaf();
	STAY();
}

APART static void jumps(void)
{
	last();
}

APART static void calls_by_tail(void)
{
	char local[100];

	__asm__ volatile("" : : "r"(local) : "memory");
	jumps();
	__asm__ volatile("" : : "r"(local) : "memory");
}

__attribute__((noipa, noreturn)) static void never_returns(void)
{
	say_ready();
	is_still = true;
	leaf();
	abort();
}

APART static void calls_for_ever(void)
{
	char local[300];

	__asm__ volatile("" : : "r"(local) : "memory");
	never_returns();
}

/* Comes next in the file, and has another frame. */
APART static void next_function(void)
{
	char local[5000];

	WRITE_SAVED_REGISTERS();
	__asm__ volatile("" : : "r"(local) : "memory");
	calls_for_ever();
	WRITE_SAVED_REGISTERS();
}

/* calls tail|noreturn still|moving */
int main(int argc, char **argv)
{
	choose_mode(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "noreturn")) {
		say_chain(START, "next_function;calls_for_ever;never_returns;leaf");
		next_function();
	}
	say_chain(START, "calls_by_tail;last;leaf");
	/* Before it jumps it is where its caller called. */
	puts("chain: " START "calls_by_tail;jumps");
	say_ready();
	for (;;)
		calls_by_tail();
}
