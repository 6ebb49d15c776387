/* SPDX-License-Identifier: Apache-2.0 */
/* When told so on stdin, creates threads that live for half a millisecond, ten at a time, a
 * thousand a second. It says how many: "created 3000". Usage: births SECONDS */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define AT_A_TIME 10

static void *live(void *unused)
{
	usleep(500);
	return unused;
}

int main(int argc, char **argv)
{
	time_t end;
	int created = 0;
	char go;

	puts("ready");
	fflush(stdout);
	if (argc != 2 || read(0, &go, 1) != 1)
		return 1;
	for (end = time(NULL) + atoi(argv[1]); time(NULL) < end; usleep(9000)) {
		pthread_t threads[AT_A_TIME];

		for (int i = 0; i < AT_A_TIME; i++, created++) {
			if (pthread_create(&threads[i], NULL, live, NULL))
				return 1;
		}
		for (int i = 0; i < AT_A_TIME; i++)
			pthread_join(threads[i], NULL);
	}
	printf("created %d\nend\n", created);
	fflush(stdout);
	pause();
	return 0;
}
