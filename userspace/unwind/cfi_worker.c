// SPDX-License-Identifier: Apache-2.0
#include "unwind/cfi_worker.h"

#include <errno.h>
#include <sys/syscall.h>

#include "reader/worker_sandbox.h"
#include "unwind/cfi.h"
#include "unwind/cfi_message.h"

/* The standard ones, the socket, a file, and one to come. */
#define DESCRIPTORS 16

static int tell(struct message *answer, int socket)
{
	return message__send(answer, socket, -1, INT64_MAX);
}

static int send_table(struct message *answer, int socket, const struct cfi_table *table)
{
	size_t next = 0;
	int err;

	cfi_message__put_rules(answer, table);
	err = tell(answer, socket);
	while (!err && next < table->row_count) {
		cfi_message__put_rows(answer, table, &next);
		err = tell(answer, socket);
	}
	return err;
}

static int answer_one(struct message *question, struct message *answer, int socket)
{
	struct cfi_table *table;
	int err;

	if (question->type != MESSAGE_READ_ROWS || question->fd < 0 || !message__is_over(question))
		return -EBADMSG;
	table = cfi_table__open(question->fd);
	if (table) {
		err = send_table(answer, socket, table);
	} else {
		cfi_message__put_error(answer, errno);
		err = tell(answer, socket);
	}
	cfi_table__close(table);
	return err;
}

/* Files are read by read(2) (cfi.c), so that nothing is needed beyond what all workers have. libdw
 * asks for the path of what it is to read .debug_frame from (realpath(3)), and goes on without. */
static int shut(size_t memory_bytes)
{
	static const int denied[] = {SYS_readlink, SYS_readlinkat};

	return worker_sandbox__shut(&(struct worker_needs){
		.data_bytes = memory_bytes,
		.descriptors = DESCRIPTORS,
		.denied = denied,
		.denied_count = sizeof(denied) / sizeof(*denied),
	});
}

void cfi_worker__run(int socket, size_t memory_bytes)
{
	struct message question = {.fd = -1}, answer = {.fd = -1};
	int err = shut(memory_bytes);

	while (!err && !message__receive(&question, socket, INT64_MAX))
		err = answer_one(&question, &answer, socket);
	message__release(&question);
	message__release(&answer);
}
