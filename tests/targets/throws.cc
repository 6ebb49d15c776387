/* SPDX-License-Identifier: Apache-2.0 */
/* A program that asks for more than there is and catches what operator new throws: says "ready",
 * waits for a byte on stdin, tries each throwing form, and says how many threw and how many gave
 * something. */
#include <cstdio>
#include <new>
#include <unistd.h>

static const std::size_t sizes[] = {1000, std::size_t(1) << 44, std::size_t(1) << 46,
				    std::size_t(1) << 62};
static int thrown, given;

template <typename Allocate> static void attempt(Allocate allocate)
{
	for (std::size_t size : sizes) {
		try {
			if (allocate(size))
				given++;
		} catch (const std::bad_alloc &) {
			thrown++;
		}
	}
}

int main()
{
	char byte;

	std::puts("ready");
	std::fflush(stdout);
	if (read(0, &byte, 1) != 1)
		return 1;
	attempt([](std::size_t size) { return ::operator new(size); });
	attempt([](std::size_t size) { return ::operator new[](size); });
	attempt([](std::size_t size) { return ::operator new(size, std::align_val_t(64)); });
	attempt([](std::size_t size) { return ::operator new[](size, std::align_val_t(64)); });
	std::printf("%d thrown, %d given\n", thrown, given);
	std::fflush(stdout);
	while (read(0, &byte, 1) == 1)
		;
	return 0;
}
