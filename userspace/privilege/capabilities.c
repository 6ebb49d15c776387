// SPDX-License-Identifier: Apache-2.0
#include "privilege/capabilities.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

int capabilities__keep(uint64_t mask)
{
	uint64_t kept = 0;

	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		if (mask >> i & 1 && capng_have_capability(CAPNG_PERMITTED, i))
			kept |= 1ULL << i;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -errno;
	capng_clear(CAPNG_SELECT_BOTH);
	/* Without it the set stays as whoever started exoprof has made it: after no_new_privs
	 * nothing can be gained from it. First, while there is the capability that this takes. */
	if (prctl(PR_CAPBSET_READ, CAP_SETPCAP) == 1)
		capng_apply(CAPNG_SELECT_BOUNDS);
	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		if (kept >> i & 1)
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i);
	}
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

bool capabilities__has(unsigned int capability)
{
	return capng_have_capability(CAPNG_EFFECTIVE, capability);
}

static int set_effective(unsigned int capability, capng_act_t act)
{
	if (capng_get_caps_process())
		return -EIO;
	capng_update(act, CAPNG_EFFECTIVE, capability);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

int capabilities__try_without(unsigned int capability, int (*attempt)(void))
{
	int result, err;

	if (!capabilities__has(capability))
		return attempt();
	err = set_effective(capability, CAPNG_DROP);
	if (err)
		return err;
	result = attempt();
	err = set_effective(capability, CAPNG_ADD);
	return err ? err : result;
}
