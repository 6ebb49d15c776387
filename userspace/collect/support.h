/* SPDX-License-Identifier: Apache-2.0 */
/* What of the kernel side works on this machine, for this user: found out by trying. */
#ifndef EXOPROF_SUPPORT_H
#define EXOPROF_SUPPORT_H

#include <stdbool.h>

/* Each: 0, or the -errno that it ended with. */
int support__programs(void);    /* loads ours, attaches nothing */
int support__cycles(void);      /* a hardware cycles event on one CPU */
int support__cpu_clock(void);   /* a cpu-clock event on one CPU */
int support__perf_uprobe(void); /* a perf-event uprobe in our own binary */

bool support__session_uprobes(void);

#endif
