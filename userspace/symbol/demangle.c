// SPDX-License-Identifier: Apache-2.0
/* The symbols are the target's, and hostile ones are known to keep libiberty busy for ever: its
 * output may be exponential in its input, its search for a parameter pack
 * (libiberty/cp-demangle.c, d_find_pack) and Rust's binders of 2^64 lifetimes
 * (libiberty/rust-demangle.c, demangle_binder) take their time without any output. So it is left by
 * a jump, when the output is too long, and when a timer of the thread's own CPU time says so. */
#include "symbol/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* libiberty itself takes no C++ symbol beyond 1024 bytes (DEMANGLE_RECURSION_LIMIT), which bounds
 * the stack it needs to 1.5 MB; Rust's and D's need less of it. */
#define MANGLED_MAX      4096
#define DEMANGLED_MAX    16384

/* D's demangler has no callback that could be left. What is referred back to is written out, so
 * each reference at most doubles the output. */
#define D_REFERENCES_MAX 12

/* A symbol takes some microseconds. */
#define LIMIT_NS         5000000
#define AGAIN_NS         20000

struct attempt {
	sigjmp_buf out;
	volatile sig_atomic_t running;
	bool allocates; /* libiberty may be in malloc() */
	timer_t timer;
	int64_t end_ns; /* of the thread's CPU time */
	size_t length;
	char text[DEMANGLED_MAX];
};

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's */
extern const char __executable_start[], etext[];

static int64_t cpu_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int set_timer(timer_t timer, long ns)
{
	struct itimerspec limit = {.it_value.tv_nsec = ns, .it_interval.tv_nsec = ns};

	return timer_settime(timer, 0, &limit, NULL);
}

/* malloc() must not be left with its locks held. libiberty is linked in statically, so where it
 * allocates it is left only in our own code; a little later it is back there. What it has
 * malloc()ed is lost then: some KiB for 5 ms. */
static void on_timer(int number, siginfo_t *info, void *context)
{
	uintptr_t pc = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	struct attempt *attempt = info->si_value.sival_ptr;

	(void)number;
	if (info->si_code != SI_TIMER || !attempt->running || cpu_time_ns() < attempt->end_ns)
		return;
	if (!attempt->allocates || (pc >= (uintptr_t)__executable_start && pc < (uintptr_t)etext))
		siglongjmp(attempt->out, 1);
	set_timer(attempt->timer, AGAIN_NS);
}

/* A signal for this thread alone: no other one's work is interrupted. The timer is one of real
 * time, since the kernel looks at those of CPU time only at its ticks. */
static bool start_timer(struct attempt *attempt)
{
	struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN + 7,
		.sigev_value.sival_ptr = attempt,
	};
	sigset_t signals;

	event._sigev_un._tid = syscall(SYS_gettid);
	sigemptyset(&signals);
	sigaddset(&signals, event.sigev_signo);
	attempt->end_ns = cpu_time_ns() + LIMIT_NS;
	if (sigaction(event.sigev_signo, &action, NULL) ||
	    pthread_sigmask(SIG_UNBLOCK, &signals, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &attempt->timer))
		return false;
	if (!set_timer(attempt->timer, LIMIT_NS))
		return true;
	timer_delete(attempt->timer);
	return false;
}

static void add_text(const char *text, size_t length, void *context)
{
	struct attempt *attempt = context;

	/* Then there may be no text either. */
	if (!length)
		return;
	if (length >= sizeof(attempt->text) - attempt->length)
		siglongjmp(attempt->out, 1);
	memcpy(attempt->text + attempt->length, text, length);
	attempt->length += length;
}

static bool is_few_references(const char *mangled)
{
	size_t count = 0;

	for (; *mangled; mangled++)
		count += *mangled == 'Q';
	return count <= D_REFERENCES_MAX;
}

static bool demangle_d(const char *mangled, struct attempt *attempt)
{
	char *name = is_few_references(mangled) ? dlang_demangle(mangled, DMGL_NO_OPTS) : NULL;
	size_t length = name ? strlen(name) : 0;
	bool fits = length && length < sizeof(attempt->text);

	if (fits) {
		memcpy(attempt->text, name, length);
		attempt->length = length;
	}
	free(name);
	return fits;
}

