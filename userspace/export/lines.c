// SPDX-License-Identifier: Apache-2.0
#include "export/lines.h"

#include <errno.h>
#include <string.h>

#define TEXT_MAX 4096

static bool is_control(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

void lines__put_text(const char *text, FILE *out)
{
	size_t length = strnlen(text, TEXT_MAX);

	for (size_t i = 0; i < length; i++)
		putc(is_control(text[i]) ? '?' : text[i], out);
	if (text[length])
		fputs("...", out);
}

void lines__put_comments(const struct profile *profile, FILE *out)
{
	for (size_t i = 0; i < profile->comment_count; i++) {
		fputs("# ", out);
		lines__put_text(profile->strings[profile->comments[i]], out);
		putc('\n', out);
	}
}

const char *lines__label(const struct profile *profile, const struct profile_sample *sample,
			 const char *key)
{
	for (uint32_t i = 0; i < sample->label_count; i++) {
		const struct profile_label *label = &sample->labels[i];

		if (label->text && !strcmp(profile->strings[label->key], key))
			return profile->strings[label->text];
	}
	return NULL;
}

int lines__end(FILE *out)
{
	return fflush(out) || ferror(out) ? -EIO : 0;
}
