/* SPDX-License-Identifier: Apache-2.0 */
/* A group of tests that has names looked up as exoprof does: by a process of its own. */
#ifndef EXOPROF_WITH_NURSERY_H
#define EXOPROF_WITH_NURSERY_H

#include "symbol/nursery.h"
#include "symbol/symbolizer.h"

static struct nursery *nursery;

static int start_nursery(void **state)
{
	(void)state;
	nursery = nursery__start(SYMBOLIZER_MEMORY_DEFAULT);
	return nursery ? 0 : -1;
}

static int stop_nursery(void **state)
{
	(void)state;
	nursery__stop(nursery);
	return 0;
}

#endif
