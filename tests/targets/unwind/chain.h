/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of known stacks share. Each prints at start the chain of calls that its samples
 * have, root first, and then "ready":
 *
 *	chain: _start;*@libc.so.6;main;work;leaf
 *
 * One frame is a function's name, of the program itself or, behind "@", of that file; "a|b" is
 * either. "*@FILE" stands for any number of frames of that file, whatever their names, "+@FILE" for
 * at least one, "?@FILE" for one; FILE may be "FILE|FILE". "plt" is a frame of the program that no
 *symbol names. From
 * "/" on the chain may end behind any frame, up to "!" or the end; what is behind "!" must be
 *there. tests/e2e/unwind_match.awk does the matching. */
#ifndef UNWIND_CHAIN_H
#define UNWIND_CHAIN_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* noipa: not inlined, not cloned, and nothing is known of it at the call. */
#define APART  __attribute__((noipa))

/* Behind a call it keeps that from being a tail call, which leaves no frame. */
#define STAY() __asm__ volatile("")

/* Registers that a function must save if they are written to. In the build with frame pointers rbp
 * is taken. */
#ifdef OMIT_FP
#define WRITE_SAVED_REGISTERS() \
	__asm__ volatile("xor %%ebp, %%ebp" : : : "rbx", "rbp", "r12", "r13", "r14", "r15")
#else
#define WRITE_SAVED_REGISTERS() __asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15")
#endif

/* Between _start and main: glibc's own, which a static program has in itself. */
#ifdef STATIC
#define START "_start;__libc_start_main|__libc_start_main_impl;__libc_start_call_main;main;"
#else
#define START "_start;*@libc.so.6;main;"
#endif

/* The outermost frame of a thread, glibc's. */
#define THREAD_START "clone3|__clone3|clone|__clone@libc.so.6;*@libc.so.6;"

/* How a program is told to run: it stays in its leaf for ever, so that all samples have the whole
 * chain; or it moves, so that they fall on every instruction of every function. */
static bool is_still = true;

__attribute__((unused)) static void choose_mode(int argc, char **argv)
{
	is_still = argc < 2 || strcmp(argv[1], "moving") != 0;
}

__attribute__((unused)) static void say_chain(const char *start, const char *path)
{
	printf("chain: %s%s%s\n", start, is_still ? "" : "/;", path);
}

__attribute__((unused)) static void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

__attribute__((unused)) static inline void spin(unsigned long rounds)
{
	for (unsigned long i = 0; i < rounds; i++)
		__asm__ volatile("");
}

/* The end of most chains. */
__attribute__((unused)) APART static void leaf(void)
{
	while (is_still)
		__asm__ volatile("");
}

#endif
