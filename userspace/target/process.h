/* SPDX-License-Identifier: Apache-2.0 */
/* A running process, known by more than its pid: a pidfd pins it, so that another process that gets
 * the same pid later is never taken for it. */
#ifndef EXOPROF_PROCESS_H
#define EXOPROF_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/proc.h"

struct process;

/* NULL with errno set:
 *   ESRCH	no such process, or it has exited
 *   ENOTSUP	a kernel thread
 *   EDEADLK	the caller itself
 *   EINVAL	the id of a thread other than the first
 * or what the kernel said. process__open_error() has the words. */
struct process *process__open(pid_t pid);
void process__close(struct process *process); /* NULL is fine */

const char *process__open_error(int err);

/* The number in a line of /proc/PID/status (proc(5)); `key` is what comes before it: "\nTgid:". -1
 * where there is none. */
long process__status_number(pid_t pid, const char *key);

pid_t process__pid(const struct process *process);

/* What the kernel calls it, at most 15 bytes: of its program, by any thread. */
#define PROCESS_COMM_BYTES PROC_COMM_BYTES
void process__comm(const struct process *process, char comm[PROCESS_COMM_BYTES]);

/* The arguments that its program was started with, each followed by a NUL; by any thread. The
 * caller's to free; NULL where memory is short. */
char *process__cmdline(const struct process *process, size_t *size);

/* What its threads had of the CPUs, those that are gone included; -1: unknown. */
int64_t process__cpu_ns(const struct process *process);

/* Readable (POLLIN) once the process is gone. */
int process__pidfd(const struct process *process);
bool process__is_alive(const struct process *process);

/* Whether a return probe would end it, or might: a child sets its filter when it has begun: on
 * Linux 6.11 to 6.13 one runs a system call in the process, uretprobe, that a seccomp filter does
 * not know ("seccomp: passthrough uretprobe systemcall without filtering", in 6.14 and in later
 * stable releases of those). */
bool process__dies_of_return_probes(const struct process *process, bool is_child);

/* The process executes another program by now: with another name, other arguments, another file. */
void process__note_exec(struct process *process);

/* The executable's device and inode, 0 where they could not be read. */
void process__executable(const struct process *process, uint64_t *device, uint64_t *inode);

#endif
