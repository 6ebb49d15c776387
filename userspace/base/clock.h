/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_CLOCK_H
#define EXOPROF_CLOCK_H

#include <stdint.h>

int64_t clock__realtime_ns(void);   /* since the epoch: what a profile is stamped with */
int64_t clock__monotonic_ms(void);  /* for waiting: nobody sets it */
int64_t clock__own_cpu_ns(void);    /* that exoprof had of the CPUs */
int64_t clock__thread_cpu_ns(void); /* that this thread had of them */
int64_t clock__monotonic_ns(void);  /* for measuring */

#endif
