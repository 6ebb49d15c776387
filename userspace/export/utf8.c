// SPDX-License-Identifier: Apache-2.0
#include "export/utf8.h"

#include <stdbool.h>

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Unicode 15, table 3-7: no overlong forms, no surrogates. */
uint32_t utf8__take(const char **text)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)*text;
	uint32_t c = *s, more, i;

	(*text)++;
	if (c < 0x80)
		return c;
	if (c < 0xc2 || c > 0xf4)
		return UTF8_REPLACEMENT;
	more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	c &= 0x3f >> more;
	for (i = 1; i <= more; i++) {
		if (!is_continuation(s[i]))
			return UTF8_REPLACEMENT;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return UTF8_REPLACEMENT;
	*text += more;
	return c;
}

size_t utf8__encode(uint32_t c, char bytes[UTF8_BYTES_MAX])
{
	static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = size; i-- > 1; c >>= 6)
		bytes[i] = 0x80 | (c & 0x3f);
	bytes[0] = leads[size] | c;
	return size;
}
