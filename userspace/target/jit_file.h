/* SPDX-License-Identifier: Apache-2.0 */
/* The list of its functions that a program with a JIT compiler writes for profilers:
 * /tmp/perf-PID.map (tools/perf/Documentation/jit-interface.txt in Linux). Here it is only found
 * and held open, so that the names are there when the target is gone; symbol/perf_map.h reads it.
 */
#ifndef EXOPROF_JIT_FILE_H
#define EXOPROF_JIT_FILE_H

#include "target/patience.h"
#include "target/process.h"

struct jit_file;

/* `previous` (may be NULL) once more if it still is the same file, or nobody answers. NULL where
 * there is none that can be trusted: a regular file that belongs to the target's user or to root,
 * as perf demands (tools/perf/util/dso.c, is_regular_file() and its kin), or anybody who may write
 * to /tmp could choose the names; and one that was written to since the process has started, or it
 * is that of an earlier one with the same pid. */
struct jit_file *jit_file__open(const struct process *process, struct jit_file *previous,
				struct patience *patience);

/* Shared between threads: counted. */
struct jit_file *jit_file__get(struct jit_file *file);
void jit_file__put(struct jit_file *file); /* NULL is fine */

int jit_file__fd(const struct jit_file *file); /* to be read by pread(2): its offset is shared */

#endif
