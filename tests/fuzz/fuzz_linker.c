// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a process's memory, with the auxiliary vector in front: no crash, an end, and no
 * more objects than there can be. */
#include <errno.h>

#include "replay.h"
#include "target/linker.h"

#define AUXV_ENTRIES 4
#define BASE         0x10000

struct image {
	const uint8_t *data;
	size_t size;
	size_t reads;
};

static int read_image(void *context, uint64_t address, void *buffer, size_t size)
{
	struct image *image = context;
	uint64_t at = address - BASE;

	image->reads++;
	if (address < BASE || at > image->size || size > image->size - at)
		return -EBADMSG;
	memcpy(buffer, image->data + at, size);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image image = {.data = data, .size = size};
	struct linker_memory memory = {.read = read_image, .context = &image};
	Elf64_auxv_t entries[AUXV_ENTRIES];
	struct linker_program program;
	struct linker_order order;
	int err;

	if (size < sizeof(entries))
		return 0;
	memcpy(entries, data, sizeof(entries));
	if (linker__program(entries, AUXV_ENTRIES, &program))
		return 0;
	err = linker__walk(&memory, &program, &order);
	check(!err || !order.count, "where it fails there is no order");
	check(err || order.count, "a list has an object");
	/* 512 dynamic entries, 16,384 objects, the headers and the list's head. */
	check(image.reads <= 512 + 16384 + 2, "it reads no more than there can be");
	/* A link_map is of 40 bytes, and none is met twice. */
	check(order.count <= size, "no object is there twice");
	if (!err)
		check(linker__rank(&order, order.biases[0]) == 0, "the first is the first");
	linker__release(&order);
	return 0;
}
