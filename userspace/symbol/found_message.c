// SPDX-License-Identifier: Apache-2.0
#include "symbol/found_message.h"

#include <string.h>

void found_message__put(struct message *message, const struct found *found)
{
	message__put_number(message, found->count);
	message__put_number(message, found->tells_inlined);
	message__put_number(message, found->function_vaddr);
	for (size_t i = 0; i < found->count; i++) {
		const struct found_line *line = &found->lines[i];

		message__put_text(message, line->system_name);
		message__put_text(message, line->name);
		message__put_text(message, line->file);
		message__put_number(message, line->line);
		message__put_number(message, line->start_line);
	}
}

/* A line's number; what is none is unknown. */
static int64_t take_line(struct message *message)
{
	uint64_t number = message__take_number(message);

	return number > INT32_MAX ? 0 : number;
}

static bool take_one(struct message *message, struct found_line *line)
{
	line->system_name = message__take_text(message);
	line->name = message__take_text(message);
	line->file = message__take_text(message);
	line->line = take_line(message);
	line->start_line = take_line(message);
	return !message->failed && line->system_name && *line->system_name &&
	       (!line->name || *line->name);
}

bool found_message__take(struct message *message, struct found *found)
{
	uint64_t count = message__take_number(message);

	found->tells_inlined = message__take_number(message) != 0;
	found->function_vaddr = message__take_number(message);
	found->count = 0;
	if (message->failed || count > FOUND_LINES_MAX)
		return false;
	while (found->count < count) {
		if (!take_one(message, &found->lines[found->count]))
			return false;
		found->count++;
	}
	return true;
}

void found_message__put_place(struct message *message, const struct dwarf_place *place)
{
	message__put_number(message, place->is_hosts);
	message__put_text(message, place->directory);
}

bool found_message__take_place(struct message *message, struct dwarf_place *place)
{
	bool is_hosts = message__take_number(message) != 0;
	const char *directory = message__take_text(message);

	*place = (struct dwarf_place){.is_hosts = is_hosts};
	if (message->failed || !directory || strlen(directory) >= sizeof(place->directory))
		return false;
	strcpy(place->directory, directory);
	return true;
}
