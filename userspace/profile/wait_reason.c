// SPDX-License-Identifier: Apache-2.0
#include "profile/wait_reason.h"

#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

/* What a call waits for, where it waits; x86_64's numbers. All others are "other". */
static const char *const by_call[] = {
	[SYS_nanosleep] = "sleep",
	[SYS_clock_nanosleep] = "sleep",

	[SYS_poll] = "poll",
	[SYS_ppoll] = "poll",
	[SYS_select] = "poll",
	[SYS_pselect6] = "poll",
	[SYS_epoll_wait] = "poll",
	[SYS_epoll_pwait] = "poll",
	[SYS_epoll_pwait2] = "poll",

	[SYS_read] = "io",
	[SYS_readv] = "io",
	[SYS_pread64] = "io",
	[SYS_preadv] = "io",
	[SYS_preadv2] = "io",
	[SYS_write] = "io",
	[SYS_writev] = "io",
	[SYS_pwrite64] = "io",
	[SYS_pwritev] = "io",
	[SYS_pwritev2] = "io",
	[SYS_accept] = "io",
	[SYS_accept4] = "io",
	[SYS_connect] = "io",
	[SYS_recvfrom] = "io",
	[SYS_recvmsg] = "io",
	[SYS_recvmmsg] = "io",
	[SYS_sendto] = "io",
	[SYS_sendmsg] = "io",
	[SYS_sendmmsg] = "io",
	[SYS_sendfile] = "io",
	[SYS_splice] = "io",
	[SYS_copy_file_range] = "io",
	[SYS_fsync] = "io",
	[SYS_fdatasync] = "io",
	[SYS_sync] = "io",
	[SYS_syncfs] = "io",
	[SYS_sync_file_range] = "io",
	[SYS_fallocate] = "io",
	[SYS_ftruncate] = "io",
	[SYS_open] = "io",
	[SYS_openat] = "io",
	[SYS_close] = "io",
	[SYS_stat] = "io",
	[SYS_lstat] = "io",
	[SYS_newfstatat] = "io",
	[SYS_statx] = "io",
	[SYS_getdents64] = "io",
	[SYS_rename] = "io",
	[SYS_unlink] = "io",
	[SYS_unlinkat] = "io",
	[SYS_mkdir] = "io",
	[SYS_io_getevents] = "io",
	[SYS_io_uring_enter] = "io",

	[SYS_flock] = "file lock",
	[SYS_fcntl] = "file lock",
	[SYS_semop] = "semaphore",
	[SYS_semtimedop] = "semaphore",
	[SYS_msgrcv] = "queue",
	[SYS_msgsnd] = "queue",
	[SYS_mq_timedreceive] = "queue",
	[SYS_mq_timedsend] = "queue",

	[SYS_wait4] = "child",
	[SYS_waitid] = "child",
	[SYS_vfork] = "child",
	[SYS_pause] = "signal",
	[SYS_rt_sigsuspend] = "signal",
	[SYS_rt_sigtimedwait] = "signal",

	[SYS_mmap] = "memory",
	[SYS_munmap] = "memory",
	[SYS_mremap] = "memory",
	[SYS_mprotect] = "memory",
	[SYS_madvise] = "memory",
	[SYS_brk] = "memory",
	[SYS_msync] = "io",

	[SYS_futex] = "futex",
};

/* include/linux/sched.h; what /proc shows of them is fs/proc/array.c's task_state_array. */
#define STATE_INTERRUPTIBLE   0x1
#define STATE_UNINTERRUPTIBLE 0x2
#define STATE_STOPPED         0x4
#define STATE_TRACED          0x8
#define STATE_DEAD            0x10
#define STATE_ZOMBIE          0x20
#define STATE_PARKED          0x40
#define STATE_NOLOAD          0x400

/* The value that glibc's mutexes have while somebody waits for them: FUTEX_WAIT on it, without a
 * time limit, is one (nptl/lowlevellock.c, __lll_lock_wait). */
#define LOCKED_AND_WAITED_FOR 2

static bool is_lock(const struct wire_wait *wait)
{
	int command = wait->futex - 1;

	return command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2 ||
	       (command == FUTEX_WAIT && wait->futex_value == LOCKED_AND_WAITED_FOR &&
		!wait->futex_has_timeout);
}

const char *wait_reason__of_call(const struct wire_wait *wait)
{
	const char *reason = NULL;

	if (wait->state & (STATE_STOPPED | STATE_TRACED))
		return "stopped";
	/* Its call is not known any more. */
	if (wait->state & (STATE_ZOMBIE | STATE_DEAD))
		return "ended";
	if (!wait->state)
		return wait->syscall == SYS_sched_yield ? "yield" : "preempted";
	if (wait->syscall == WIRE_SYSCALL_WORKER)
		return "kernel worker";
	if (wait->syscall < 0)
		return "page fault";
	if (wait->futex && is_lock(wait))
		return "lock";
	if ((size_t)wait->syscall < sizeof(by_call) / sizeof(*by_call))
		reason = by_call[wait->syscall];
	return reason ? reason : "other";
}

/* Parts of names, each of which only functions have that wait so: of glibc, musl, Rust's standard
 * library and parking_lot, Abseil, folly and libstdc++. */
static const struct {
	const char *part, *reason;
} by_function[] = {
	{"pthread_cond_",        "condition"},
	{"cnd_wait",             "condition"},
	{"cnd_timedwait",        "condition"},
	{"condition_variable",   "condition"},
	{"Condvar",              "condition"},
	{"CondVar",              "condition"},
	{"condvar",              "condition"},
	{"sem_wait",             "semaphore"},
	{"sem_timedwait",        "semaphore"},
	{"sem_clockwait",        "semaphore"},
	{"new_sem_wait",         "semaphore"},
	{"pthread_join",         "join"     },
	{"pthread_timedjoin",    "join"     },
	{"pthread_clockjoin",    "join"     },
	{"thrd_join",            "join"     },
	{"pthread_barrier_wait", "barrier"  },
	{"_M_futex_wait_until",  "future"   },
	{"lll_lock_wait",        "lock"     },
	{"pthread_mutex_",       "lock"     },
	{"pthread_rwlock_",      "lock"     },
	{"pthread_spin_",        "lock"     },
	{"mtx_lock",             "lock"     },
	{"mtx_timedlock",        "lock"     },
	{"lock_contended",       "lock"     },
	{"read_contended",       "lock"     },
	{"write_contended",      "lock"     },
	{"lock_slow",            "lock"     },
	{"lock_shared_slow",     "lock"     },
	{"lock_exclusive_slow",  "lock"     },
	{"Mutex::LockSlow",      "lock"     },
	{"SharedMutex",          "lock"     },
	{"MicroLock",            "lock"     },
};

const char *wait_reason__of_function(const char *name)
{
	for (size_t i = 0; i < sizeof(by_function) / sizeof(*by_function); i++) {
		if (strstr(name, by_function[i].part))
			return by_function[i].reason;
	}
	return NULL;
}

const char *wait_reason__state(const struct wire_wait *wait, bool is_running)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} states[] = {
		{STATE_ZOMBIE,          "zombie"    },
		{STATE_DEAD,            "dead"      },
		{STATE_STOPPED,         "stopped"   },
		{STATE_TRACED,          "traced"    },
		{STATE_PARKED,          "parked"    },
		{STATE_NOLOAD,          "idle"      },
		{STATE_UNINTERRUPTIBLE, "disk sleep"},
		{STATE_INTERRUPTIBLE,   "sleeping"  },
	};

	if (is_running)
		return "running";
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (wait->state & states[i].bit)
			return states[i].name;
	}
	return "runnable";
}
