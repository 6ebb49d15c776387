// SPDX-License-Identifier: Apache-2.0
#include "symbol/minidebug.h"

#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>

/* Of libLLVM, of 110 MB, it is 30 MB. An xz stream can be 7,000 times as long as it looks. */
#define SIZE_MAX_BYTES    (64UL << 20)
/* xz's strongest setting needs 65 MiB. */
#define DECODER_MAX_BYTES (80UL << 20)
#define FIRST_BYTES       (64UL << 10)

/* Decodes all of it into growing memory. NULL where it is broken or too long. */
static uint8_t *decode(lzma_stream *stream, size_t *size)
{
	uint8_t *bytes = NULL;
	size_t capacity = FIRST_BYTES;
	lzma_ret result = LZMA_OK;

	for (*size = 0; result == LZMA_OK && capacity <= SIZE_MAX_BYTES; capacity *= 2) {
		uint8_t *grown = realloc(bytes, capacity);

		if (!grown)
			break;
		bytes = grown;
		stream->next_out = bytes + *size;
		stream->avail_out = capacity - *size;
		result = lzma_code(stream, LZMA_FINISH);
		*size = capacity - stream->avail_out;
	}
	if (result == LZMA_STREAM_END)
		return bytes;
	free(bytes);
	return NULL;
}

struct elf_image *minidebug__open(const struct elf_image *image)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	uint8_t *bytes;
	GElf_Shdr shdr;
	Elf_Data *data = elf_image__section(image, ".gnu_debugdata", &shdr);
	size_t size;

	if (!data || lzma_stream_decoder(&stream, DECODER_MAX_BYTES, 0) != LZMA_OK)
		return NULL;
	stream.next_in = data->d_buf;
	stream.avail_in = data->d_size;
	bytes = decode(&stream, &size);
	lzma_end(&stream);
	return bytes ? elf_image__of_bytes(bytes, size) : NULL;
}
