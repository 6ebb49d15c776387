// SPDX-License-Identifier: Apache-2.0
/* Allocates at one place only, under a chain of known calls: main, level_1 to level_9, site. Some
 * thousand blocks are in use at any time. Ends in an orderly way when it is told to (SIGTERM),
 * since some tools write their profile then. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCKS      4096
#define BLOCK_BYTES 4321

static void *blocks[BLOCKS];
static unsigned int next;
static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

__attribute__((noipa)) void site(void)
{
	void **block = &blocks[next++ % BLOCKS];

	free(*block);
	*block = malloc(BLOCK_BYTES);
}

/* The empty statement keeps the call from being a jump. */
#define LEVEL(name, callee)                    \
	__attribute__((noipa)) void name(void) \
	{                                      \
		callee();                      \
		__asm__ volatile("");          \
	}

LEVEL(level_9, site)
LEVEL(level_8, level_9)
LEVEL(level_7, level_8)
LEVEL(level_6, level_7)
LEVEL(level_5, level_6)
LEVEL(level_4, level_5)
LEVEL(level_3, level_4)
LEVEL(level_2, level_3)
LEVEL(level_1, level_2)

int main(void)
{
	signal(SIGTERM, end);
	while (!ended) {
		level_1();
		/* Some thousand times a second: as many as the slowest tool keeps up with. */
		usleep(100);
	}
	return 0;
}
