// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/say.h"
#include "commands.h"
#include "lifecycle.h"
#include "output.h"
#include "privilege/sandbox.h"
#include "taking.h"

struct recording {
	const struct options *options;
	struct agent *agent;
	int signal_fd;
	int64_t start_ms;
};

static const char *type_name(const struct options *options)
{
	return options->kind->source == SAMPLES_CPU ? "cpu" : options->kind->name;
}

static void show_progress(const struct recording *recording)
{
	const struct process *process = agent__process(recording->agent);
	char comm[PROCESS_COMM_BYTES];
	int64_t elapsed_s = (clock__monotonic_ms() - recording->start_ms) / 1000;

	if (!isatty(STDERR_FILENO))
		return;
	process__comm(process, comm);
	fprintf(stderr, "\r\033[Krecording %s of %s (pid %d): %lld of %u s (Ctrl-C ends early)",
		type_name(recording->options), comm, process__pid(process), (long long)elapsed_s,
		recording->options->duration_s);
}

static void clear_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* Waits until the fd is readable, the time is over, or a signal comes (true). */
static bool wait_interrupted(const struct recording *recording, int fd, int64_t until_ms)
{
	struct pollfd fds[] = {
		{.fd = recording->signal_fd, .events = POLLIN},
		{.fd = fd,                   .events = POLLIN},
	};
	int64_t left_ms;

	while (!fds[0].revents && !fds[1].revents) {
		show_progress(recording);
		left_ms = until_ms - clock__monotonic_ms();
		if (left_ms <= 0)
			break;
		if (poll(fds, 2, left_ms < 1000 ? left_ms : 1000) < 0 && errno != EINTR)
			break;
	}
	clear_progress();
	return fds[0].revents;
}

static int64_t end_ms(const struct recording *recording)
{
	return recording->start_ms + recording->options->duration_s * 1000LL;
}

/* The agent keeps the time. */
static int take_window(const struct recording *recording, char **bytes, size_t *size)
{
	struct agent_request request = {
		.kind = recording->options->kind,
		.format = recording->options->format,
		.seconds = recording->options->duration_s,
	};
	struct taking *taking = taking__start(recording->agent, &request);

	if (!taking)
		return -errno;
	if (wait_interrupted(recording, taking__fd(taking), INT64_MAX))
		taking__end_now(taking);
	return taking__finish(taking, bytes, size);
}

/* All there is since the attach, once the time is over or the target gone. */
static int take_snapshot(const struct recording *recording, char **bytes, size_t *size)
{
	struct agent_request request = {
		.kind = recording->options->kind,
		.format = recording->options->format,
		.preattach = recording->options->preattach,
	};
	struct taking *taking;

	/* How threads stand is of now. */
	if (recording->options->kind->source != SAMPLES_THREADS)
		wait_interrupted(recording, agent__only_pidfd(recording->agent), end_ms(recording));
	taking = taking__start(recording->agent, &request);
	return taking ? taking__finish(taking, bytes, size) : -errno;
}

static int record(const struct recording *recording, int output_fd, const char *path)
{
	const struct options *options = recording->options;
	char *bytes = NULL;
	size_t size = 0;
	int err;

	if (profile_kind__takes_time(options->kind))
		err = take_window(recording, &bytes, &size);
	else
		err = take_snapshot(recording, &bytes, &size);
	if (err) {
		char why[1024];

		agent__why_not(recording->agent, options->kind, why, sizeof(why));
		output__discard(output_fd, path);
		return fail("no %s profile: %s%s", type_name(options),
			    err == -ENODATA ? why : agent__error(err),
			    err == -EACCES ? " (exoprof check says what is missing)" : "");
	}
	err = output__save(output_fd, path, bytes, size);
	free(bytes);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int record_command(const struct options *options)
{
	struct options wanted = *options;
	struct recording recording = {.options = options};
	const char *path = options->output;
	char default_path[64];
	struct process *processes[OPTIONS_PIDS_MAX];
	int fd, count, status = EXIT_FAILURE;

	/* A CPU profile has no business in the target's malloc, nor in its waits. */
	wanted.agent.heap.enabled = options->kind->source == SAMPLES_HEAP;
	wanted.agent.offcpu.enabled =
		options->kind->source == SAMPLES_WAITS || options->kind->source == SAMPLES_WALL;
	recording.signal_fd = lifecycle__signals(NULL);
	if (recording.signal_fd < 0)
		return fail("cannot wait for signals: %s", strerror(-recording.signal_fd));
	sandbox__hide_memory();
	lifecycle__raise_descriptors(NULL);
	count = lifecycle__open_targets(options, processes);
	if (count < 0)
		return EXIT_FAILURE;
	recording.agent = lifecycle__attach(processes, count, &wanted);
	if (!recording.agent)
		return EXIT_FAILURE;
	if (wanted.agent.heap.enabled)
		lifecycle__warn_of_heap(recording.agent);
	if (!path) {
		snprintf(default_path, sizeof(default_path), "%s%s", type_name(options),
			 options->format->ending);
		path = default_path;
	}
	/* Only now: what cannot be attached to leaves no empty file. */
	fd = output__open(path);
	if (fd < 0) {
		fail("cannot write %s: %s (choose another place with -o)", path, strerror(-fd));
	} else {
		sandbox__enter(SANDBOX_MAIN, SANDBOX_NO_EXTRA);
		recording.start_ms = clock__monotonic_ms();
		status = record(&recording, fd, path);
	}
	agent__close(recording.agent, status);
	return status;
}
