// SPDX-License-Identifier: Apache-2.0
#include "import/gunzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

/* 15 bits of window; 16 more asks zlib for gzip alone (zlib.h, inflateInit2). */
#define GZIP_WINDOW (15 + 16)
#define FIRST_BYTES 65536

bool gunzip__is(const unsigned char *bytes, size_t size)
{
	return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

struct inflated {
	unsigned char *bytes;
	size_t size, capacity, most;
};

/* Never more than one byte beyond the most: it tells that there is more. */
static int make_room(struct inflated *inflated)
{
	size_t wanted = inflated->capacity ? inflated->capacity * 2 : FIRST_BYTES;
	unsigned char *grown;

	if (inflated->size < inflated->capacity)
		return 0;
	if (wanted > inflated->most + 1)
		wanted = inflated->most + 1;
	grown = realloc(inflated->bytes, wanted);
	if (!grown)
		return -ENOMEM;
	inflated->bytes = grown;
	inflated->capacity = wanted;
	return 0;
}

/* What gzip(1) ignores behind the last member: tapes and block devices pad with it. */
static bool is_padding(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* 0 at the end of the last member. */
static int inflate_all(z_stream *stream, struct inflated *inflated)
{
	int result = Z_OK;

	while (result == Z_OK) {
		int err = make_room(inflated);

		if (err)
			return err;
		stream->next_out = inflated->bytes + inflated->size;
		stream->avail_out = inflated->capacity - inflated->size;
		result = inflate(stream, Z_NO_FLUSH);
		inflated->size = stream->next_out - inflated->bytes;
		if (inflated->size > inflated->most)
			return -EFBIG;
		if (result == Z_STREAM_END && !is_padding(stream->next_in, stream->avail_in))
			result = inflateReset(stream);
	}
	return result == Z_STREAM_END ? 0 : result == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

int gunzip(const unsigned char *bytes, size_t size, size_t most, unsigned char **out,
	   size_t *out_size)
{
	z_stream stream = {.next_in = (unsigned char *)bytes, .avail_in = size};
	struct inflated inflated = {.most = most};
	int err;

	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		return -ENOMEM;
	err = inflate_all(&stream, &inflated);
	inflateEnd(&stream);
	if (err) {
		free(inflated.bytes);
		return err;
	}
	*out = inflated.bytes;
	*out_size = inflated.size;
	return 0;
}
