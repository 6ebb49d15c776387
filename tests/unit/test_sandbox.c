// SPDX-License-Identifier: Apache-2.0
/* What a thread cannot do any more once it has begun its work, and what it still can. Each time in
 * a process of its own, since there is no way back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privilege/capabilities.h"
#include "privilege/sandbox.h"

struct call {
	const char *what;
	long number, arguments[4];
};

#define WRITE_AND_EXECUTE (PROT_READ | PROT_WRITE | PROT_EXEC)

/* Beyond their first arguments all of them would fail anyway. */
static const struct call nobodys[] = {
	{"execve",            SYS_execve, {}},
	{"execveat",                 SYS_execveat, {-1}},
	{"fork",          SYS_fork, {}},
	{"vfork",               SYS_vfork, {}},
	{"clone a process",              SYS_clone, {SIGCHLD}},
	{"ptrace",                 SYS_ptrace, {-1}},
	{"process_vm_writev",             SYS_process_vm_writev, {-1}},
	{"pidfd_getfd",                 SYS_pidfd_getfd, {-1, -1}},
	{"pidfd_getfd",   SYS_pidfd_getfd, {-1}},
	{"mount",          SYS_mount, {}},
	{"umount2",            SYS_umount2, {}},
	{"fsopen",               SYS_fsopen, {}},
	{"open_tree", SYS_open_tree, {-1}},
	{"pivot_root",               SYS_pivot_root, {}},
	{"chroot",       SYS_chroot, {}},
	{"setns",           SYS_setns, {-1}},
	{"unshare",       SYS_unshare, {}},
	{"init_module",               SYS_init_module, {}},
	{"finit_module",             SYS_finit_module, {-1}},
	{"delete_module",                 SYS_delete_module, {}},
	{"kexec_load",           SYS_kexec_load, {-1, -1}},
	{"kexec_file_load",                 SYS_kexec_file_load, {-1, -1}},
	{"reboot",            SYS_reboot, {}},
	{"setuid",                 SYS_setuid, {-1}},
	{"setgid",         SYS_setgid, {-1}},
	{"setresuid",               SYS_setresuid, {-1, -1, -1}},
	{"setgroups",        SYS_setgroups, {-1}},
	{"setfsuid",                 SYS_setfsuid, {-1}},
	{"capset",            SYS_capset, {}},
	{"chown",                 SYS_chown, {}},
	{"mknod",             SYS_mknod, {}},
	{"keyctl",               SYS_keyctl, {-1}},
	{"io_uring_setup",           SYS_io_uring_setup, {}},
	{"userfaultfd",                 SYS_userfaultfd, {-1}},
	{"BPF_PROG_LOAD",       SYS_bpf, {BPF_PROG_LOAD}},
	{"code that is written",
	 SYS_mmap, {0, 4096, WRITE_AND_EXECUTE, MAP_PRIVATE | MAP_ANONYMOUS}},
	{"set a limit",      SYS_prlimit64, {0, 0, 1}},
	{"type for the owner",               SYS_ioctl, {-1, 0x5412 /* TIOCSTI */}},
	{		},
};

static const struct call network[] = {
	{"socket",                SYS_socket, {AF_INET, SOCK_STREAM}},
	{"connect", SYS_connect, {-1}},
	{"bind",               SYS_bind, {-1}},
	{		 },
};

static const struct call threads[] = {
	{"start a thread",			   SYS_clone, {CLONE_THREAD | CLONE_SIGHAND | CLONE_VM}},
	{					 },
};

static const struct call others_memory[] = {
	{"process_vm_readv",     SYS_process_vm_readv, {-1}},
	{"perf_event_open",                  SYS_perf_event_open, {0, -1, -1, -1}},
	{"bpf",      SYS_bpf, {BPF_MAP_LOOKUP_ELEM}},
	{"pidfd_open",       SYS_pidfd_open, {-1}},
	{},
};

