/* SPDX-License-Identifier: Apache-2.0 */
/* Work in a signal handler. The signal comes from a timer, so that it finds the program at any
 * instruction of a recursion, prologues among them. */
#include <sys/time.h>

#include "chain.h"

#define DEPTH           12
/* About half a millisecond, while the timer ticks every millisecond. */
#define WORK            1000000

#define ALT_STACK_BYTES (256 * 1024)

static char path[64 * DEPTH];

APART static void handler_work(void)
{
	spin(WORK);
}

APART static void on_signal(int signal)
{
	char local[500];

	__asm__ volatile("" : : "r"(local), "r"(signal) : "memory");
	handler_work();
	__asm__ volatile("" : : "r"(local) : "memory");
}

APART static void odd(int depth);

APART static void even(int depth)
{
	if (depth)
		odd(depth - 1);
	else
		leaf();
	STAY();
}

APART static void odd(int depth)
{
	WRITE_SAVED_REGISTERS();
	even(depth - 1);
	WRITE_SAVED_REGISTERS();
}

static void catch_signals(bool on_other_stack)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	stack_t stack = {.ss_size = ALT_STACK_BYTES};

	if (on_other_stack) {
		stack.ss_sp = malloc(stack.ss_size);
		sigaltstack(&stack, NULL);
		action.sa_flags |= SA_ONSTACK;
	}
	sigaction(SIGALRM, &action, NULL);
}

/* signals same|other: which stack the handler runs on. */
int main(int argc, char **argv)
{
	struct itimerval timer = {
		{0, 1000},
                {0, 1000}
        };

	is_still = false;
	for (int i = 0; i < DEPTH; i += 2)
		strcat(path, "even;odd;");
	/* Between the handler and what it interrupts is libc's __restore_rt, whose symbol has no
	 * size. It is also what runs last. */
	printf("chain: " START "/;%seven;leaf\n", path);
	printf("chain: " START "/;%seven;leaf;!;?@libc.so.6;on_signal;/;handler_work\n", path);
	printf("chain: " START "/;%seven;leaf;!;?@libc.so.6\n", path);
	say_ready();
	catch_signals(argc > 1 && !strcmp(argv[1], "other"));
	setitimer(ITIMER_REAL, &timer, NULL);
	for (;;)
		even(DEPTH);
}
