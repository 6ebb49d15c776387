// SPDX-License-Identifier: Apache-2.0
/* The thread is sent to a few instructions, with its stack pointer moved down, below the 128 bytes
 * that leaf functions may use without moving it (System V ABI, 3.2.2), to where its registers are
 * kept. The instructions make the call, take the registers back from there, and return:
 *
 *	syscall
 *	pop rdi; pop rsi; pop rdx; pop r10; pop r8; pop r9; pop rax; pop rcx; pop r11
 *	popfq
 *	ret 128
 *
 * We stop the thread behind the first of them and give it its registers back ourselves: all of
 * them, with what the kernel wants to know to restart a call in which the thread was. The others
 * are for the case that we are gone by then.
 */
#include "inline/consent.h"
#include "inline/remote.h"

#include <errno.h>
#include <linux/rseq.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

static const unsigned char code[REMOTE_CODE_BYTES] = {
	0x0f, 0x05,                               /* syscall */
	0x5f, 0x5e, 0x5a, 0x41, 0x5a,             /* pop rdi, rsi, rdx, r10 */
	0x41, 0x58, 0x41, 0x59, 0x58, 0x59,       /* pop r8, r9, rax, rcx */
	0x41, 0x5b, 0x9d, 0xc2, 0x80, 0x00, 0xcc, /* pop r11; popfq; ret 128; int3 */
	0xcc, 0xcc, 0xcc, 0xcc,
};

#define RED_ZONE_BYTES 128
#define KEPT_WORDS     11
#define WORD           8
#define KEPT_BYTES     (KEPT_WORDS * sizeof(uint64_t))

/* Selectors of Linux: 64-bit code of a program's. */
#define CODE_64        0x33

/* What the kernel keeps from programs (include/linux/errno.h): a call that a signal, or our stop,
 * has interrupted ends with one of these, and is made again, unless a handler comes in between. */
enum { RESTARTSYS = 512, RESTARTNOINTR = 513, RESTARTNOHAND = 514, RESTART_BLOCK = 516 };

#define SYSCALL_BYTES 2

struct remote {
	struct stopped *stopped;
	size_t index; /* the thread's */
	uint64_t code_address;
	unsigned char former[REMOTE_CODE_BYTES];
	bool is_away; /* the thread makes the call still */
	bool is_over; /* it has stopped for something else, which must not be lost */
};

static const struct stopped_thread *thread_of(const struct remote *remote)
{
	return stopped__thread(remote->stopped, remote->index);
}

static uint64_t kept_at(const struct remote *remote)
{
	return thread_of(remote)->registers.rsp - RED_ZONE_BYTES - KEPT_BYTES;
}

static int poke(pid_t tid, uint64_t address, const void *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += WORD) {
		unsigned long word;

		memcpy(&word, (const char *)bytes + at, WORD);
		if (ptrace(PTRACE_POKEDATA, tid, address + at, word))
			return -errno;
	}
	return 0;
}

static int peek(pid_t tid, uint64_t address, void *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += WORD) {
		unsigned long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, tid, address + at, 0);
		if (errno)
			return -errno;
		memcpy((char *)bytes + at, &word, WORD);
	}
	return 0;
}

/* In one of those the kernel sees to it that the thread does not go on elsewhere and come back
 * (rseq(2)): then it would not begin anew on another CPU. */
static bool is_in_critical_section(const struct stopped_thread *thread)
{
	struct __ptrace_rseq_configuration where = {};
	uint64_t section = 0;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, thread->tid, sizeof(where), &where) <= 0 ||
	    !where.rseq_abi_pointer)
		return false;
	return peek(thread->tid, where.rseq_abi_pointer + offsetof(struct rseq, rseq_cs), &section,
		    sizeof(section)) ||
	       section;
}

/* What the thread goes on with if it is left to itself: as the kernel would restart its call. */
static void keep(const struct user_regs_struct *registers, uint64_t words[KEPT_WORDS])
{
	uint64_t rax = registers->rax, rip = registers->rip;

	if ((long long)registers->orig_rax >= 0) {
		switch (-(long long)rax) {
		case RESTARTSYS:
		case RESTARTNOINTR:
		case RESTARTNOHAND:
			rax = registers->orig_rax;
			rip -= SYSCALL_BYTES;
			break;
		case RESTART_BLOCK:
			rax = SYS_restart_syscall;
			rip -= SYSCALL_BYTES;
			break;
		}
	}
	words[0] = registers->rdi;
	words[1] = registers->rsi;
	words[2] = registers->rdx;
	words[3] = registers->r10;
	words[4] = registers->r8;
	words[5] = registers->r9;
	words[6] = rax;
	words[7] = registers->rcx;
	words[8] = registers->r11;
	words[9] = registers->eflags;
	words[10] = rip;
}

