// SPDX-License-Identifier: Apache-2.0
#include "target/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/kernel.h"
#include "target/file_id.h"
#include "target/proc.h"

/* What a person would still read. */
#define CMDLINE_MAX 65536

struct process {
	pid_t pid;
	int pidfd;
	uint64_t device, inode;
	pthread_mutex_t lock; /* of the following, which an exec changes */
	char comm[PROCESS_COMM_BYTES];
	char *cmdline;
	size_t cmdline_size;
};

/* Up to `size` bytes of /proc/PID/`name`. Gives how many, or -errno. */
static ssize_t read_proc(pid_t pid, const char *name, char *buffer, size_t size)
{
	char path[64];
	size_t length = 0;
	ssize_t got = 0;
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (length < size && (got = read(fd, buffer + length, size - length)) > 0)
		length += got;
	if (got < 0)
		err = -errno;
	close(fd);
	return err ? err : (ssize_t)length;
}

/* 0 or -errno. */
static int read_status_number(pid_t pid, const char *key, long *number)
{
	char status[4096], *found;
	ssize_t length = read_proc(pid, "status", status, sizeof(status) - 1);

	if (length < 0)
		return length;
	status[length] = '\0';
	found = strstr(status, key);
	if (!found)
		return -ENODATA;
	*number = strtol(found + strlen(key), NULL, 10);
	return 0;
}

long process__status_number(pid_t pid, const char *key)
{
	long number;

	return read_status_number(pid, key, &number) ? -1 : number;
}

static int read_stat(struct process *process)
{
	struct proc_stat stat;
	int err = proc__stat(process->pid, &stat);

	if (err)
		return err;
	if (stat.is_kernel_thread)
		return -ENOTSUP;
	if (stat.is_dead)
		return -ESRCH;
	pthread_mutex_lock(&process->lock);
	memcpy(process->comm, stat.comm, sizeof(process->comm));
	pthread_mutex_unlock(&process->lock);
	return 0;
}

static int read_cmdline(struct process *process)
{
	char *cmdline = malloc(CMDLINE_MAX), *former;
	ssize_t length;

	if (!cmdline)
		return -ENOMEM;
	length = read_proc(process->pid, "cmdline", cmdline, CMDLINE_MAX);
	if (length < 0) {
		free(cmdline);
		return length;
	}
	pthread_mutex_lock(&process->lock);
	former = process->cmdline;
	process->cmdline = cmdline;
	process->cmdline_size = length;
	pthread_mutex_unlock(&process->lock);
	free(former);
	return 0;
}

/* The first thing that takes CAP_SYS_PTRACE for another user's process: newer kernels show who has
 * CAP_PERFMON the list of mappings, but none of the files in it. */
static int read_executable(struct process *process)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/exe", process->pid);
	err = file_id__known(AT_FDCWD, path, &process->device, &process->inode);
	return err == -EACCES || err == -EPERM ? -EACCES : 0;
}

/* What pidfd_open() says of a thread's id differs between kernels (EINVAL, ENOENT), so ask /proc.
 */
static int check_pid(pid_t pid)
{
	long tgid;
	int err;

	if (pid == getpid())
		return -EDEADLK;
	err = read_status_number(pid, "\nTgid:", &tgid);
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	return tgid == pid ? 0 : -EINVAL;
}

struct process *process__open(pid_t pid)
{
	struct process *process;
	int err = check_pid(pid);

	if (err) {
		errno = -err;
		return NULL;
	}
	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->pid = pid;
	pthread_mutex_init(&process->lock, NULL);
	process->pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (process->pidfd < 0) {
		err = -errno;
		goto fail;
	}
	err = read_stat(process);
	if (!err)
		err = read_cmdline(process);
	if (!err)
		err = read_executable(process);
	/* What was read is the pinned process's only if that one is still there. */
	if (!err && !process__is_alive(process))
		err = -ESRCH;
	if (!err)
		return process;
fail:
	process__close(process);
	errno = -err;
	return NULL;
}

void process__close(struct process *process)
{
	if (!process)
		return;
	if (process->pidfd >= 0)
		close(process->pidfd);
	pthread_mutex_destroy(&process->lock);
	free(process->cmdline);
	free(process);
}

const char *process__open_error(int err)
{
	switch (err) {
	case ESRCH:
		return "no such process (is the pid right, and still running?)";
	case ENOTSUP:
		return "it is a kernel thread, which has no user stack or heap (give a program's pid)";
	case EDEADLK:
		return "that is exoprof itself (give the pid of another process)";
	case EINVAL:
		return "it is the id of a thread (give the pid of its process: Tgid in /proc/ID/status)";
	case EACCES:
		return "Permission denied (it is another user's: needs CAP_SYS_PTRACE; try sudo)";
	default:
		return strerror(err);
	}
}

pid_t process__pid(const struct process *process)
{
	return process->pid;
}

/* Whose content does not change, though what the lock guards may. */
static pthread_mutex_t *lock_of(const struct process *process)
{
	return (pthread_mutex_t *)&process->lock;
}

void process__comm(const struct process *process, char comm[PROCESS_COMM_BYTES])
{
	pthread_mutex_lock(lock_of(process));
	memcpy(comm, process->comm, PROCESS_COMM_BYTES);
	pthread_mutex_unlock(lock_of(process));
}

char *process__cmdline(const struct process *process, size_t *size)
{
	char *copy;

	pthread_mutex_lock(lock_of(process));
	*size = process->cmdline_size;
	copy = malloc(process->cmdline_size + 1);
	if (copy)
		memcpy(copy, process->cmdline, process->cmdline_size);
	pthread_mutex_unlock(lock_of(process));
	return copy;
}

int64_t process__cpu_ns(const struct process *process)
{
	struct timespec now;
	clockid_t clock;

	if (clock_getcpuclockid(process->pid, &clock) || clock_gettime(clock, &now))
		return -1;
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int process__pidfd(const struct process *process)
{
	return process->pidfd;
}

bool process__is_alive(const struct process *process)
{
	struct pollfd poll_fd = {.fd = process->pidfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 0;
}

bool process__dies_of_return_probes(const struct process *process, bool is_child)
{
	unsigned int version = kernel__version();

	/* SECCOMP_MODE_FILTER */
	return version >= KERNEL_VERSION(6, 11, 0) && version < KERNEL_VERSION(6, 14, 0) &&
	       (is_child || process__status_number(process->pid, "\nSeccomp:") == 2);
}

void process__note_exec(struct process *process)
{
	read_executable(process);
	/* Of one that is gone again the old ones stay. */
	if (!read_stat(process))
		read_cmdline(process);
}

void process__executable(const struct process *process, uint64_t *device, uint64_t *inode)
{
	*device = process->device;
	*inode = process->inode;
}
