// SPDX-License-Identifier: Apache-2.0
/* The lists are what strace shows of each thread, what else glibc may use in its place, and nothing
 * more. Where a call can do more than the thread has any business with, an argument tells. */
#include "privilege/calls.h"

#include <asm/termbits.h>
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/fcntl.h>
#include <linux/sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a probed program, exoprof itself while it measures what a probe costs, enters the kernel by
 * (since 6.11 and 6.18; older libseccomp knows neither). */
#define CALL_URETPROBE 335
#define CALL_UPROBE    336

/* No number of a call, nor one that libseccomp uses for those of other machines. */
#define END            INT_MIN

struct rule {
	int call;
	unsigned int conditions; /* 0 or 1 */
	struct scmp_arg_cmp condition;
};

#define CALL(name)                     \
	{                              \
		.call = SCMP_SYS(name) \
	}
#define CALL_IF(name, arg, value)                  \
	{                                          \
		SCMP_SYS(name), 1,                 \
		{                                  \
			arg, SCMP_CMP_EQ, value, 0 \
		}                                  \
	}
#define CALL_IF_MASKED(name, arg, mask, value)               \
	{                                                    \
		SCMP_SYS(name), 1,                           \
		{                                            \
			arg, SCMP_CMP_MASKED_EQ, mask, value \
		}                                            \
	}

/* Whatever a C library does for a thread that computes and waits. */
static const struct rule computing[] = {
	CALL(brk),
	CALL(clock_getres),
	CALL(clock_gettime),
	CALL(clock_nanosleep),
	CALL(close),
	CALL(exit),
	CALL(exit_group),
	CALL(fstat),
	CALL_IF_MASKED(newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH),
	CALL(futex),
	CALL(getpid),
	CALL(getrandom),
	CALL(getrusage),
	CALL(gettid),
	CALL(gettimeofday),
	CALL(lseek),
	CALL(madvise),
	CALL_IF_MASKED(mmap, 2, PROT_EXEC, 0),
	CALL_IF_MASKED(mprotect, 2, PROT_EXEC, 0),
	CALL(mremap),
	CALL(munmap),
	CALL(nanosleep),
	CALL(poll),
	CALL(ppoll),
	CALL(pread64),
	/* Only to ask. */
	CALL_IF(prlimit64, 2, 0),
	CALL(read),
	CALL(readv),
	CALL(restart_syscall),
	CALL(rseq),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sched_getaffinity),
	CALL(sched_yield),
	CALL(set_robust_list),
	CALL(sigaltstack),
	CALL(sysinfo),
	CALL(time),
	CALL(uname),
	CALL(write),
	CALL(writev),
	{.call = END},
};

/* openat2(2) has its flags where no filter sees them: target/root.c opens nothing by it, but finds
 * (O_PATH). */
