// SPDX-License-Identifier: Apache-2.0
#include "symbol/fde_ranges.h"

#include <errno.h>

#include "base/search.h"

int fde_ranges__read(struct fde_list *list, const struct elf_image *image)
{
	const unsigned char *e_ident =
		(const unsigned char *)elf_getident(elf_image__elf(image), NULL);
	bool is_eh_frame = true;
	GElf_Shdr shdr;
	Elf_Data *data = elf_image__section(image, ".eh_frame", &shdr);
	int err;

	if (!data) {
		data = elf_image__section(image, ".debug_frame", &shdr);
		is_eh_frame = false;
	}
	if (!data)
		return 0;
	err = fde_list__read(list, e_ident, data, shdr.sh_addr, is_eh_frame);
	if (err)
		fde_list__release(list);
	return err == -ENOMEM ? err : 0;
}

const struct fde *fde_ranges__find(const struct fde_list *list, uint64_t vaddr)
{
	size_t behind = search_lower_bound(i, list->count, list->items[i].start <= vaddr);

	return behind && list->items[behind - 1].end > vaddr ? &list->items[behind - 1] : NULL;
}
