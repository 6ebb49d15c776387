// SPDX-License-Identifier: Apache-2.0
/* Templates, members, overloads and lambdas, some inlined into others. Burns CPU until killed. */
#include "mix.h"

namespace names
{

template <typename T> struct box { // begins box
	T value;

	template <int N> APART void turn() // begins turn
	{
		value = mix(value) + N; // turn<N> calls mix
		BURN(value);		// burns turn<N>
	}
	__attribute__((always_inline)) void nudge() // begins nudge
	{
		BURN(value); // burns nudge
	}
};

APART static uint64_t overloaded(int x) // begins overloaded
{
	uint64_t y = x;

	BURN(y); // burns overloaded(int)
	return y;
}

APART static uint64_t overloaded(const box<uint64_t> &x) // begins overloaded
{
	box<uint64_t> y = x;

	y.nudge(); // overloaded calls nudge
	BURN(y.value); // burns overloaded(box)
	return y.value;
}

template <typename F> APART static uint64_t apply(F function, uint64_t x) // begins apply
{
	x = function(x); // apply calls operator()
	BURN(x); // burns apply
	return x;
}

template <typename... T> APART uint64_t sum(T... values) // begins sum
{
	uint64_t x = (0 + ... + values);

	BURN(x); // burns sum
	return x;
}

} // namespace names

int main() // begins main
{
	names::box<uint64_t> box = {1};

	say_ready();
	/* Each call takes what the one before it gave: a processor that runs one ahead, beside the other,
	 * is hardly ever interrupted in it. */
	for (;;) {
		box.turn<3>(); // main calls turn<3>
		box.turn<-4>(); // main calls turn<-4>
		box.value += names::overloaded(static_cast<int>(box.value)); // main calls overloaded(int)
		box.value += names::overloaded(box); // main calls overloaded(box)
		box.value += names::sum(static_cast<int>(box.value), 2u, 3l, 'c'); // main calls sum
		auto near = [](uint64_t x) __attribute__((always_inline)) { // begins operator()
			BURN(x); // burns near
			return x;
		};
		auto apart = [&](uint64_t x) __attribute__((noinline)) { // begins operator()
			BURN(x); // burns apart
			return x + box.value;
		};
		box.value = names::apply(near, box.value); // main calls apply(near)
		box.value = names::apply(apart, box.value); // main calls apply(apart)
	}
}