static const struct rule reading_files[] = {
	CALL(access),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(fcntl),
	CALL(getdents64),
	CALL(lstat),
	CALL(newfstatat),
	CALL_IF_MASKED(open, 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
	CALL_IF_MASKED(openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
	CALL(openat2),
	CALL(readlink),
	CALL(readlinkat),
	CALL(stat),
	CALL(statx),
	{.call = END},
};

/* Code that a file has, but none that was written here. */
static const struct rule mapping_code[] = {
	CALL_IF_MASKED(mmap, 2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
	CALL_IF_MASKED(mprotect, 2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
	{.call = END},
};

/* collect/link_keeper. */
static const struct rule ending_probes[] = {
	CALL(epoll_ctl), CALL(recvfrom), CALL(sendmsg), CALL(shutdown), {.call = END},
};

static const struct rule keeping_links[] = {
	CALL(close_range),
	CALL(recvmsg),
	CALL(sendto),
	{.call = END},
};

/* Opens the next profile of top and record; at the end takes away the unix socket (serve/listener.c
 * says why by a lock) and a file that stayed empty, and sees the process off that had the names. */
static const struct rule attending[] = {
	CALL(eventfd2),
	CALL(flock),
	CALL(ftruncate),
	CALL_IF_MASKED(openat, 2, O_CREAT | O_NOFOLLOW | O_TRUNC, O_CREAT | O_NOFOLLOW),
	CALL(unlink),
	CALL(unlinkat),
	/* The terminal: not TIOCSTI, which types for its owner. */
	CALL_IF(ioctl, 1, TCGETS),
	CALL_IF(ioctl, 1, TCSETS),
	CALL_IF(ioctl, 1, TCSETSW),
	CALL_IF(ioctl, 1, TCSETSF),
	CALL_IF(ioctl, 1, TCFLSH),
	CALL_IF(ioctl, 1, TIOCGWINSZ),
	CALL(dup),
	CALL(dup2),
	CALL(dup3),
	CALL(wait4),
	{.call = END},
};

static const struct rule raising[] = {
	CALL(kill),
	CALL(wait4),
	CALL(waitid),
	{.call = END},
};

/* userspace/inline. */
static const struct rule stopping[] = {
	CALL(pidfd_getfd), CALL(process_vm_writev), CALL(ptrace), CALL(sched_setscheduler),
	CALL(wait4),       {.call = END},
};

/* Connections, once they are there. */
static const struct rule talking[] = {
	CALL(epoll_ctl),  CALL(epoll_pwait), CALL(epoll_wait), CALL(getpeername), CALL(getsockname),
	CALL(getsockopt), CALL(recvfrom),    CALL(recvmsg),    CALL(sendmsg),     CALL(sendto),
	CALL(setsockopt), CALL(shutdown),    {.call = END},
};

/* Connections that others open. */
static const struct rule serving[] = {
	CALL(accept), CALL(accept4), CALL(fcntl), CALL(getdents64), {.call = END},
};

static const struct rule collecting[] = {
	/* No BPF_PROG_LOAD: all programs are there since the attach. */
	CALL_IF(bpf, 0, BPF_ITER_CREATE),
	CALL_IF(bpf, 0, BPF_LINK_CREATE),
	CALL_IF(bpf, 0, BPF_MAP_CREATE),
	CALL_IF(bpf, 0, BPF_MAP_DELETE_BATCH),
	CALL_IF(bpf, 0, BPF_MAP_DELETE_ELEM),
	CALL_IF(bpf, 0, BPF_MAP_GET_NEXT_KEY),
	CALL_IF(bpf, 0, BPF_MAP_LOOKUP_AND_DELETE_BATCH),
	CALL_IF(bpf, 0, BPF_MAP_LOOKUP_AND_DELETE_ELEM),
	CALL_IF(bpf, 0, BPF_MAP_LOOKUP_BATCH),
	CALL_IF(bpf, 0, BPF_MAP_LOOKUP_ELEM),
	CALL_IF(bpf, 0, BPF_MAP_UPDATE_BATCH),
	CALL_IF(bpf, 0, BPF_MAP_UPDATE_ELEM),
	CALL_IF(bpf, 0, BPF_OBJ_GET_INFO_BY_FD),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(perf_event_open),
	CALL(pidfd_open),
	CALL(process_vm_readv),
	/* What a probe costs is measured on a file in memory. */
	CALL(ftruncate),
	CALL(memfd_create),
	CALL(pwrite64),
	/* A thread for each file that is opened (target/patience.c), with the same rights; no
	 * process. */
	CALL_IF_MASKED(clone, 0, CLONE_THREAD, CLONE_THREAD),
	{.call = CALL_URETPROBE},
	{.call = CALL_UPROBE},
	{.call = END},
};

/* Files go to the workers, and come to nobody else (reader/supervisor.c). */
static const struct rule handing_files[] = {
	CALL(recvfrom), CALL(recvmsg), CALL(sendmsg), CALL(socketpair), {.call = END},
};

/* libdebuginfod's, libcurl's and the resolver's, with whatever TLS library there is: by what they
 * are, rather than by what one version does. Its files are in the client's cache. */
static const struct rule fetching[] = {
	CALL(bind),
	CALL(chmod),
	CALL(connect),
	CALL(dup),
	CALL(epoll_create1),
	CALL(eventfd2),
	CALL(fadvise64),
	CALL(fchmod),
	CALL(fdatasync),
	CALL(flock),
	CALL(fstatfs),
	CALL(fsync),
	CALL(ftruncate),
	CALL(getcwd),
	CALL(getegid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getuid),
	CALL_IF(ioctl, 1, FIONBIO),
	CALL_IF(ioctl, 1, FIONREAD),
	CALL_IF(ioctl, 1, TCGETS),
	CALL(link),
	CALL(linkat),
	CALL(mkdir),
	CALL(mkdirat),
	CALL(open),
	CALL(openat),
	CALL(pipe),
	CALL(pipe2),
	CALL(pwrite64),
	CALL(recvmmsg),
	CALL(rename),
	CALL(renameat),
	CALL(renameat2),
	CALL(rmdir),
	CALL(select),
	CALL(sendmmsg),
	CALL_IF(socket, 0, AF_INET),
	CALL_IF(socket, 0, AF_INET6),
	CALL_IF(socket, 0, AF_NETLINK),
	CALL_IF(socket, 0, AF_UNIX),
	CALL(socketpair),
	CALL(statfs),
	CALL(unlink),
	CALL(unlinkat),
	CALL(utime),
	CALL(utimensat),
	CALL(utimes),
	/* A thread for each name that is resolved; no process. */
	CALL_IF_MASKED(clone, 0, CLONE_THREAD, CLONE_THREAD),
	{.call = END},
};

static const struct rule *const for_fetch[] = {computing, reading_files, mapping_code,
					       talking,   fetching,      NULL};
static const struct rule *const for_main[] = {computing, reading_files, ending_probes, attending,
					      NULL};
static const struct rule *const for_http[] = {computing, talking, serving, NULL};
static const struct rule *const for_collect[] = {
	computing, reading_files, mapping_code, ending_probes, collecting, handing_files, NULL};
static const struct rule *const for_names[] = {computing, reading_files, handing_files, NULL};
static const struct rule *const for_watch[] = {computing, NULL};
static const struct rule *const for_links[] = {computing, keeping_links, NULL};

static const struct rule *const *const of_roles[SANDBOX_ROLES] = {
	[SANDBOX_FETCH] = for_fetch,     [SANDBOX_MAIN] = for_main,   [SANDBOX_HTTP] = for_http,
	[SANDBOX_COLLECT] = for_collect, [SANDBOX_NAMES] = for_names, [SANDBOX_WATCH] = for_watch,
	[SANDBOX_LINKS] = for_links,
};

static int allow_list(scmp_filter_ctx filter, const struct rule *rules)
{
	int err = 0;

	for (; rules->call != END && !err; rules++)
		err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules->call, rules->conditions,
					     &rules->condition);
	return err;
}

static int allow_lists(scmp_filter_ctx filter, const struct rule *const *lists)
{
	int err = 0;

	while (*lists && !err)
		err = allow_list(filter, *lists++);
	return err;
}

/* abort() ends exoprof so, and top stops itself. */
static int allow_own_signals(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp own = SCMP_A0(SCMP_CMP_EQ, getpid());
	int err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &own);

	return err ?: seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, &own);
}

int calls__allow(scmp_filter_ctx filter, enum sandbox_role role, enum sandbox_extra extra)
{
	/* Its flags are where no filter sees them; glibc goes back to clone(2). */
	int err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	if (!err)
		err = allow_own_signals(filter);
	if (!err)
		err = allow_lists(filter, of_roles[role]);
	if (!err && extra & SANDBOX_CHILD)
		err = allow_list(filter, raising);
	if (!err && extra & SANDBOX_STOPPING)
		err = allow_list(filter, stopping);
	return err;
}
