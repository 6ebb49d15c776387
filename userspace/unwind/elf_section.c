// SPDX-License-Identifier: Apache-2.0
#include "unwind/elf_section.h"

#include <string.h>

Elf_Scn *elf_section__find(Elf *elf, const char *name, GElf_Shdr *shdr)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		const char *found;

		if (!gelf_getshdr(section, shdr) || shdr->sh_type == SHT_NOBITS)
			continue;
		found = elf_strptr(elf, names, shdr->sh_name);
		if (found && !strcmp(found, name))
			return section;
	}
	return NULL;
}