/* For names of D's, and for identifiers of Rust's in punycode ("u7caf_dma"). */
static bool may_allocate(const char *mangled)
{
	if (mangled[1] == 'Z')
		return false;
	for (const char *at = mangled; mangled[1] == 'R' && (at = strchr(at, 'u')); at++) {
		if (at[1] >= '0' && at[1] <= '9')
			return true;
	}
	return mangled[1] == 'D';
}

/* Rust first: its older scheme is C++'s, with a hash for the last name. */
static bool demangle(const char *mangled, struct attempt *attempt)
{
	if (mangled[1] == 'D')
		return demangle_d(mangled, attempt);
	if (rust_demangle_callback(mangled, DMGL_NO_OPTS, add_text, attempt))
		return true;
	attempt->length = 0;
	return mangled[1] == 'Z' &&
	       cplus_demangle_v3_callback(mangled, DMGL_NO_OPTS, add_text, attempt);
}

static bool try(const char *mangled, struct attempt *attempt)
{
	volatile bool is_done = false;

	if (!start_timer(attempt))
		return false;
	/* With the signals, which the handler's jump must not leave blocked. */
	if (!sigsetjmp(attempt->out, 1)) {
		attempt->running = true;
		is_done = demangle(mangled, attempt);
	}
	attempt->running = false;
	/* A signal that is still on its way reaches this thread before the call returns. */
	timer_delete(attempt->timer);
	return is_done && attempt->length;
}

#define RUST_HASH 16

/* Behind the hash that ends a name by Rust's older scheme, "17h0123456789abcdefE"; such names have
 * dots in them ("_$LT$impl$u20$core..fmt..Debug$GT$"). NULL where there is none. */
static const char *behind_hash(const char *mangled)
{
	for (const char *at = mangled; (at = strstr(at, "17h")); at++) {
		size_t digits = strspn(at + 3, "0123456789abcdef");

		if (digits == RUST_HASH && at[3 + RUST_HASH] == 'E')
			return at + 3 + RUST_HASH + 1;
	}
	return NULL;
}

/* What is no part of the mangled name: ".cold", ".constprop.0", "@GLIBCXX_3.4", " [module]". */
static const char *find_suffix(const char *mangled)
{
	const char *suffix = strncmp(mangled, "_ZN", 3) ? NULL : behind_hash(mangled);

	return suffix ? suffix : mangled + strcspn(mangled, ".@ ");
}

/* LLVM's number for a function that another module was to see says nothing to anybody. */
static const char *skip_llvm(const char *suffix)
{
	static const char llvm[] = ".llvm.";

	if (strncmp(suffix, llvm, strlen(llvm)))
		return suffix;
	return suffix + strlen(llvm) + strspn(suffix + strlen(llvm), "0123456789ABCDEFabcdef");
}

static char *join(const char *name, size_t length, const char *suffix)
{
	size_t suffix_size = strlen(suffix) + 1;
	char *joined = malloc(length + suffix_size);

	if (!joined)
		return NULL;
	memcpy(joined, name, length);
	memcpy(joined + length, suffix, suffix_size);
	return joined;
}

bool demangle__may(const char *symbol)
{
	return symbol[0] == '_' && (symbol[1] == 'Z' || symbol[1] == 'R' || symbol[1] == 'D') &&
	       strnlen(symbol, MANGLED_MAX) < MANGLED_MAX;
}

char *demangle__name(const char *mangled)
{
	const char *suffix;
	struct attempt attempt;
	char *bare, *name = NULL;

	if (!demangle__may(mangled))
		return NULL;
	suffix = find_suffix(mangled);
	bare = strndup(mangled, suffix - mangled);
	if (!bare)
		return NULL;
	attempt.running = false;
	attempt.allocates = may_allocate(bare);
	attempt.length = 0;
	if (try(bare, &attempt))
		name = join(attempt.text, attempt.length, skip_llvm(suffix));
	free(bare);
	return name;
}
