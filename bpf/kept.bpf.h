/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stacks that are kept as long as anybody may ask for what is counted under them: of waits, and of
 * threads' creation. */
#ifndef EXOPROF_KEPT_BPF_H
#define EXOPROF_KEPT_BPF_H

#include "stack.bpf.h"

#define KEPT_CHUNKS 32768

STACK_MAP(kept_stacks, KEPT_CHUNKS);

#endif
