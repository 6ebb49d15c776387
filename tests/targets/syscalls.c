/* SPDX-License-Identifier: Apache-2.0 */
/* Spends its time in system calls, so that its stacks have a kernel part. Runs until killed. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char block[65536];

/* /dev/zero clears the block, which is work for the kernel; /dev/null would do next to none. */
__attribute__((noipa)) static ssize_t read_zeros(int fd)
{
	ssize_t got = read(fd, block, sizeof(block));

	return got + 1;
}

int main(void)
{
	int fd = open("/dev/zero", O_RDONLY);

	if (fd < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	while (read_zeros(fd) > 0)
		;
	return 1;
}
