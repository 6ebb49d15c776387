// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a symbol: no crash, no name but of a mangled one, none too long, and soon. */
#include <time.h>

#include "symbol/demangle.h"
#include "replay.h"

/* It is left after 5 ms, of which a busy machine can make 50; what is not left takes hours. */
#define LIMIT_NS 1000000000

const char *__asan_default_options(void);

/* As a shared library the sanitizer comes behind libstdc++, which does not matter here. */
const char *__asan_default_options(void)
{
	return "verify_asan_link_order=0";
}

static int64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *mangled = strndup((const char *)data, size);
	int64_t began_ns = cpu_ns();
	char *name = demangle__name(mangled);

	check(cpu_ns() - began_ns < LIMIT_NS, "a name takes no more than a second");
	check(!name || mangled[0] == '_', "what is not mangled has no other name");
	check(!name || (*name && strlen(name) < 16384 + strlen(mangled)), "a name is no novel");
	free(name);
	free(mangled);
	return 0;
}
