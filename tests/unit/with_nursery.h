/* SPDX-License-Identifier: Apache-2.0 */
/* A group of tests that has names looked up as exoprof does: by a process of its own. */
#ifndef EXOPROF_WITH_NURSERY_H
#define EXOPROF_WITH_NURSERY_H

#include "reader/nursery.h"
#include "symbol/symbolizer.h"
#include "symbol/worker.h"

static struct nursery *nursery;

static int start_nursery(void **state)
{
	static const struct worker_kind names = {"exoprof-worker", worker__run,
						 SYMBOLIZER_MEMORY_DEFAULT};

	(void)state;
	nursery = nursery__start(&names, 1);
	return nursery ? 0 : -1;
}

static int stop_nursery(void **state)
{
	(void)state;
	nursery__stop(nursery);
	return 0;
}

#endif
