/* SPDX-License-Identifier: Apache-2.0 */
/* Of which tests/targets/pressure.c loads copies. */
#include <stdint.h>
#include <stdlib.h>

uint64_t lib_burn(uint64_t rounds);
void *lib_allocate(size_t size);

uint64_t lib_burn(uint64_t rounds)
{
	uint64_t x = rounds;

	for (uint64_t i = 0; i < rounds; i++)
		__asm__ volatile("imul %0, %0" : "+r"(x));
	return x;
}

void *lib_allocate(size_t size)
{
	void *volatile block = malloc(size);

	return block;
}
