// SPDX-License-Identifier: Apache-2.0
#include "taking.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct taking {
	struct agent *agent;
	uint64_t number;
	int done_fd; /* eventfd; a write to it also publishes the answer */
	struct agent_answer answer;
};

static void on_done(void *context, const struct agent_answer *answer)
{
	struct taking *taking = context;
	uint64_t one = 1;
	ssize_t written;

	taking->answer = *answer;
	written = write(taking->done_fd, &one, sizeof(one));
	(void)written; /* an eventfd takes its first 1 */
}

struct taking *taking__start(struct agent *agent, const struct agent_request *request)
{
	struct taking *taking = calloc(1, sizeof(*taking));

	if (!taking)
		return NULL;
	taking->agent = agent;
	taking->done_fd = eventfd(0, EFD_CLOEXEC);
	if (taking->done_fd >= 0)
		taking->number = agent__submit(agent, request, on_done, taking);
	if (taking->number)
		return taking;
	if (taking->done_fd >= 0)
		close(taking->done_fd);
	free(taking);
	return NULL;
}

int taking__fd(const struct taking *taking)
{
	return taking->done_fd;
}

void taking__end_now(struct taking *taking)
{
	agent__end(taking->agent, taking->number, true);
}

int taking__finish(struct taking *taking, char **bytes, size_t *size)
{
	uint64_t count;
	int err;

	while (read(taking->done_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	err = taking->answer.err;
	*bytes = taking->answer.body;
	*size = taking->answer.size;
	close(taking->done_fd);
	free(taking);
	return err;
}
