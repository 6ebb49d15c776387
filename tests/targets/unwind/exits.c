/* SPDX-License-Identifier: Apache-2.0 */
/* Children that exit at once, through all that the C library and others do at exit. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (;;) {
		pid_t child = fork();

		if (!child)
			exit(0);
		if (child < 0 || waitpid(child, NULL, 0) != child)
			return 1;
	}
}
