/* SPDX-License-Identifier: Apache-2.0 */
/* Finds processes by what others call them. */
#ifndef EXOPROF_FIND_H
#define EXOPROF_FIND_H

#include <sys/types.h>

/* The pid here of the process that has the pid `inner` in the innermost pid namespace of process
 * `of`. -ESRCH where there is no process `of`, -ENOENT where its namespace has no such pid, or what
 * the kernel said. */
pid_t find__in_namespace(pid_t inner, pid_t of);

#endif
