// SPDX-License-Identifier: Apache-2.0
#include "privilege/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/say.h"
#include "privilege/calls.h"
#include "privilege/capabilities.h"

/* A leak checker stops all threads by ptrace(2), out of a process that it clones, and sanitizers
 * read files when they report. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#define IS_SANITIZED (__has_feature(address_sanitizer) || __has_feature(memory_sanitizer))
#else
#define IS_SANITIZED false
#endif

#define CAPABILITY(name) (1ULL << CAP_##name)

/* docs/reference.md, "Rights", says what each is for. */
#define COLLECT                                                           \
	(CAPABILITY(BPF) | CAPABILITY(PERFMON) | CAPABILITY(SYS_PTRACE) | \
	 CAPABILITY(DAC_READ_SEARCH) | CAPABILITY(CHECKPOINT_RESTORE))
#define NAMES (CAPABILITY(DAC_READ_SEARCH) | CAPABILITY(SYSLOG))

static const struct {
	const char *name; /* of the thread: 15 bytes */
	uint64_t capabilities;
} roles[SANDBOX_ROLES] = {
	[SANDBOX_FETCH] = {"exoprof-fetch",   0      },
	[SANDBOX_MAIN] = {"exoprof",         0      },
	[SANDBOX_HTTP] = {"exoprof-http",    0      },
	[SANDBOX_COLLECT] = {"exoprof-collect", COLLECT},
	[SANDBOX_NAMES] = {"exoprof-names",   NAMES  },
	[SANDBOX_WATCH] = {"exoprof-watch",   0      },
	[SANDBOX_LINKS] = {"exoprof-links",   0      },
};

static uint64_t capabilities_beyond(enum sandbox_extra extra)
{
	uint64_t mask = 0;

	/* The command may have become another user's, whom signals are passed to all the same. */
	if (extra & SANDBOX_CHILD)
		mask |= CAPABILITY(KILL);
	if (extra & SANDBOX_PERF_EVENTS)
		mask |= CAPABILITY(SYS_ADMIN);
	/* What is stopped is not to wait for exoprof's turn. */
	if (extra & SANDBOX_STOPPING)
		mask |= CAPABILITY(SYS_NICE);
	return mask;
}

/* What older container runtimes give for those that they do not know by name, or always give. */
static const struct {
	unsigned int wanted, other;
} stand_ins[] = {
	{CAP_BPF,                CAP_SYS_ADMIN   },
	{CAP_PERFMON,            CAP_SYS_ADMIN   },
	{CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN   },
	{CAP_DAC_READ_SEARCH,    CAP_DAC_OVERRIDE},
};

/* For a signal handler: the only thing that more than one thread changes without a lock. */
static _Atomic uint64_t refused[SANDBOX_ROLES], unfiltered;

/* In the program's own thread-local storage, where a signal handler may look. */
static __thread enum sandbox_role own_role;

static char *put_text(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	return at;
}

static char *put_number(char *at, unsigned int number)
{
	char digits[16];
	int count = 0;

	do
		digits[count++] = '0' + number % 10;
	while (number /= 10);
	while (count)
		*at++ = digits[--count];
	return at;
}

/* In a signal handler there is no say(). */
static void tell(int call)
{
	char line[256], *at = line;

	at = put_text(at, "exoprof: refused ");
	at = put_text(at, roles[own_role].name);
	at = put_text(at, " system call ");
	at = put_number(at, call);
	at = put_text(at, ", which it has no business with (please report it; EXOPROF_SANDBOX=off "
			  "in the environment allows it)\n");
	if (write(STDERR_FILENO, line, at - line) < 0)
		return;
}

/* glibc's free(3) looks once, where much memory becomes free, whether it may give it back. Where it
 * cannot know it does so by madvise(2). */
static bool is_of_free(int call, const greg_t *registers)
{
	return call == SYS_openat && registers[REG_RSI] &&
	       !strcmp((const char *)registers[REG_RSI], "/proc/sys/vm/overcommit_memory");
}

