// SPDX-License-Identifier: Apache-2.0
#include "reader/worker_sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The sanitizers' shadow is terabytes of memory, and their reports take system calls and the
 * standard error output: with them there are neither limits nor a filter. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* By convention, and the kernel's default for who is not known (kernel.overflowuid). */
#define NOBODY 65534

void worker_sandbox__keep_only(int *fds, size_t count)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int last = SANITIZED ? STDOUT_FILENO : STDERR_FILENO, first = STDERR_FILENO + 1;

	/* Above those that they are to get out of the way of. */
	for (size_t i = 0; i < count; i++)
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, first + (int)count);
	for (int number = 0; null >= 0 && number <= last; number++)
		dup2(null, number);
	for (size_t i = 0; i < count; i++)
		fds[i] = dup3(fds[i], first + (int)i, O_CLOEXEC);
	close_range(first + count, ~0U, 0);
}

/* What is not permitted is left out: a service without CAP_SETUID is its own user already, and
 * without CAP_SETPCAP no_new_privs sees to it that the bounding set has nothing to give. */
void worker_sandbox__drop_rights(void)
{
	struct rlimit no_core = {};

	capng_clear(CAPNG_SELECT_ALL);
	capng_apply(CAPNG_SELECT_BOUNDS);
	if (!setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY)) {
		if (setresuid(NOBODY, NOBODY, NOBODY))
			errno = 0;
	}
	capng_clear(CAPNG_SELECT_ALL);
	capng_apply(CAPNG_SELECT_CAPS);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &no_core);
}

void worker_sandbox__end_with(int parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(0);
}

static void set_limit(int resource, rlim_t value)
{
	struct rlimit limit;

	getrlimit(resource, &limit);
	if (limit.rlim_max > value)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

static const int allowed[] = {
	SCMP_SYS(read),          SCMP_SYS(pread64),    SCMP_SYS(lseek),
	SCMP_SYS(fstat),         SCMP_SYS(fcntl),      SCMP_SYS(close),
	SCMP_SYS(recvmsg),       SCMP_SYS(sendmsg),    SCMP_SYS(poll),
	SCMP_SYS(brk),           SCMP_SYS(munmap),     SCMP_SYS(mremap),
	SCMP_SYS(madvise),       SCMP_SYS(sysinfo),    SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),  SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),          SCMP_SYS(exit_group),
};

static int add_list(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = seccomp_rule_add(filter, action, calls[i], 0);
	return err;
}

static int add_rules(scmp_filter_ctx filter, const struct worker_needs *needs)
{
	static const int without_code[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	int err = add_list(filter, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(*allowed));

	if (!err)
		err = add_list(filter, SCMP_ACT_ALLOW, needs->calls, needs->call_count);
	if (!err)
		err = add_list(filter, SCMP_ACT_TRAP, needs->trapped, needs->trapped_count);
	if (!err)
		err = add_list(filter, SCMP_ACT_ERRNO(ENOENT), needs->denied, needs->denied_count);
	for (size_t i = 0; i < sizeof(without_code) / sizeof(*without_code) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, without_code[i], 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* fstat(3) is that, of a descriptor and no path. */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
				       SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH));
	return err;
}

static int shut_calls(const struct worker_needs *needs)
{
	/* The only thread: its end is the process's. To kill processes takes seccomp(2), which a
	 * service's own filter may not have; libseccomp can do this without. */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_THREAD);
	int err = filter ? add_rules(filter, needs) : -ENOMEM;

	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

int worker_sandbox__shut(const struct worker_needs *needs)
{
	if (SANITIZED)
		return 0;
	set_limit(RLIMIT_NOFILE, needs->descriptors);
	set_limit(RLIMIT_DATA, needs->data_bytes);
	set_limit(RLIMIT_FSIZE, 0);
	set_limit(RLIMIT_NPROC, 0);
	return shut_calls(needs);
}
