// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a function's name on a terminal: nothing that one might obey, and no more columns
 * than there are. The first byte says how many. */
#include <locale.h>
#include <wchar.h>

#include "replay.h"
#include "top/text.h"

static void check_shown(int (*put)(FILE *, const char *, int), const char *text, int columns)
{
	char *shown = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&shown, &size);
	int taken = put(out, text, columns);
	mbstate_t state = {};
	int width = 0;

	fclose(out);
	check(taken >= 0 && taken <= columns, "it is not too wide");
	for (size_t at = 0, length; at < size; at += length) {
		wchar_t c;

		length = mbrtowc(&c, shown + at, size - at, &state);
		check(length && length <= size - at, "it is text");
		check(wcwidth(c) >= 0 && c != 0x7f && c >= ' ', "none of it is a command");
		check(c < 0x202a || c > 0x202e, "it goes from left to right");
		width += wcwidth(c);
	}
	check(width == taken, "it is as wide as it says");
	free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size || !setlocale(LC_CTYPE, "C.UTF-8"))
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	check_shown(text__put, text, data[0]);
	check_shown(text__put_name, text, data[0]);
	free(text);
	return 0;
}
