// SPDX-License-Identifier: Apache-2.0
#include "base/kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

unsigned int kernel__version(void)
{
	struct utsname kernel;
	unsigned int major, minor;

	if (uname(&kernel) || sscanf(kernel.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return KERNEL_VERSION(major, minor, 0);
}

bool kernel__allocates_safely(void)
{
	return kernel__version() >= KERNEL_VERSION(6, 1, 0);
}

int kernel__find_symbols(const char *const names[2], uint64_t addresses[2])
{
	FILE *in = fopen("/proc/kallsyms", "re");
	char line[512], found[sizeof(line)];
	uint64_t address;
	size_t count = 0;

	if (!in)
		return -errno;
	while (count < 2 && fgets(line, sizeof(line), in)) {
		if (sscanf(line, "%" SCNx64 " %*c %511s", &address, found) != 2)
			continue;
		for (size_t i = 0; i < 2; i++) {
			if (strcmp(found, names[i]))
				continue;
			addresses[i] = address;
			count++;
		}
	}
	fclose(in);
	if (count < 2)
		return -ENOENT;
	return addresses[0] && addresses[1] ? 0 : -EPERM;
}
