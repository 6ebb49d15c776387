// SPDX-License-Identifier: Apache-2.0
/* Why a thread waits, in a word. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "profile/wait_reason.h"

/* include/linux/sched.h */
#define SLEEPS      0x1
#define DISK_SLEEPS 0x2
#define STOPPED     0x4
#define TRACED      0x8
#define DEAD        0x10
#define ZOMBIE      0x20
#define PARKED      0x40
#define IDLE        0x402
#define NO_CALL     (-1)

static const char *reason(int call, uint16_t state)
{
	return wait_reason__of_call(&(struct wire_wait){.syscall = call, .state = state});
}

static const char *futex_reason(int command, uint8_t value, bool has_timeout)
{
	return wait_reason__of_call(&(struct wire_wait){
		.syscall = SYS_futex,
		.state = SLEEPS,
		.futex = command + 1,
		.futex_value = value,
		.futex_has_timeout = has_timeout,
	});
}

static void a_wait_is_called_after_what_the_system_call_waits_for(void **state)
{
	static const struct {
		int call;
		const char *reason;
	} cases[] = {
		{SYS_clock_nanosleep, "sleep"    },
                {SYS_ppoll,           "poll"     },
		{SYS_epoll_wait,      "poll"     },
                {SYS_read,            "io"       },
		{SYS_io_uring_enter,  "io"       },
                {SYS_flock,           "file lock"},
		{SYS_semtimedop,      "semaphore"},
                {SYS_mq_timedreceive, "queue"    },
		{SYS_wait4,           "child"    },
                {SYS_pause,           "signal"   },
		{SYS_mmap,            "memory"   },
                {SYS_futex,           "futex"    },
		{SYS_getpid,          "other"    },
                {0x7ffe,              "other"    },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(reason(cases[i].call, SLEEPS), cases[i].reason);
}

static void who_waits_outside_of_a_call_waits_for_memory(void **state)
{
	(void)state;
	assert_string_equal(reason(NO_CALL, DISK_SLEEPS), "page fault");
}

/* Whatever call it is in: it does not wait for it. */
static void who_could_run_was_preempted(void **state)
{
	(void)state;
	assert_string_equal(reason(NO_CALL, 0), "preempted");
	assert_string_equal(reason(SYS_read, 0), "preempted");
	assert_string_equal(reason(SYS_futex, 0), "preempted");
	assert_string_equal(reason(SYS_sched_yield, 0), "yield");
}

static void who_is_stopped_does_not_wait_for_the_call(void **state)
{
	(void)state;
	assert_string_equal(reason(SYS_read, STOPPED), "stopped");
	assert_string_equal(reason(NO_CALL, TRACED), "stopped");
}

static void who_has_ended_waits_for_nothing(void **state)
{
	(void)state;
	assert_string_equal(reason(SYS_read, ZOMBIE), "ended");
	assert_string_equal(reason(NO_CALL, DEAD), "ended");
}

static void a_futex_that_is_a_lock_is_known_by_command_or_value(void **state)
{
	(void)state;
	assert_string_equal(futex_reason(FUTEX_LOCK_PI, 0, false), "lock");
	assert_string_equal(futex_reason(FUTEX_LOCK_PI, 7, true), "lock");
	assert_string_equal(futex_reason(FUTEX_LOCK_PI2, 0, false), "lock");
	assert_string_equal(futex_reason(FUTEX_WAIT, 2, false), "lock");
	assert_string_equal(futex_reason(FUTEX_WAIT, 2, true), "futex");
	assert_string_equal(futex_reason(FUTEX_WAIT, 1, false), "futex");
	assert_string_equal(futex_reason(FUTEX_WAIT, 0, false), "futex");
	assert_string_equal(futex_reason(FUTEX_WAIT_BITSET, 2, false), "futex");
	assert_string_equal(futex_reason(FUTEX_WAKE, 2, false), "futex");
}

static void functions_that_wait_on_a_futex_are_known_by_name(void **state)
{
	static const char *const cases[][2] = {
		{"pthread_mutex_lock",                                     "lock"     },
		{"___pthread_mutex_lock",                                  "lock"     },
		{"__lll_lock_wait",					"lock"     },
		{"pthread_rwlock_rdlock",                                  "lock"     },
		{"__pthread_rwlock_wrlock_full64",                         "lock"     },
		{"std::sys::sync::mutex::futex::Mutex::lock_contended",    "lock"     },
		{"parking_lot::raw_mutex::RawMutex::lock_slow",            "lock"     },
		{"absl::Mutex::LockSlow",                                  "lock"     },
		{"pthread_cond_wait",				      "condition"},
		{"___pthread_cond_timedwait64",                            "condition"},
		{"std::condition_variable::wait",                          "condition"},
		{"std::sync::poison::condvar::Condvar::wait",              "condition"},
		{"sem_wait",					       "semaphore"},
		{"__new_sem_wait_slow64",                                  "semaphore"},
		{"__pthread_clockjoin_ex",                                 "join"     },
		{"pthread_barrier_wait",                                   "barrier"  },
		{"std::__atomic_futex_unsigned_base::_M_futex_wait_until", "future"   },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(wait_reason__of_function(cases[i][0]), cases[i][1]);
}

static void other_functions_say_nothing(void **state)
{
	static const char *const cases[] = {"",     "futex_wait",   "__futex_abstimed_wait_common",
					    "main", "block_reader", "clock_nanosleep"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_null(wait_reason__of_function(cases[i]));
}

static void states_are_called_as_proc_calls_them(void **state)
{
	static const struct {
		uint16_t state;
		const char *name;
	} cases[] = {
		{0,                   "runnable"  },
		{SLEEPS,              "sleeping"  },
		{DISK_SLEEPS,         "disk sleep"},
		{STOPPED,             "stopped"   },
		{TRACED,              "traced"    },
		{DEAD,                "dead"      },
		{ZOMBIE,              "zombie"    },
		{PARKED,              "parked"    },
		{IDLE,                "idle"      },
		{DISK_SLEEPS | 0x100, "disk sleep"}, /* TASK_WAKEKILL */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(
			wait_reason__state(&(struct wire_wait){.state = cases[i].state}, false),
			cases[i].name);
	assert_string_equal(wait_reason__state(&(struct wire_wait){.state = SLEEPS}, true),
			    "running");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_is_called_after_what_the_system_call_waits_for),
		cmocka_unit_test(who_waits_outside_of_a_call_waits_for_memory),
		cmocka_unit_test(who_could_run_was_preempted),
		cmocka_unit_test(who_is_stopped_does_not_wait_for_the_call),
		cmocka_unit_test(who_has_ended_waits_for_nothing),
		cmocka_unit_test(a_futex_that_is_a_lock_is_known_by_command_or_value),
		cmocka_unit_test(functions_that_wait_on_a_futex_are_known_by_name),
		cmocka_unit_test(other_functions_say_nothing),
		cmocka_unit_test(states_are_called_as_proc_calls_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
