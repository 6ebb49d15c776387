// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "commands.h"
#include "lifecycle.h"
#include "privilege/sandbox.h"
#include "serve/server.h"

/* Until a signal ends it. The target's end does not: what was collected can still be asked for. */
static void wait_for_end(const struct process *process, int signal_fd)
{
	struct pollfd fds[] = {
		{.fd = signal_fd,               .events = POLLIN},
		{.fd = process__pidfd(process), .events = POLLIN},
	};

	while (!fds[0].revents) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents) {
			say("pid %d has exited; still serving what was collected (Ctrl-C ends)",
			    process__pid(process));
			fds[1].fd = -1;
			fds[1].revents = 0;
		}
	}
}

static int serve(struct server *server, struct agent *agent, int signal_fd)
{
	const struct process *process = agent__process(agent);
	char places[1024], comm[PROCESS_COMM_BYTES], others[32] = "";
	size_t alive = agent__alive(agent);
	struct heap_state heap;
	int err = server__start(server, agent);

	if (err)
		return fail("cannot start the server: %s", strerror(-err));
	sandbox__enter(SANDBOX_MAIN, SANDBOX_NO_EXTRA);
	server__describe(server, places, sizeof(places));
	agent__heap(agent, &heap);
	process__comm(process, comm);
	if (alive > 1)
		snprintf(others, sizeof(others), " and %zu more", alive - 1);
	printf("exoprof: profiling %s (pid %d)%s at %s%s%s\n", comm, process__pid(process), others,
	       places, heap.is_followed ? ", heap of " : ", without its heap",
	       heap.is_followed ? heap.text : "");
	if (fflush(stdout))
		say("cannot write to standard output: %s; serving at %s", strerror(errno), places);
	wait_for_end(process, signal_fd);
	return EXIT_SUCCESS;
}

int serve_command(const struct options *options)
{
	int signal_fd = lifecycle__signals(NULL);
	struct process *processes[OPTIONS_PIDS_MAX];
	struct server *server;
	struct agent *agent;
	int status, count;
	char why[512];

	if (signal_fd < 0)
		return fail("cannot wait for signals: %s", strerror(-signal_fd));
	sandbox__hide_memory();
	lifecycle__raise_descriptors(NULL);
	count = lifecycle__open_targets(options, processes);
	if (count < 0)
		return EXIT_FAILURE;
	/* Before the target is touched: a port in use is found out first. */
	server = server__open(&options->server, why, sizeof(why));
	if (!server) {
		lifecycle__close_all(processes, count);
		return fail("%s", why);
	}
	agent = lifecycle__attach(processes, count, options);
	if (agent)
		lifecycle__say_heap(agent, options);
	status = agent ? serve(server, agent, signal_fd) : EXIT_FAILURE;
	server__close(server);
	agent__close(agent, status);
	return status;
}
