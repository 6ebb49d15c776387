/* SPDX-License-Identifier: Apache-2.0 */
/* When told so on stdin, its first thread ends; another one stays and waits. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *stay_on(void *unused)
{
	for (;;)
		pause();
	return unused;
}

int main(void)
{
	pthread_t thread;
	char go;

	if (pthread_create(&thread, NULL, stay_on, NULL))
		return 1;
	puts("ready");
	fflush(stdout);
	if (read(0, &go, 1) != 1)
		return 1;
	pthread_exit(NULL);
}
