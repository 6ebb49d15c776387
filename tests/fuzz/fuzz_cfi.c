// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an ELF file: no crash, rows in order if any, and such as exoprof takes from the
 * process that reads them. */
#include "check_table.h"
#include "make_elf.h"
#include "unwind/cfi_message.h"

static void check_messages(const struct cfi_table *table)
{
	struct message message = {.fd = -1};
	struct cfi_arrival arrival = {};
	struct cfi_table *taken;
	size_t next = 0;

	cfi_message__put_rules(&message, table);
	check(!cfi_arrival__begin(&arrival, &message), "rules are taken");
	while (next < table->row_count) {
		cfi_message__put_rows(&message, table, &next);
		check(!cfi_arrival__add(&arrival, &message), "rows are taken");
	}
	taken = cfi_arrival__end(&arrival);
	check(taken && taken->row_count == table->row_count, "all rows are taken");
	cfi_table__close(taken);
	message__release(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = file_of(data, size);
	struct cfi_table *table = cfi_table__open(fd);

	close(fd);
	if (!table)
		return 0;
	check_table(table);
	check_messages(table);
	cfi_table__close(table);
	return 0;
}
