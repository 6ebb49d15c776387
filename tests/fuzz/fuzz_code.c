// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a function's code: where a probe goes is in it, at an instruction that follows from
 * the first; what an instruction does to the stack has an end. */
#include "replay.h"
#include "target/prologue.h"
#include "unwind/stack_effect.h"

#define VADDR 0x401000

static void check_place(const uint8_t *code, size_t size)
{
	for (unsigned int arguments = 1; arguments <= PROLOGUE_ARGUMENTS_MAX; arguments++) {
		struct probe_place place;

		prologue__place(code, size, arguments, &place);
		check(!place.offset || place.offset < size, "a probe is in the code");
		check(place.offset < PROLOGUE_BYTES, "and near its beginning");
		for (unsigned int i = 0; i < arguments; i++) {
			check(place.registers[i] < 16, "an argument is in a register");
			check(place.registers[i] != 4, "which is not the stack's");
			for (unsigned int j = 0; j < i; j++)
				check(place.registers[i] != place.registers[j],
				      "two are not in one");
		}
	}
}

static void check_steps(const uint8_t *code, size_t size)
{
	struct stack_state state = {};

	for (size_t at = 0; at < size;) {
		struct stack_step step =
			stack_effect__follow(&state, code + at, size - at, VADDR + at);

		check(step.flow <= FLOW_UNKNOWN, "it goes on somehow");
		check(step.length <= 15 && step.length <= size - at,
		      "an instruction is in its bytes");
		check(state.bp_value <= BP_OTHER && state.bp_value >= BP_OF_CALLER,
		      "rbp holds something");
		check(step.length || step.flow == FLOW_UNKNOWN, "what is none is not known");
		if (!step.length)
			return;
		at += step.length;
		if (step.flow == FLOW_UNKNOWN)
			state = (struct stack_state){};
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* In memory of its own size, so that reading behind it is seen. */
	uint8_t *code = malloc(size ? size : 1);

	check(code, "there is memory");
	memcpy(code, data, size);
	check_place(code, size);
	check_steps(code, size);
	free(code);
	return 0;
}