/* One in a system call is best: it is in no critical section. And rather not the first of all, to
 * which the kernel gives the process's signals if it can. */
static int choose(struct remote *remote)
{
	int err = -ENOTSUP;

	for (int in_call = 1; in_call >= 0; in_call--) {
		for (size_t i = stopped__count(remote->stopped); i-- > 0;) {
			const struct stopped_thread *thread = stopped__thread(remote->stopped, i);

			/* A worker of io_uring's has no stack, and no code. */
			if (!thread || thread->registers.cs != CODE_64 || !thread->registers.rsp ||
			    in_call != ((long long)thread->registers.orig_rax >= 0))
				continue;
			if (consent__is_filtered(stopped__pid(remote->stopped), thread->tid))
				continue;
			err = -EAGAIN;
			if (thread->signal || is_in_critical_section(thread))
				continue;
			remote->index = i;
			return 0;
		}
	}
	return err;
}

static int prepare(struct remote *remote)
{
	const struct stopped_thread *thread;
	uint64_t words[KEPT_WORDS];
	int err = choose(remote);

	if (err)
		return err;
	thread = thread_of(remote);
	if (ptrace(PTRACE_SETOPTIONS, thread->tid, 0, PTRACE_O_TRACESYSGOOD))
		return -errno;
	keep(&thread->registers, words);
	err = poke(thread->tid, kept_at(remote), words, sizeof(words));
	if (!err)
		err = peek(thread->tid, remote->code_address, remote->former, REMOTE_CODE_BYTES);
	return err ? err : poke(thread->tid, remote->code_address, code, REMOTE_CODE_BYTES);
}

struct remote *remote__new(struct stopped *stopped, uint64_t code_address)
{
	struct remote *remote = calloc(1, sizeof(*remote));
	int err;

	if (!remote)
		return NULL;
	remote->stopped = stopped;
	remote->code_address = code_address;
	err = prepare(remote);
	if (!err)
		return remote;
	free(remote);
	errno = -err;
	return NULL;
}

uint64_t remote__put(struct remote *remote, const void *bytes, size_t size)
{
	uint64_t address = kept_at(remote) - REMOTE_TEXT_MAX;
	char text[REMOTE_TEXT_MAX] = {};

	if (size > sizeof(text))
		return 0;
	memcpy(text, bytes, size);
	return poke(thread_of(remote)->tid, address, text, sizeof(text)) ? 0 : address;
}

/* To the beginning of the system call, or to its end. */
static int run_to_call(struct remote *remote)
{
	int err;

	do
		err = stopped__go_on(remote->stopped, remote->index, PTRACE_SYSCALL);
	while (err == STOPPED_AGAIN);
	if (err == STOPPED_AT_CALL)
		return 0;
	remote->is_away = err == -EBUSY;
	remote->is_over = true;
	return err < 0 ? err : -EAGAIN;
}

int remote__call(struct remote *remote, long number, const uint64_t arguments[6], int64_t *result)
{
	const struct stopped_thread *thread = thread_of(remote);
	struct user_regs_struct registers = thread->registers;
	int err;

	if (remote->is_over)
		return -EAGAIN;
	registers.rsp = kept_at(remote);
	registers.rip = remote->code_address;
	registers.rax = number;
	registers.orig_rax = -1; /* it is in no call that the kernel could restart */
	registers.rdi = arguments[0];
	registers.rsi = arguments[1];
	registers.rdx = arguments[2];
	registers.r10 = arguments[3];
	registers.r8 = arguments[4];
	registers.r9 = arguments[5];
	if (ptrace(PTRACE_SETREGS, thread->tid, 0, &registers))
		return -errno;
	err = run_to_call(remote);
	if (!err)
		err = run_to_call(remote);
	if (!err && ptrace(PTRACE_GETREGS, thread->tid, 0, &registers))
		err = -errno;
	*result = registers.rax;
	if (!remote->is_away && ptrace(PTRACE_SETREGS, thread->tid, 0, &thread->registers) && !err)
		err = -errno;
	return err;
}

int remote__free(struct remote *remote)
{
	int err;

	if (!remote)
		return 0;
	/* One that is away needs the code to come back by. */
	err = remote->is_away ? -EBUSY
			      : poke(thread_of(remote)->tid, remote->code_address, remote->former,
				     REMOTE_CODE_BYTES);
	/* Where it stands now the kernel does not look whether a call is to be restarted. */
	if (!remote->is_over)
		stopped__stop_again(remote->stopped, remote->index);
	free(remote);
	return err;
}
