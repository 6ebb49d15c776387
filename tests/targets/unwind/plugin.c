/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in: PLUGIN is the start of its functions' names, FRAME_BYTES makes the rows of one
 * plug-in wrong for another that has been loaded where it was. */
#include <signal.h>

#define APART             __attribute__((noipa))
#define GLUE(a, b)        a##b
#define NAME(plugin, end) GLUE(plugin, end)

APART static void NAME(PLUGIN, _leaf)(volatile sig_atomic_t *done)
{
	while (!*done)
		__asm__ volatile("");
}

APART static void NAME(PLUGIN, _middle)(volatile sig_atomic_t *done)
{
	char local[FRAME_BYTES];

	__asm__ volatile("" : : "r"(local) : "memory");
	NAME(PLUGIN, _leaf)(done);
	__asm__ volatile("" : : "r"(local) : "memory");
}

void NAME(PLUGIN, _run)(volatile sig_atomic_t *done);

void NAME(PLUGIN, _run)(volatile sig_atomic_t *done)
{
	char local[2 * FRAME_BYTES];

	__asm__ volatile("" : : "r"(local) : "memory");
	NAME(PLUGIN, _middle)(done);
	__asm__ volatile("" : : "r"(local) : "memory");
}
