/* SPDX-License-Identifier: Apache-2.0 */
/* The innermost of the inlined functions. */
#ifndef NAMES_MIX_H
#define NAMES_MIX_H

#include "names.h"

INLINED uint64_t mix(uint64_t x) /* begins mix */
{
	BURN(x); /* burns mix */
	return x;
}

#endif