static const struct call writing[] = {
	{"open for writing",                 SYS_openat, {AT_FDCWD, 0, O_WRONLY}},
	{"open for both",           SYS_openat, {AT_FDCWD, 0, O_RDWR}},
	{"create",		    SYS_openat, {AT_FDCWD, 0, O_RDONLY | O_CREAT}},
	{"truncate",             SYS_openat, {AT_FDCWD, 0, O_RDONLY | O_TRUNC}},
	{"open, the old way",                           SYS_open, {0, O_WRONLY}},
	{"creat", SYS_creat, {}},
	{"rename",			 SYS_rename, {}},
	{"chmod", SYS_chmod, {}},
	{		    },
};

static const struct call removing[] = {
	{"unlink",   SYS_unlink, {}},
	{"unlinkat",        SYS_unlinkat, {-1}},
	{     },
};

static const struct call reading[] = {
	{"open",		   SYS_open, {0, O_RDONLY}},
	{"openat",           SYS_openat, {AT_FDCWD, 0, O_RDONLY}},
	{"openat2",                 SYS_openat2, {AT_FDCWD}},
	{"stat", SYS_stat, {}},
	{"stat by name",                SYS_newfstatat, {AT_FDCWD}},
	{"readlink",              SYS_readlink, {}},
	{		     },
};

static const struct call signalling[] = {
	{"tgkill",			   SYS_tgkill, {0x7fffffff, 0x7fffffff, SIGTERM}},
	{"kill", SYS_kill, {0x7fffffff, SIGTERM}},
	{	    },
};

typedef int work(enum sandbox_role role, const void *context);

/* Runs it in a child that is in the sandbox; it says by its status what went wrong: 0 for nothing.
 */
static int in_sandbox_telling(int error_fd, enum sandbox_role role, enum sandbox_extra extra,
			      work *work, const void *context)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		dup2(error_fd, STDERR_FILENO);
		if (sandbox__filter(role, extra))
			_exit(99);
		_exit(work(role, context));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 99);
	return WEXITSTATUS(status);
}

static int in_sandbox(enum sandbox_role role, enum sandbox_extra extra, work *work,
		      const void *context)
{
	int null = open("/dev/null", O_WRONLY);
	int failed = in_sandbox_telling(null, role, extra, work, context);

	close(null);
	return failed;
}

static uint64_t refusals(enum sandbox_role role)
{
	struct sandbox_figures figures;

	sandbox__figures(&figures);
	return figures.refused[role];
}

/* The number, from 1, of the first call that was not refused. */
static int try_all(enum sandbox_role role, const void *context)
{
	const struct call *calls = context;

	for (int i = 0; calls[i].what; i++) {
		const long *with = calls[i].arguments;
		uint64_t before = refusals(role);

		if (syscall(calls[i].number, with[0], with[1], with[2], with[3]) != -1 ||
		    errno != EPERM || refusals(role) != before + 1)
			return i + 1;
	}
	return 0;
}

static void assert_refused(enum sandbox_role role, enum sandbox_extra extra,
			   const struct call *calls)
{
	int failed = in_sandbox(role, extra, try_all, calls);

	if (failed)
		fail_msg("%s can: %s", sandbox__name(role), calls[failed - 1].what);
}

static void no_thread_can_do_what_none_does(void **state)
{
	(void)state;
	for (int role = 0; role < SANDBOX_ROLES; role++)
		assert_refused(role, SANDBOX_NO_EXTRA, nobodys);
	assert_refused(SANDBOX_MAIN, SANDBOX_CHILD, nobodys);
	assert_refused(SANDBOX_COLLECT, SANDBOX_PERF_EVENTS, nobodys);
}

static void only_who_fetches_opens_connections(void **state)
{
	(void)state;
	assert_refused(SANDBOX_MAIN, SANDBOX_NO_EXTRA, network);
	assert_refused(SANDBOX_HTTP, SANDBOX_NO_EXTRA, network);
	assert_refused(SANDBOX_COLLECT, SANDBOX_NO_EXTRA, network);
	assert_refused(SANDBOX_NAMES, SANDBOX_NO_EXTRA, network);
}

static void only_who_collects_sees_other_processes(void **state)
{
	(void)state;
	assert_refused(SANDBOX_MAIN, SANDBOX_NO_EXTRA, others_memory);
	assert_refused(SANDBOX_HTTP, SANDBOX_NO_EXTRA, others_memory);
	assert_refused(SANDBOX_NAMES, SANDBOX_NO_EXTRA, others_memory);
	assert_refused(SANDBOX_FETCH, SANDBOX_NO_EXTRA, others_memory);
}

