// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "commands.h"
#include "lifecycle.h"
#include "privilege/sandbox.h"
#include "top/live.h"
#include "top/plain.h"

static int watch(struct session *session, const struct options *options, int signal_fd,
		 int screen_signal_fd)
{
	struct screen *screen;

	if (screen_signal_fd < 0) {
		sandbox__enter(SANDBOX_MAIN, SANDBOX_NO_EXTRA);
		return plain__run(session, options->iterations, signal_fd);
	}
	screen = screen__open(screen_signal_fd);
	if (!screen)
		return fail("cannot draw on this terminal, '%s' (--plain needs none)",
			    getenv("TERM"));
	sandbox__enter(SANDBOX_MAIN, SANDBOX_NO_EXTRA);
	live__run(session, screen, options->iterations, signal_fd);
	screen__close(screen);
	return EXIT_SUCCESS;
}

static int attach_and_watch(struct process **processes, size_t count, const struct options *options,
			    int signal_fd, int screen_signal_fd)
{
	struct session_options wanted = {
		.delay_s = options->delay_s,
		.frequency = options->agent.frequency,
		.heap_rate = options->agent.heap_rate,
		.has_heap = options->agent.heap.enabled,
	};
	struct agent *agent = lifecycle__attach(processes, count, options);
	struct session *session;
	int status;

	if (!agent)
		return EXIT_FAILURE;
	lifecycle__say_heap(agent, options);
	session = session__new(agent, &wanted, top_view__of_kind(options->kind));
	if (session)
		status = watch(session, options, signal_fd, screen_signal_fd);
	else
		status = fail("cannot start: %s", strerror(errno));
	session__free(session);
	agent__close(agent, status);
	return status;
}

int top_command(const struct options *options)
{
	bool is_plain = options->plain || !screen__is_possible();
	struct options wanted = *options;
	struct process *processes[OPTIONS_PIDS_MAX];
	int signal_fd = lifecycle__signals(NULL);
	int screen_signal_fd = is_plain ? -1 : screen__signals();
	int count;

	if (top_view__of_kind(options->kind) < 0) {
		say("top: --type: '%s' is none of those that it shows, see --help",
		    options->kind->name);
		return 2;
	}
	if (signal_fd < 0 || (!is_plain && screen_signal_fd < 0))
		return fail("cannot wait for signals");
	/* What is printable, and how wide, goes by the user's encoding. */
	setlocale(LC_CTYPE, "");
	/* Nobody's malloc is touched because of a key. */
	wanted.agent.heap.enabled &= options->with_heap || options->kind->source == SAMPLES_HEAP;
	sandbox__hide_memory();
	lifecycle__raise_descriptors(NULL);
	count = lifecycle__open_targets(options, processes);
	if (count < 0)
		return EXIT_FAILURE;
	return attach_and_watch(processes, count, &wanted, signal_fd, screen_signal_fd);
}
