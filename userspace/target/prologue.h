/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a function's first instructions a probe costs least, and where the arguments are by
 * then. Pure: bytes in, a place out. */
#ifndef EXOPROF_PROLOGUE_H
#define EXOPROF_PROLOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a function worth looking at; fewer are fine, what is behind them is not looked at. */
#define PROLOGUE_BYTES         64

#define PROLOGUE_ARGUMENTS_MAX 3

/* Registers have x86's own numbers: rax 0, rcx 1, rdx 2, rbx 3, rsp 4, rbp 5, rsi 6, rdi 7,
 * r8 to r15. */
struct probe_place {
	uint32_t offset;                           /* from the function's first byte */
	bool is_emulated;                          /* by the kernel; else it is single-stepped */
	uint8_t registers[PROLOGUE_ARGUMENTS_MAX]; /* where each argument is by then, of those of
						      interest */
};

/* `arguments`: how many of the function's integer arguments are of interest, 1 to 3. */
void prologue__place(const unsigned char *code, size_t size, unsigned int arguments,
		     struct probe_place *place);

#endif