static int stop_others(enum sandbox_role role, const void *context)
{
	char byte;
	struct iovec here = {&byte, sizeof(byte)}, there = {&byte, sizeof(byte)};

	(void)context;
	return ptrace(PTRACE_SEIZE, -1, 0, 0) != -1 || errno != ESRCH ||
	       process_vm_writev(0x7fffffff, &here, 1, &there, 1, 0) != -1 || errno != ESRCH ||
	       refusals(role);
}

static void who_collects_may_be_let_stop_others(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(SANDBOX_COLLECT, SANDBOX_STOPPING, stop_others, NULL), 0);
	assert_int_equal(in_sandbox(SANDBOX_COLLECT, SANDBOX_STOPPING | SANDBOX_PERF_EVENTS,
				    stop_others, NULL),
			 0);
}

static void only_who_fetches_writes_files(void **state)
{
	(void)state;
	assert_refused(SANDBOX_MAIN, SANDBOX_NO_EXTRA, writing);
	assert_refused(SANDBOX_HTTP, SANDBOX_NO_EXTRA, writing);
	assert_refused(SANDBOX_COLLECT, SANDBOX_NO_EXTRA, writing);
	assert_refused(SANDBOX_NAMES, SANDBOX_NO_EXTRA, writing);
	assert_refused(SANDBOX_HTTP, SANDBOX_NO_EXTRA, removing);
	assert_refused(SANDBOX_COLLECT, SANDBOX_NO_EXTRA, removing);
	assert_refused(SANDBOX_NAMES, SANDBOX_NO_EXTRA, removing);
}

static void who_serves_opens_no_files(void **state)
{
	(void)state;
	assert_refused(SANDBOX_HTTP, SANDBOX_NO_EXTRA, reading);
}

static void only_who_has_a_child_sends_signals(void **state)
{
	(void)state;
	for (int role = 0; role < SANDBOX_ROLES; role++)
		assert_refused(role, SANDBOX_NO_EXTRA, signalling);
}

static void *run_nothing(void *context)
{
	return context;
}

/* What glibc does by itself: blocks that are mapped, grown and given back, locks, random bytes. */
static int compute(enum sandbox_role role, const void *context)
{
	char *block = malloc(300000), *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	char random[16];

	(void)context;
	if (!block || !out)
		return 1;
	block = realloc(block, 3000000);
	for (int i = 0; i < 100000; i++)
		fprintf(out, "%d\n", i);
	fclose(out);
	free(text);
	free(block);
	usleep(1);
	return getentropy(random, sizeof(random)) || refusals(role) ? 2 : 0;
}

static void every_thread_can_compute(void **state)
{
	(void)state;
	for (int role = 0; role < SANDBOX_ROLES; role++)
		assert_int_equal(in_sandbox(role, SANDBOX_NO_EXTRA, compute, NULL), 0);
}

static int read_a_file(enum sandbox_role role, const void *context)
{
	FILE *in = fopen("/proc/self/status", "re");
	char line[64];

	(void)context;
	return !in || !fgets(line, sizeof(line), in) || fclose(in) || refusals(role);
}

static void who_collects_or_names_reads_files(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(SANDBOX_COLLECT, SANDBOX_NO_EXTRA, read_a_file, NULL), 0);
	assert_int_equal(in_sandbox(SANDBOX_NAMES, SANDBOX_NO_EXTRA, read_a_file, NULL), 0);
}

/* The C library asks for one by clone3 first, whose flags no filter sees. */
static int start_thread(enum sandbox_role role, const void *context)
{
	pthread_t thread;

	(void)context;
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		return 1;
	if (pthread_create(&thread, NULL, run_nothing, NULL))
		return 2;
	return pthread_join(thread, NULL) || refusals(role) ? 3 : 0;
}

