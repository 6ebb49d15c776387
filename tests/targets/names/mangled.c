/* SPDX-License-Identifier: Apache-2.0 */
/* Symbols as other languages' compilers make them, and the names they stand for: C functions. Burns
 * CPU until killed. */
#include "names.h"

#define MANGLED(name, symbol)                      \
	uint64_t name(uint64_t x) __asm__(symbol); \
	APART uint64_t name(uint64_t x)            \
	{                                          \
		BURN(x);                           \
		return x;                          \
	}

/* begins names::legacy::burn */ MANGLED(rust_legacy, "_ZN5names6legacy4burn17h0123456789abcdefE")
/* begins <names::Wheel as core::iter::Iterator>::next */ MANGLED(
	rust_escapes,
	"_ZN53_$LT$names..Wheel$u20$as$u20$core..iter..Iterator$GT$4next17hfedcba9876543210E")
/* begins names::v0::burn */ MANGLED(rust_v0, "_RNvNtCs1234_5names2v04burn")
/* begins names::v0::map::<u32> */ MANGLED(rust_generic, "_RINvNtCs1234_5names2v03mapmEB4_")
/* begins names.gear.burn(ulong) */ MANGLED(d, "_D5names4gear4burnFmZm")
/* begins names::gear<unsigned int>::burn */ MANGLED(cxx, "_ZN5names4gearIjE4burnEm")
/* begins _Znonsense */ MANGLED(not_mangled, "_Znonsense")

int main(void) /* begins main */
{
	uint64_t x = 1;

	say_ready();
	for (;;) {
		x = rust_legacy(x);
		x = rust_escapes(x);
		x = rust_v0(x);
		x = rust_generic(x);
		x = d(x);
		x = cxx(x);
		x = not_mangled(x);
	}
}
