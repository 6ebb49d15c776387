/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks from libc, which has no frame pointers: from qsort and from bsearch. */
#include "chain.h"

#define COUNT 64

static int numbers[COUNT];

APART static int compare(const void *left, const void *right)
{
	const int *a = left, *b = right;

	leaf();
	return (*a > *b) - (*a < *b);
}

APART static void sort(void)
{
	for (int i = 0; i < COUNT; i++)
		numbers[i] = (i * 37) % COUNT;
	qsort(numbers, COUNT, sizeof(*numbers), compare);
	STAY();
}

/* Through a pointer: the C library's headers have bsearch inline, too. */
static void *(*volatile find)(const void *key, const void *base, size_t count, size_t size,
			      int (*compare)(const void *left, const void *right)) = bsearch;

APART static void search(void)
{
	static volatile int key;

	key = (key + 1) % COUNT;
	find((const void *)&key, numbers, COUNT, sizeof(*numbers), compare);
	STAY();
}

/* sorting qsort|bsearch still|moving */
int main(int argc, char **argv)
{
	bool sorts = argc < 2 || !strcmp(argv[1], "qsort");

	for (int i = 0; i < COUNT; i++)
		numbers[i] = i;
	choose_mode(argc - 1, argv + 1);
	/* In glibc 2.36 qsort jumps to qsort_r, whose merge sort calls itself. From main on it may
	 * also be at the call itself, through the PLT, or in what the sort calls. */
	if (sorts) {
		say_chain(START, "sort;qsort_r|__qsort_r|qsort@libc.so.6;*@libc.so.6;compare;leaf");
		if (!is_still)
			puts("chain: " START "sort;+@libc.so.6\nchain: " START "sort;plt");
	} else {
		say_chain(START, "search;bsearch|__bsearch@libc.so.6;compare;leaf");
	}
	say_ready();
	for (;;)
		(sorts ? sort : search)();
}
