/* SPDX-License-Identifier: Apache-2.0 */
/* The capabilities of this thread: each thread has its own (capabilities(7)). */
#ifndef EXOPROF_CAPABILITIES_H
#define EXOPROF_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

/* Keeps those of the mask (bit N: capability N) that it has, and gives up all others for good. What
 * a program could gain goes too, where CAP_SETPCAP allows it. 0 or -errno. */
int capabilities__keep(uint64_t mask);

/* Whether it may use the capability now. */
bool capabilities__has(unsigned int capability);

/* What the attempt gives while this thread may not use the capability, which it then may again.
 * Where it has none to begin with, the same as without this. */
int capabilities__try_without(unsigned int capability, int (*attempt)(void));

#endif
