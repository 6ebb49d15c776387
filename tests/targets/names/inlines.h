/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAMES_INLINES_H
#define NAMES_INLINES_H

#include "mix.h"

INLINED uint64_t twist(uint64_t x) /* begins twist */
{
	x = mix(x); /* twist calls mix */
	BURN(x);    /* burns twist */
	return x;
}

uint64_t more(uint64_t x);
uint64_t rare(uint64_t x);

#endif
