/* SPDX-License-Identifier: Apache-2.0 */
/* What was found at an address, as a part of a message. */
#ifndef EXOPROF_FOUND_MESSAGE_H
#define EXOPROF_FOUND_MESSAGE_H

#include "reader/message.h"
#include "symbol/found.h"
#include "symbol/opener.h"

void found_message__put(struct message *message, const struct found *found);

/* The strings are the message's. False where it is not what found_message__put() writes. */
bool found_message__take(struct message *message, struct found *found);

void found_message__put_place(struct message *message, const struct dwarf_place *place);
bool found_message__take_place(struct message *message, struct dwarf_place *place);

#endif