static void only_who_fetches_or_collects_starts_threads(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(SANDBOX_COLLECT, SANDBOX_NO_EXTRA, start_thread, NULL), 0);
	assert_int_equal(in_sandbox(SANDBOX_FETCH, SANDBOX_NO_EXTRA, start_thread, NULL), 0);
	assert_refused(SANDBOX_MAIN, SANDBOX_NO_EXTRA, threads);
	assert_refused(SANDBOX_HTTP, SANDBOX_NO_EXTRA, threads);
	assert_refused(SANDBOX_NAMES, SANDBOX_NO_EXTRA, threads);
}

static int fetch(enum sandbox_role role, const void *context)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), file = open(context, O_RDWR | O_CREAT, 0600);

	return fd < 0 || file < 0 || unlink(context) || refusals(role);
}

static void who_fetches_has_connections_and_files(void **state)
{
	char path[] = "/tmp/exoprof-test-XXXXXX";

	(void)state;
	close(mkstemp(path));
	assert_int_equal(in_sandbox(SANDBOX_FETCH, SANDBOX_NO_EXTRA, fetch, path), 0);
}

static int look_after_child(enum sandbox_role role, const void *context)
{
	(void)context;
	return !kill(0x7fffffff, SIGTERM) || errno != ESRCH || waitpid(-1, NULL, 0) != -1 ||
	       errno != ECHILD || refusals(role);
}

static void main_looks_after_a_child(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(SANDBOX_MAIN, SANDBOX_CHILD, look_after_child, NULL), 0);
}

/* Each time it is counted, but told of once. */
static int repeat(enum sandbox_role role, const void *context)
{
	(void)context;
	syscall(SYS_execve, NULL, NULL, NULL);
	syscall(SYS_execve, NULL, NULL, NULL);
	return refusals(role) != 2;
}

static void what_is_refused_is_told_of_once(void **state)
{
	char text[1024];
	ssize_t length;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(in_sandbox_telling(fds[1], SANDBOX_HTTP, SANDBOX_NO_EXTRA, repeat, NULL),
			 0);
	close(fds[1]);
	length = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	assert_true(length > 0);
	text[length] = '\0';
	assert_non_null(strstr(text, "exoprof: refused exoprof-http system call 59, "));
	assert_ptr_equal(strchr(text, '\n'), text + length - 1);
}

static uint64_t set_of(const char *name)
{
	FILE *in = fopen("/proc/self/status", "re");
	unsigned long long set = ~0ULL;
	char line[256];

	while (in && fgets(line, sizeof(line), in)) {
		if (!strncmp(line, name, strlen(name)))
			sscanf(line + strlen(name), ": %llx", &set);
	}
	if (in)
		fclose(in);
	return set;
}

/* As root there is something to give up; else there is nothing, before and after. */
static void other_capabilities_are_given_up(void **state)
{
	uint64_t had = set_of("CapPrm"), bounds = set_of("CapBnd");
	uint64_t kept = 1ULL << CAP_KILL | 1ULL << CAP_SYSLOG;
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		if (capabilities__keep(kept))
			_exit(1);
		if (set_of("CapPrm") != (had & kept) || set_of("CapEff") != (had & kept) ||
		    set_of("CapInh") || set_of("CapAmb"))
			_exit(2);
		if (set_of("CapBnd") != (had >> CAP_SETPCAP & 1 ? 0 : bounds))
			_exit(3);
		_exit(capabilities__has(CAP_CHOWN) ? 4 : 0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_thread_can_do_what_none_does),
		cmocka_unit_test(only_who_fetches_opens_connections),
		cmocka_unit_test(only_who_collects_sees_other_processes),
		cmocka_unit_test(who_collects_may_be_let_stop_others),
		cmocka_unit_test(only_who_fetches_writes_files),
		cmocka_unit_test(who_serves_opens_no_files),
		cmocka_unit_test(only_who_has_a_child_sends_signals),
		cmocka_unit_test(every_thread_can_compute),
		cmocka_unit_test(who_collects_or_names_reads_files),
		cmocka_unit_test(only_who_fetches_or_collects_starts_threads),
		cmocka_unit_test(who_fetches_has_connections_and_files),
		cmocka_unit_test(main_looks_after_a_child),
		cmocka_unit_test(what_is_refused_is_told_of_once),
		cmocka_unit_test(other_capabilities_are_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
