// SPDX-License-Identifier: Apache-2.0
#include "symbol/fde_ranges.h"

#include <errno.h>

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
	size_t low = 0, high = list->count;

	/* low becomes the first range that begins behind the address. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->items[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && list->items[low - 1].end > vaddr ? &list->items[low - 1] : NULL;
}
