/* SPDX-License-Identifier: Apache-2.0 */
/* What is put into a target: stub.S for its functions, at its addresses. Pure. */
#ifndef EXOPROF_STUB_IMAGE_H
#define EXOPROF_STUB_IMAGE_H

#include <linux/types.h>

#include "inline/hook_place.h"
#include "inline/stub_layout.h"
#include "unwind/stack_effect.h"
#include "wire.h"

struct stub_record {
	uint64_t cookie;
	uint64_t copy;
	uint32_t called;
	uint32_t inside;
	uint8_t mode;
	uint8_t nests;
	uint8_t flags;
	uint8_t call;
	uint32_t reserved2;
};

/* Of the text, from its beginning. */
struct stub_slot {
	uint32_t entry;           /* where the function's jump leads to */
	struct stack_state state; /* of the stack, there */
	uint32_t copy;            /* where the function begins, as it was entered */
};

/* How a target's functions are left for the stub, in it: whoever finds it there can take it out
 * again, also when whoever put it there is gone. */
#define STUB_MAGIC "exoprof stub 1"

struct stub_table {
	char magic[16];
	uint64_t address; /* of the whole */
	uint64_t bytes;
	uint64_t books;
	uint64_t id; /* by chance: of no other */
	uint32_t count;
	uint32_t reserved;
	struct stub_jump {
		uint64_t address;
		uint16_t entry; /* where it leads to, from the beginning */
		uint8_t covered;
		uint8_t former[HOOK_JUMP_BYTES];
	} jumps[STUB_SLOTS_MAX];
};
_Static_assert(sizeof(struct stub_table) <= STUB_TEXT_BYTES - STUB_TABLE_AT, "room for the table");

struct stub_image {
	uint64_t address; /* where it is for, page-aligned */
	uint64_t bytes;
	uint64_t books;
	unsigned int bucket_bits;
	unsigned char text[STUB_TEXT_BYTES];
	size_t used; /* of the text, without what describes it */
	struct stub_slot slots[STUB_SLOTS_MAX];
	struct stub_record records[STUB_SLOTS_MAX];
	struct stub_table table;
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

/* What all stubs of a process share. */
struct stub_books {
	uint64_t address;         /* 0: there are none yet; they come behind this one */
	unsigned int bucket_bits; /* 1 to STUB_BUCKET_BITS_MAX */
};

/* With none of the functions yet. */
void stub_image__begin(struct stub_image *image, uint64_t address, const struct stub_books *books);

/* 0, with where the function's jump is to lead to; -ENOSPC; -ERANGE: it is too far away; -ENOTSUP:
 * its instructions cannot be moved. */
int stub_image__add(struct stub_image *image, const struct stub_function *function,
		    uint64_t *entry);

/* No more are added. Makes the text what it is to who walks stacks: an ELF file with call-frame
 * information. 0; -ENOSPC; -ENOTSUP: what some instruction does to the stack is not understood. */
int stub_image__finish(struct stub_image *image);

/* Bytes of memory that it takes, the books included that come behind it. */
size_t stub_image__bytes(const struct stub_books *books);

/* Where it can be probed: instructions of five bytes that do nothing. bpf/stub_probe.h says what is
 * in the registers. */
enum stub_probe {
	STUB_PROBE_ENTRY,  /* of a call that may give a sampled block back */
	STUB_PROBE_RETURN, /* of that, and of one that is sampled */
	STUB_PROBE_FREE,   /* rdi: a block that was, or may have been, sampled */
};

/* From the image's beginning. */
size_t stub_image__probe(enum stub_probe probe);

#endif
