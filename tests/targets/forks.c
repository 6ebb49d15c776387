/* SPDX-License-Identifier: Apache-2.0 */
/* A child of the target is another process: what it allocates is not the target's, and what it
 * frees of the blocks that it got a copy of stays in use in the target. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEPT 10

static void *kept[KEPT];

__attribute__((noipa)) static void site_parent(void)
{
	for (int i = 0; i < KEPT; i++)
		kept[i] = malloc(1000);
}

__attribute__((noipa)) static void site_child(void)
{
	for (int i = 0; i < 500; i++) {
		/* volatile: the compiler would leave it out. */
		void *volatile block = malloc(100);

		(void)block;
	}
}

int main(void)
{
	pid_t child;

	site_parent();
	child = fork();
	if (child)
		return child < 0 || waitpid(child, NULL, 0) != child;
	site_child();
	for (int i = 0; i < KEPT; i++)
		free(kept[i]);
	_exit(0);
}
