/* SPDX-License-Identifier: Apache-2.0 */
/* Whether heaps can be followed by code in their processes here: tried on a child of exoprof's. */
#ifndef EXOPROF_HEAP_TRIAL_H
#define EXOPROF_HEAP_TRIAL_H

/* Takes some 20 ms, in a process of few threads. 0 or -errno; ENOTSUP: the C library's malloc
 * cannot be left for it. */
int heap_trial__inline(void);

#endif
