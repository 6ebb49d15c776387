/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that attach have in common: opening the target with the right words where it
 * fails, and waiting for signals. */
#ifndef EXOPROF_LIFECYCLE_H
#define EXOPROF_LIFECYCLE_H

#include <signal.h>
#include <sys/resource.h>

#include "options.h"

/* Blocks the signals that end exoprof, in this thread and those it will start, and gives a signalfd
 * for them. `before` (may be NULL) gets the mask as it was. -errno. */
int lifecycle__signals(sigset_t *before);

/* Lets exoprof open as many files as it may: the usual limit, 1,024, is for programs that use
 * select(2), and some hundred processes with probes take more. `before` (may be NULL) gets the
 * limit as it was. */
void lifecycle__raise_descriptors(struct rlimit *before);

/* Attaches to the processes. NULL after a line that says why not. */
struct agent *lifecycle__attach(struct process **processes, size_t count,
				const struct options *options);

/* Says what will be missing of the heap, if anything will. */
void lifecycle__say_heap(struct agent *agent, const struct options *options);

/* The same of a heap that is followed: who wants it alone is told in the end why it is not. */
void lifecycle__warn_of_heap(struct agent *agent);

/* Opens the process of that pid. NULL after a line that says why not. */
struct process *lifecycle__open(pid_t pid);

/* Opens the processes that the options name. How many, or -1 after a line that says why not. */
int lifecycle__open_targets(const struct options *options,
			    struct process *processes[OPTIONS_PIDS_MAX]);
void lifecycle__close_all(struct process **processes, size_t count);

#endif
