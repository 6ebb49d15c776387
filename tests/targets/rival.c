/* SPDX-License-Identifier: Apache-2.0 */
/* Another tool with a probe on malloc, one with a reference counter, so that the kernel lets no
 * probe without one onto the same instruction. Says "ready" and stays until stdin ends. */
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where malloc is in the file that it comes from; the file's path. */
static uint64_t find_malloc(char path[4096])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t start, end, offset, address = (uintptr_t)malloc;
	char line[4200];

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %4095s", &start,
			   &end, &offset, path) == 4 &&
		    start <= address && address < end) {
			fclose(maps);
			return address - start + offset;
		}
	}
	exit(1);
}

static unsigned int uprobe_type(void)
{
	FILE *in = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
	unsigned int type;

	if (!in || fscanf(in, "%u", &type) != 1)
		exit(1);
	fclose(in);
	return type;
}

int main(void)
{
	char path[4096], byte;
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = uprobe_type(),
		/* The counter's place in the file, from bit 32 on: any will do. */
		.config = 64ULL << 32,
		.config2 = find_malloc(path),
		.config1 = (uintptr_t)path,
	};
	int fd, tries = 200;

	/* A probe on itself alone is in everybody's way. Those of who has ended a moment ago are on
	 * their way out, and in this one's. */
	do {
		fd = syscall(SYS_perf_event_open, &attr, getpid(), -1, -1, PERF_FLAG_FD_CLOEXEC);
	} while (fd < 0 && errno == EINVAL && --tries && !usleep(25000));
	if (fd < 0) {
		fprintf(stderr, "rival: %s\n", strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) == 1)
		;
	return 0;
}
