/* SPDX-License-Identifier: Apache-2.0 */
/* Throws through ten frames, again and again: the time goes to libstdc++, libgcc_s and the dynamic
 * linker on top of them, and to the landing pads in them. */
extern "C" {
#include "chain.h"
}

#define THROW_FROM 10

static char path[64 * THROW_FROM];

struct guard {
	~guard()
	{
		STAY();
	}
};

extern "C" {

APART static void throws()
{
	throw 1;
}

APART static void odd(int depth);

APART static void even(int depth)
{
	guard guard;

	if (depth)
		odd(depth - 1);
	else
		throws();
	STAY();
}

APART static void odd(int depth)
{
	char local[200];

	__asm__ volatile("" : : "r"(local) : "memory");
	even(depth - 1);
	__asm__ volatile("" : : "r"(local) : "memory");
}

APART static void catches()
{
	try {
		even(THROW_FROM - 2);
	} catch (int) {
		STAY();
	}
	STAY();
}
}

int main()
{
	is_still = false;
	for (int i = 0; i < THROW_FROM - 2; i += 2)
		strcat(path, "even|even.cold;odd|odd.cold;");
	say_chain(START "catches|catches.cold;", path);
	printf("chain: " START "catches|catches.cold;/;%seven|even.cold;throws;!;"
	       "*@libstdc++.so.6|libgcc_s.so.1|libc.so.6|ld-linux-x86-64.so.2\n",
	       path);
	printf("chain: " START "catches|catches.cold;/;%seven|even.cold;throws;!;plt\n", path);
	printf("chain: " START "\n");
	say_ready();
	for (;;)
		catches();
}
