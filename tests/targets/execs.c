/* SPDX-License-Identifier: Apache-2.0 */
/* A program that executes another one, itself, in its own place. Waits for a byte on stdin before
 * each step: allocates from site_before, and says "allocated"; executes itself, and says
 * "executed"; allocates from site_after, and prints site site_after ALLOC_OBJECTS ALLOC_BYTES
 * INUSE_OBJECTS INUSE_BYTES and "end". Stays until stdin ends. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define APART  __attribute__((noipa))
#define BEFORE 50
#define AFTER  1000
#define BYTES  1000
#define GONE   10 /* one block in so many is given back */

/* volatile: the compiler would leave out what nobody looks at. */
static void *volatile before[BEFORE], *volatile after[AFTER];

APART static void site_before(void)
{
	for (int i = 0; i < BEFORE; i++)
		before[i] = malloc(BYTES);
}

APART static void site_after(void)
{
	for (int i = 0; i < AFTER; i++)
		after[i] = malloc(BYTES);
}

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static void wait_for_byte(void)
{
	char byte;

	if (read(STDIN_FILENO, &byte, 1) != 1)
		_exit(2);
}

static int go_on(void)
{
	char byte;

	say("executed");
	wait_for_byte();
	site_after();
	for (int i = 0; i < AFTER; i += GONE)
		free(after[i]);
	printf("site site_after %d %d %d %d\n", AFTER, AFTER * BYTES, AFTER - AFTER / GONE,
	       (AFTER - AFTER / GONE) * BYTES);
	say("end");
	return read(STDIN_FILENO, &byte, 1) < 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return go_on();
	say("ready");
	wait_for_byte();
	site_before();
	say("allocated");
	wait_for_byte();
	execl("/proc/self/exe", "execs", "after", NULL);
	return 1;
}
