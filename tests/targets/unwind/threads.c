/* SPDX-License-Identifier: Apache-2.0 */
/* Four threads besides the first one, each with a chain of its own. */
#include <pthread.h>

#include "chain.h"

#define THREAD(n)                                               \
	APART static void thread_##n##_inner(int depth)         \
	{                                                       \
		char local[100 * (n) + 1];                      \
                                                                \
		__asm__ volatile("" : : "r"(local) : "memory"); \
		if (depth)                                      \
			thread_##n##_inner(depth - 1);          \
		else                                            \
			leaf();                                 \
		__asm__ volatile("" : : "r"(local) : "memory"); \
	}                                                       \
                                                                \
	static void *thread_##n(void *unused)                   \
	{                                                       \
		for (;;)                                        \
			thread_##n##_inner(n);                  \
		return unused;                                  \
	}

THREAD(1)
THREAD(2)
THREAD(3)
THREAD(4)

int main(int argc, char **argv)
{
	static void *(*const threads[])(void *) = {thread_1, thread_2, thread_3, thread_4};
	pthread_t thread;

	choose_mode(argc, argv);
	say_chain(START, "leaf");
	for (int i = 1; i <= 4; i++) {
		char path[256];
		int at = sprintf(path, "thread_%d;", i);

		for (int depth = 0; depth <= i; depth++)
			at += sprintf(path + at, "thread_%d_inner;", i);
		strcpy(path + at, "leaf");
		say_chain(THREAD_START, path);
	}
	for (int i = 0; i < 4; i++) {
		if (pthread_create(&thread, NULL, threads[i], NULL))
			return 1;
	}
	say_ready();
	for (;;)
		leaf();
}
