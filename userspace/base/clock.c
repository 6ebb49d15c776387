// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <time.h>

static int64_t read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int64_t clock__realtime_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

int64_t clock__monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

int64_t clock__own_cpu_ns(void)
{
	return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock__thread_cpu_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock__monotonic_ms(void)
{
	return clock__monotonic_ns() / 1000000;
}
