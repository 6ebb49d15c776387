// SPDX-License-Identifier: Apache-2.0
#include "inline/stub_image.h"

#include <errno.h>
#include <string.h>

#include "inline/code_copy.h"
#include "inline/stub_frames.h"

extern const unsigned char stub_shared[], stub_shared_end[];
extern const unsigned char stub_probe_entry[], stub_probe_return[], stub_probe_free[];

#define TEMPLATE(name) \
	extern const unsigned char stub_##name[], stub_##name##_entry[], stub_##name##_end[]

TEMPLATE(first);
TEMPLATE(second);
TEMPLATE(third);
TEMPLATE(product);
TEMPLATE(old);
TEMPLATE(old_product);
TEMPLATE(block);

/* By enum wire_heap_call. */
static const struct template
{
	const unsigned char *begin, *entry, *end;
}
templates[WIRE_HEAP_CALLS] = {
#define TEMPLATE_OF(name)                                           \
	{                                                           \
		stub_##name, stub_##name##_entry, stub_##name##_end \
	}
	[WIRE_HEAP_MALLOC] = TEMPLATE_OF(first),
	[WIRE_HEAP_CALLOC] = TEMPLATE_OF(product),
	[WIRE_HEAP_REALLOC] = TEMPLATE_OF(old),
	[WIRE_HEAP_REALLOCF] = TEMPLATE_OF(old),
	[WIRE_HEAP_REALLOCARRAY] = TEMPLATE_OF(old_product),
	[WIRE_HEAP_RESIZE] = TEMPLATE_OF(old),
	[WIRE_HEAP_ALIGNED] = TEMPLATE_OF(second),
	[WIRE_HEAP_POSIX_MEMALIGN] = TEMPLATE_OF(third),
	[WIRE_HEAP_FREE] = TEMPLATE_OF(block),
};

enum fix_kind { FIX_DISTANCE, FIX_RECORD, FIX_DEPTH, FIX_SHIFT, FIX_BOOKS };

struct fix {
	uint32_t at, kind; /* enum fix_kind */
};

extern const struct fix stub_fixes[], stub_fixes_end[];

static void add_u32(unsigned char *field, uint32_t value)
{
	uint32_t now;

	memcpy(&now, field, sizeof(now));
	now += value;
	memcpy(field, &now, sizeof(now));
}

static void add_u64(unsigned char *field, uint64_t value)
{
	uint64_t now;

	memcpy(&now, field, sizeof(now));
	now += value;
	memcpy(field, &now, sizeof(now));
}

/* `from` is where the bytes were assembled, `to` where they are now; from the image's beginning. */
static void fix(struct stub_image *image, size_t from, size_t size, size_t to, uint32_t depth)
{
	for (const struct fix *fix = stub_fixes; fix < stub_fixes_end; fix++) {
		unsigned char *field = image->text + to + (fix->at - from);

		if (fix->at < from || fix->at >= from + size)
			continue;
		switch (fix->kind) {
		case FIX_DISTANCE:
			add_u32(field, from - to);
			break;
		case FIX_RECORD:
			add_u32(field, from - to + image->count * STUB_RECORD_BYTES);
			break;
		case FIX_DEPTH:
			memcpy(field, &depth, sizeof(depth));
			break;
		case FIX_SHIFT:
			*field = 32 - image->bucket_bits;
			break;
		case FIX_BOOKS:
			add_u64(field, image->books);
			break;
		}
	}
}

static size_t align(size_t at)
{
	return (at + STUB_SLOT_ALIGNMENT - 1) / STUB_SLOT_ALIGNMENT * STUB_SLOT_ALIGNMENT;
}

void stub_image__begin(struct stub_image *image, uint64_t address, const struct stub_books *books)
{
	memset(image, 0, sizeof(*image));
	/* A way into what is not code ends there. */
	memset(image->text, 0xcc, sizeof(image->text));
	image->address = address;
	image->bytes = stub_image__bytes(books);
	image->books = books->address ? books->address : address + STUB_OWN_BYTES;
	image->bucket_bits = books->bucket_bits;
	memcpy(image->text + STUB_SHARED_AT, stub_shared, stub_shared_end - stub_shared);
	fix(image, STUB_SHARED_AT, stub_shared_end - stub_shared, STUB_SHARED_AT, 0);
	image->used = align(STUB_SHARED_AT + (stub_shared_end - stub_shared));
}

