/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_TEST_OWN_VADDR_H
#define EXOPROF_TEST_OWN_VADDR_H

#include <link.h>
#include <stddef.h>
#include <stdint.h>

static int take_bias(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	*(uint64_t *)context = info->dlpi_addr;
	return 1; /* the first is the program itself */
}

/* What this program's own file calls the address. */
static uint64_t vaddr_of(const void *pointer)
{
	uint64_t bias = 0;

	dl_iterate_phdr(take_bias, &bias);
	return (uintptr_t)pointer - bias;
}

#endif
