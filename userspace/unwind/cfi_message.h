/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one file as messages: one with its rules, and how many rows there are; then the rows,
 * in as many as it takes. */
#ifndef EXOPROF_CFI_MESSAGE_H
#define EXOPROF_CFI_MESSAGE_H

#include <stdbool.h>

#include "reader/message.h"
#include "unwind/cfi.h"

/* Of a file that has none the error, an errno, and no more. */
void cfi_message__put_error(struct message *message, int error);
void cfi_message__put_rules(struct message *message, const struct cfi_table *table);

/* As many rows as a message has room for, from the `next` one on, which is moved on. */
void cfi_message__put_rows(struct message *message, const struct cfi_table *table, size_t *next);

/* What comes is believed only as far as it is what cfi.h promises of a table. */
struct cfi_arrival {
	struct cfi_table *table;
	size_t expected; /* rows */
};

/* Begins with MESSAGE_RULES. 0; -EBADMSG: it is none; -ENOMEM. Else the positive error of a file
 * that has no rows. */
int cfi_arrival__begin(struct cfi_arrival *arrival, struct message *message);

/* Goes on with MESSAGE_ROWS. 0, -EBADMSG or -ENOMEM. */
int cfi_arrival__add(struct cfi_arrival *arrival, struct message *message);

bool cfi_arrival__is_over(const struct cfi_arrival *arrival);

/* The table, the caller's, if it is over; else NULL, and what has come is gone. */
struct cfi_table *cfi_arrival__end(struct cfi_arrival *arrival);

#endif
