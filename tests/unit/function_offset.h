/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_TEST_FUNCTION_OFFSET_H
#define EXOPROF_TEST_FUNCTION_OFFSET_H

#include <errno.h>
#include <string.h>

#include "target/elf_file.h"

struct function_wanted {
	const char *name;
	uint64_t *offset;
	int err;
};

static void take_if_wanted(void *context, const struct elf_function *function)
{
	struct function_wanted *wanted = context;

	if (!wanted->err || strcmp(function->name, wanted->name))
		return;
	*wanted->offset = function->file_offset;
	wanted->err = 0;
}

/* Where in the file the function of that name begins. 0, -ENOENT, or what the file's reader says.
 */
static int function_offset(const struct elf_file *file, const char *name, uint64_t *offset)
{
	struct function_wanted wanted = {.name = name, .offset = offset, .err = -ENOENT};
	int err = elf_file__each_function(file, take_if_wanted, &wanted);

	return err ? err : wanted.err;
}

#endif