/* The call has not been made, and ends as if the kernel had refused it. */
static void on_refusal(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	int saved = errno;

	(void)number;
	if (!is_of_free(info->si_syscall, registers) && !atomic_fetch_add(&refused[own_role], 1))
		tell(info->si_syscall);
	registers[REG_RAX] = -EPERM;
	errno = saved;
}

/* libseccomp 2.5.4 takes it for granted that it gets the memory for the program that it makes of a
 * filter, some 100 KiB. The rest is for what other threads may take at the same time: a stack each.
 */
#define ROOM_BYTES (16 << 20)

static bool has_room(void)
{
	/* Else a compiler may leave both calls out. */
	void *volatile room = malloc(ROOM_BYTES);
	bool is_there = room;

	free(room);
	return is_there;
}

static int load(enum sandbox_role role, enum sandbox_extra extra)
{
	/* Not by an error number: then nobody would learn what else a thread needs. */
	scmp_filter_ctx filter = has_room() ? seccomp_init(SCMP_ACT_TRAP) : NULL;
	int err;

	if (!filter)
		return -ENOMEM;
	/* As a binary tree: some dozen calls are looked up at each. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	err = calls__allow(filter, role, extra);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

int sandbox__filter(enum sandbox_role role, enum sandbox_extra extra)
{
	struct sigaction action = {.sa_sigaction = on_refusal, .sa_flags = SA_SIGINFO | SA_RESTART};
	sigset_t signals;

	own_role = role;
	sigemptyset(&signals);
	sigaddset(&signals, SIGSYS);
	if (sigaction(SIGSYS, &action, NULL) || pthread_sigmask(SIG_UNBLOCK, &signals, NULL) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return load(role, extra);
}

static uint64_t capabilities_for(enum sandbox_role role, enum sandbox_extra extra)
{
	uint64_t wanted = roles[role].capabilities | capabilities_beyond(extra), mask = wanted;

	for (size_t i = 0; i < sizeof(stand_ins) / sizeof(*stand_ins); i++) {
		if (wanted >> stand_ins[i].wanted & 1 && !capabilities__has(stand_ins[i].wanted))
			mask |= 1ULL << stand_ins[i].other;
	}
	return mask;
}

static bool is_off(void)
{
	const char *wanted = getenv("EXOPROF_SANDBOX");

	return wanted && !strcmp(wanted, "off");
}

void sandbox__enter(enum sandbox_role role, enum sandbox_extra extra)
{
	int err;

	if (gettid() != getpid())
		pthread_setname_np(pthread_self(), roles[role].name);
	if (is_off()) {
		atomic_fetch_add(&unfiltered, 1);
		return;
	}
	setrlimit(RLIMIT_CORE, &(struct rlimit){});
	err = capabilities__keep(capabilities_for(role, extra));
	if (err)
		say("%s keeps all its capabilities: %s", roles[role].name, strerror(-err));
	err = IS_SANITIZED ? -ENOTSUP : sandbox__filter(role, extra);
	if (!err)
		return;
	atomic_fetch_add(&unfiltered, 1);
	if (!IS_SANITIZED)
		say("%s may make any system call: %s", roles[role].name, strerror(-err));
}

void sandbox__hide_memory(void)
{
	if (is_off())
		say("EXOPROF_SANDBOX is off: exoprof keeps all rights that it has");
	else
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int sandbox__support(void)
{
	uint32_t action = SECCOMP_RET_TRAP;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) ? -errno : 0;
}

const char *sandbox__name(enum sandbox_role role)
{
	return roles[role].name;
}

void sandbox__figures(struct sandbox_figures *figures)
{
	figures->is_off = is_off();
	figures->unfiltered = atomic_load(&unfiltered);
	for (int i = 0; i < SANDBOX_ROLES; i++)
		figures->refused[i] = atomic_load(&refused[i]);
}
