/* SPDX-License-Identifier: Apache-2.0 */
/* What is put into a target: stub.S for its functions, at its addresses. Pure. */
#ifndef EXOPROF_STUB_IMAGE_H
#define EXOPROF_STUB_IMAGE_H

#include <linux/types.h>

#include "inline/hook_place.h"
#include "inline/stub_layout.h"
#include "wire.h"

struct stub_record {
	uint64_t cookie;
	uint64_t copy;
	uint32_t called;
	uint32_t reserved;
	uint8_t mode;
	uint8_t nests;
	uint8_t flags;
	uint8_t call;
	uint32_t reserved2;
};

struct stub_image {
	uint64_t address; /* where it is for, page-aligned */
	unsigned int bucket_bits;
	unsigned char text[STUB_TEXT_BYTES];
	size_t used; /* of the text */
	struct stub_record records[STUB_SLOTS_MAX];
	size_t count;
};

struct stub_function {
	enum wire_heap_call call;
	bool throws;
	uint64_t cookie;
	uint64_t address;
	const unsigned char *code; /* its first bytes, `place.end` at least */
	struct hook_place place;
};

/* With none of the functions yet. `bucket_bits`: 1 to STUB_BUCKET_BITS_MAX. */
void stub_image__begin(struct stub_image *image, uint64_t address, unsigned int bucket_bits);

/* 0, with where the function's jump is to lead to; -ENOSPC; -ERANGE: it is too far away; -ENOTSUP:
 * its instructions cannot be moved. */
int stub_image__add(struct stub_image *image, const struct stub_function *function,
		    uint64_t *entry);

/* Bytes of memory that the image's data take, behind its text. */
size_t stub_image__data_bytes(const struct stub_image *image);

/* From the image's beginning. */
extern const size_t stub_image__probe_entry, stub_image__probe_return, stub_image__probe_free;

#endif
