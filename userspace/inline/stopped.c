// SPDX-License-Identifier: Apache-2.0
#include "inline/stopped.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"
#include "target/proc.h"

/* With more it takes too long until the last of them has stopped. */
#define THREADS_MAX 1024

struct thread {
	struct stopped_thread told;
	bool is_stopped;
	bool is_gone;
};

struct stopped {
	pid_t pid;
	struct thread *threads; /* by their numbers */
	size_t count, capacity;
	int64_t since_ns, until_ns;
};

static bool is_known(const struct stopped *stopped, pid_t tid)
{
	for (size_t i = 0; i < stopped->count; i++) {
		if (stopped->threads[i].told.tid == tid)
			return true;
	}
	return false;
}

/* One that has exited is a zombie until the last has: nobody can trace it. */
static bool is_dead(pid_t tid)
{
	struct proc_stat stat;

	return proc__stat(tid, &stat) || stat.is_dead;
}

static void note_end(struct thread *thread)
{
	thread->is_gone = true;
	thread->told.tid = 0;
}

static int seize(struct stopped *stopped, pid_t tid)
{
	int err = array_append(&stopped->threads, &stopped->count, &stopped->capacity,
			       (struct thread){.told.tid = tid});
	struct thread *thread;

	if (err)
		return err;
	thread = &stopped->threads[stopped->count - 1];
	if (!ptrace(PTRACE_SEIZE, tid, 0, 0))
		return ptrace(PTRACE_INTERRUPT, tid, 0, 0) && errno != ESRCH ? -errno : 0;
	err = -errno;
	/* The first thread's number stays its own; others' may be given to new ones. */
	note_end(thread);
	if (err == -EPERM && is_dead(tid)) {
		thread->told.tid = tid;
		return 0;
	}
	return err == -ESRCH ? 0 : err;
}

/* Of those that are not known yet. */
static int seize_all(struct stopped *stopped, size_t *found)
{
	char path[64];
	struct dirent *entry;
	int err = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", stopped->pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!err && (entry = readdir(tasks))) {
		pid_t tid = strtol(entry->d_name, NULL, 10);

		if (tid <= 0 || is_known(stopped, tid))
			continue;
		++*found;
		err = stopped->count < THREADS_MAX ? seize(stopped, tid) : -E2BIG;
	}
	closedir(tasks);
	return err;
}

/* Short at first, for all the others stand still meanwhile; then a part of what it has taken so
 * far: on a machine of one processor whoever is waited for can only run between two looks. */
#define LOOK_FIRST_NS 20000
#define LOOK_LAST_NS  2000000

/* Until the thread has stopped, or is gone. `status` is what wait(2) said of it. */
static int await(struct stopped *stopped, struct thread *thread, int *status)
{
	long pause_ns = LOOK_FIRST_NS;

	while (!thread->is_stopped && !thread->is_gone) {
		pid_t tid = waitpid(thread->told.tid, status, __WALL | WNOHANG | __WNOTHREAD);

		if (tid < 0 || (tid && !WIFSTOPPED(*status)))
			note_end(thread);
		else if (tid)
			thread->is_stopped = true;
		else if (clock__monotonic_ns() > stopped->until_ns)
			return -EBUSY;
		else
			nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
		if (pause_ns < LOOK_LAST_NS)
			pause_ns += pause_ns / 4;
	}
	return 0;
}

/* The first time. */
static int await_stop(struct stopped *stopped, struct thread *thread)
{
	int status, err;

	if (thread->is_stopped || thread->is_gone)
		return 0;
	err = await(stopped, thread, &status);
	if (err || thread->is_gone)
		return err;
	/* PTRACE_EVENT_STOP, or a signal is about to be given. */
	thread->told.signal = status >> 16 ? 0 : WSTOPSIG(status);
	if (!ptrace(PTRACE_GETREGS, thread->told.tid, 0, &thread->told.registers))
		return 0;
	if (errno != ESRCH)
		return -errno;
	note_end(thread);
	return 0;
}

/* One that has not stopped may have made others meanwhile; so it ends with a look that finds
 * none. */
static int stop_all(struct stopped *stopped)
{
	size_t found;
	int err;

	do {
		found = 0;
		err = seize_all(stopped, &found);
		for (size_t i = 0; i < stopped->count && !err; i++)
			err = await_stop(stopped, &stopped->threads[i]);
	} while (!err && found);
	return err;
}

struct stopped *stopped__new(pid_t pid, unsigned int patience_ms)
{
	struct stopped *stopped = calloc(1, sizeof(*stopped));
	int err;

	if (!stopped)
		return NULL;
	stopped->pid = pid;
	stopped->since_ns = clock__monotonic_ns();
	stopped->until_ns = stopped->since_ns + patience_ms * 1000000LL;
	err = stop_all(stopped);
	if (!err)
		return stopped;
	stopped__free(stopped);
	errno = -err;
	return NULL;
}

/* PTRACE_O_TRACESYSGOOD */
#define AT_CALL (SIGTRAP | 0x80)

int stopped__go_on(struct stopped *stopped, size_t index, int request)
{
	struct thread *thread = &stopped->threads[index];
	int status, err;

	if (ptrace(request, thread->told.tid, 0, 0))
		return -errno;
	thread->is_stopped = false;
	err = await(stopped, thread, &status);
	if (err)
		return err;
	if (thread->is_gone)
		return -ESRCH;
	if (status >> 16)
		return WSTOPSIG(status) == SIGTRAP ? STOPPED_AGAIN : STOPPED_BY_OTHERS;
	if (WSTOPSIG(status) == AT_CALL)
		return STOPPED_AT_CALL;
	thread->told.signal = WSTOPSIG(status);
	return STOPPED_AT_SIGNAL;
}

int stopped__stop_again(struct stopped *stopped, size_t index)
{
	int at;

	ptrace(PTRACE_INTERRUPT, stopped->threads[index].told.tid, 0, 0);
	do
		at = stopped__go_on(stopped, index, PTRACE_CONT);
	while (at == STOPPED_AT_CALL);
	return at < 0 ? at : 0;
}

/* Of a thread that has not stopped the kernel lets go when this one ends. */
void stopped__free(struct stopped *stopped)
{
	if (!stopped)
		return;
	for (size_t i = 0; i < stopped->count; i++) {
		const struct thread *thread = &stopped->threads[i];

		if (thread->is_stopped && !thread->is_gone)
			ptrace(PTRACE_DETACH, thread->told.tid, 0, thread->told.signal);
	}
	free(stopped->threads);
	free(stopped);
}

pid_t stopped__pid(const struct stopped *stopped)
{
	return stopped->pid;
}

size_t stopped__count(const struct stopped *stopped)
{
	return stopped->count;
}

const struct stopped_thread *stopped__thread(const struct stopped *stopped, size_t index)
{
	return stopped->threads[index].is_gone ? NULL : &stopped->threads[index].told;
}

int64_t stopped__ns(const struct stopped *stopped)
{
	return clock__monotonic_ns() - stopped->since_ns;
}
