/* SPDX-License-Identifier: Apache-2.0 */
/* Throws through ten frames, again and again: the time goes to libstdc++, libgcc_s and the dynamic
 * linker on top of them. As "throwing cleaning" five of the frames have a destructor to run, so
 * that libgcc_s comes back to them and is called again. */
extern "C" {
#include "chain.h"
}

#define THROW_FROM 10

/* Of work before the plain throw, about as long as it takes. */
#define WORK       30000

static unsigned long work = WORK;

struct guard {
	~guard()
	{
		STAY();
	}
};

extern "C" {

APART static void throws()
{
	spin(work);
	throw 1;
}

APART static void odd(int depth);

APART static void even(int depth)
{
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

APART static void passes(int depth);

APART static void cleans(int depth)
{
	guard guard;

	if (depth)
		passes(depth - 1);
	else
		throws();
	STAY();
}

APART static void passes(int depth)
{
	char local[300];

	__asm__ volatile("" : : "r"(local) : "memory");
	cleans(depth - 1);
	__asm__ volatile("" : : "r"(local) : "memory");
}

APART static void catches(void (*function)(int))
{
	try {
		function(THROW_FROM - 2);
	} catch (int) {
		STAY();
	}
	STAY();
}
}

/* A function's landing pads are in a part of it that has its own name. */
#define CATCHES  START "catches|catches.cold;/;"
#define PLAIN    "even;odd;even;odd;even;odd;even;odd;even;throws|throws.cold"
#define CLEANS   "cleans|cleans.cold;passes;"
#define CLEANING CLEANS CLEANS CLEANS CLEANS "cleans|cleans.cold;throws|throws.cold"
#define INSIDE   "*@libstdc++.so.6|libgcc_s.so.1|libc.so.6|ld-linux-x86-64.so.2"

int main(int argc, char **argv)
{
	bool is_cleaning = argc > 1 && !strcmp(argv[1], "cleaning");
	const char *path = is_cleaning ? CLEANING : PLAIN;

	if (is_cleaning)
		work = 0;
	printf("chain: " CATCHES "%s;!;" INSIDE "\n", path);
	printf("chain: " CATCHES "%s;!;plt\n", path);
	/* From main on. */
	puts("chain: " START);
	say_ready();
	for (;;)
		catches(is_cleaning ? cleans : even);
}
