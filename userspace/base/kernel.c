// SPDX-License-Identifier: Apache-2.0
#include "base/kernel.h"

#include <stdio.h>
#include <sys/utsname.h>

unsigned int kernel__version(void)
{
	struct utsname kernel;
	unsigned int major, minor;

	if (uname(&kernel) || sscanf(kernel.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return KERNEL_VERSION(major, minor, 0);
}
