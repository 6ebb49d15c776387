/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of known names share. A comment "begins NAME" stands on the line that declares
 * a function, "burns NAME" on the line of its instructions, "CALLER calls NAME" on that of a call:
 * tests/e2e/names.bats finds the lines by them. */
#ifndef NAMES_H
#define NAMES_H

#include <stdint.h>
#include <stdio.h>

/* noipa: not inlined, not cloned, and nothing is known of it at the call. */
#ifdef __clang__
#define APART __attribute__((noinline))
#else
#define APART __attribute__((noipa))
#endif

#define INLINED static inline __attribute__((always_inline))

/* As many places to be sampled at, all of one line. */
#define BURN(x) __asm__ volatile(".rept 60\n\timul %0, %0\n\t.endr" : "+r"(x))

/* Behind a call it keeps that from being a tail call, which leaves no frame. */
#define STAY()  __asm__ volatile("")

static inline void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

#endif
