/* SPDX-License-Identifier: Apache-2.0 */
/* When told so on stdin, sleeps TIMES times, each time under another name. Usage: renames TIMES */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec shortly = {.tv_nsec = 1};
	char go, name[16];

	puts("ready");
	fflush(stdout);
	if (argc != 2 || read(0, &go, 1) != 1)
		return 1;
	for (int i = 0; i < atoi(argv[1]); i++) {
		snprintf(name, sizeof(name), "name%d", i);
		prctl(PR_SET_NAME, name);
		nanosleep(&shortly, NULL);
	}
	puts("end");
	fflush(stdout);
	pause();
	return 0;
}
