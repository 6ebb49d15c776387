// SPDX-License-Identifier: Apache-2.0
/* Any bytes as /proc/kallsyms, a NUL, and any as /proc/modules: no crash, and what is found is a
 * name. */
#include "symbol/kallsyms.h"
#include "replay.h"

static FILE *open_bytes(const uint8_t *data, size_t size)
{
	return size ? fmemopen((void *)data, size, "r") : fopen("/dev/null", "re");
}

static void look_up(const struct kallsyms *kallsyms, const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		uint64_t address = strtoull(line, NULL, 16);
		const char *name = kallsyms__find(kallsyms, address);

		check(!name || *name, "a name is one");
		name = kallsyms__find(kallsyms, address - 1);
		check(!name || *name, "a name is one");
		line++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	size_t length = strlen(text);
	size_t behind = length < size ? length + 1 : size;
	FILE *symbols = open_bytes(data, length);
	FILE *modules = open_bytes(data + behind, size - behind);
	struct kallsyms *kallsyms = kallsyms__read(symbols, modules);

	if (kallsyms)
		look_up(kallsyms, text);
	kallsyms__free(kallsyms);
	fclose(symbols);
	fclose(modules);
	free(text);
	return 0;
}