static int jump(struct stub_image *image, size_t *at, uint64_t target)
{
	int64_t distance = target - (image->address + *at + HOOK_JUMP_BYTES);
	int32_t displacement = distance;

	if (distance != displacement)
		return -ERANGE;
	image->text[*at] = 0xe9;
	memcpy(image->text + *at + 1, &displacement, sizeof(displacement));
	*at += HOOK_JUMP_BYTES;
	return 0;
}

static int copy(struct stub_image *image, size_t *at, const struct stub_function *function,
		uint32_t first, uint32_t end)
{
	struct code_copy copy = {.bytes = image->text + *at};
	int err = code_copy__make(&copy, function->code + first, end - first,
				  function->address + first, image->address + *at);

	*at += copy.size;
	return err;
}

/* Where the function is left. */
static int state_at_jump(const struct stub_function *function, struct stack_state *state)
{
	*state = (struct stack_state){};
	for (uint32_t at = 0; at < function->place.offset;) {
		struct stack_step step =
			stack_effect__follow(state, function->code + at,
					     function->place.offset - at, function->address + at);

		if (step.flow != FLOW_NEXT && step.flow != FLOW_BRANCH)
			return -ENOTSUP;
		at += step.length;
	}
	return 0;
}

static void add_jump(struct stub_image *image, const struct stub_function *function, uint32_t entry)
{
	struct stub_jump *jump = &image->table.jumps[image->count];

	jump->address = function->address + function->place.offset;
	jump->entry = entry;
	jump->covered = function->place.end - function->place.offset;
	memcpy(jump->former, function->code + function->place.offset, sizeof(jump->former));
}

int stub_image__add(struct stub_image *image, const struct stub_function *function, uint64_t *entry)
{
	static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	const struct template *template = &templates[function->call];
	struct stub_record *record = &image->records[image->count];
	struct stub_slot *slot = &image->slots[image->count];
	size_t size = template->end - template->begin;
	size_t start = image->used, at = start + size, covered = at;
	int err;

	if (image->count == STUB_SLOTS_MAX || STUB_FRAMES_AT - start < STUB_SLOT_BYTES_MAX)
		return -ENOSPC;
	memcpy(image->text + start, template->begin, size);
	fix(image, STUB_SHARED_AT + (template->begin - stub_shared), size, start,
	    function->place.depth);
	err = state_at_jump(function, &slot->state);
	if (!err)
		err = copy(image, &at, function, function->place.offset, function->place.end);
	if (!err)
		err = jump(image, &at, function->address + function->place.end);
	if (err)
		return err;
	/* An indirect branch leads here. */
	slot->copy = at;
	record->copy = image->address + at;
	memcpy(image->text + at, endbr64, sizeof(endbr64));
	at += sizeof(endbr64);
	err = copy(image, &at, function, 0, function->place.offset);
	if (!err)
		err = jump(image, &at, image->address + covered);
	if (err)
		return err;
	record->cookie = function->cookie;
	record->call = function->call;
	record->flags = function->throws ? STUB_FLAG_THROWS : 0;
	if (function->call == WIRE_HEAP_REALLOC || function->call == WIRE_HEAP_REALLOCF ||
	    function->call == WIRE_HEAP_REALLOCARRAY || function->call == WIRE_HEAP_RESIZE)
		record->flags |= STUB_FLAG_TAKES_OLD;
	record->mode = 1;
	slot->entry = start + (template->entry - template->begin);
	add_jump(image, function, slot->entry);
	*entry = image->address + slot->entry;
	image->used = align(at);
	image->count++;
	return 0;
}

int stub_image__finish(struct stub_image *image)
{
	struct stub_table *table = &image->table;
	int err = stub_frames__write(image);

	memcpy(table->magic, STUB_MAGIC, sizeof(STUB_MAGIC));
	table->address = image->address;
	table->bytes = image->bytes;
	table->books = image->books;
	table->count = image->count;
	memcpy(image->text + STUB_TABLE_AT, table, sizeof(*table));
	return err;
}

size_t stub_image__bytes(const struct stub_books *books)
{
	if (books->address)
		return STUB_OWN_BYTES;
	return STUB_OWN_BYTES + STUB_BUCKETS_AT + ((size_t)STUB_BUCKET_BYTES << books->bucket_bits);
}

size_t stub_image__probe(enum stub_probe probe)
{
	static const unsigned char *const probes[] = {
		[STUB_PROBE_ENTRY] = stub_probe_entry,
		[STUB_PROBE_RETURN] = stub_probe_return,
		[STUB_PROBE_FREE] = stub_probe_free,
	};

	return STUB_SHARED_AT + (probes[probe] - stub_shared);
}
