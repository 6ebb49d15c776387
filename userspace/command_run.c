// SPDX-License-Identifier: Apache-2.0
/* The heap profile of a whole life. The command is started, stopped at its first instruction and
 * attached to; from there it goes on from system call to system call, so that the functions of an
 * allocator are probed when the dynamic linker has just mapped it, before any of them can be
 * called. At the first system call from outside the dynamic linker all its libraries are mapped,
 * and it is let go. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/say.h"
#include "commands.h"
#include "lifecycle.h"
#include "output.h"
#include "privilege/sandbox.h"
#include "serve/server.h"
#include "taking.h"
#include "target/launch.h"

/* As shells have it. */
#define EXIT_NOT_FOUND    127
#define EXIT_NOT_RUNNABLE 126

struct run {
	const struct options *options;
	pid_t pid;
	struct agent *agent;
	struct server *server;
	int signal_fd, output_fd; /* output: -1 for none */
};

/* What the start looks at, at each system call. */
struct start {
	struct process *process; /* the agent's, once there is one */
	struct agent *agent;     /* NULL: not yet */
	struct files *files;
	struct maps *maps;
	uint64_t linker_inode; /* of the file that the first instruction is in */
};

/* The mappings; those that are new are the agent's business before the program goes on. */
static void look(struct start *start)
{
	struct maps *maps = maps__read(start->process, start->files, start->maps);

	if (!maps)
		return;
	if (start->agent && !maps__equal(start->maps, maps))
		agent__refresh(start->agent);
	maps__put(start->maps);
	start->maps = maps;
}

static bool is_past_linker(void *context, uint64_t pc)
{
	struct start *start = context;
	const struct mapping *mapping;

	look(start);
	mapping = start->maps ? maps__find(start->maps, pc) : NULL;
	return !mapping || mapping->inode != start->linker_inode;
}

/* Where the program is static there is no linker to wait for. */
static int find_linker(struct start *start, pid_t pid, bool *is_static)
{
	const struct mapping *mapping;
	uint64_t pc;
	int err = launch__pc(pid, &pc);

	if (err)
		return err;
	look(start);
	mapping = start->maps ? maps__find(start->maps, pc) : NULL;
	if (!mapping)
		return -ENOENT;
	start->linker_inode = mapping->inode;
	*is_static = mapping->is_main;
	return 0;
}

/* Brings the command to where it runs by itself, attached. 0; -ECHILD if it ended on the way, with
 * its wait status; or -errno after a line that says why. */
static int attach_at_start(struct run *run, int *status)
{
	struct start start = {.process = lifecycle__open(run->pid)};
	struct options options = *run->options;
	bool is_static = false;
	int err;

	if (!start.process)
		return -ESRCH;
	start.files = files__new();
	err = start.files ? find_linker(&start, run->pid, &is_static) : -ENOMEM;
	if (err) {
		process__close(start.process);
		goto out;
	}
	options.agent.heap.from_start = true;
	run->agent = lifecycle__attach(&start.process, 1, &options);
	start.agent = run->agent;
	if (!run->agent) {
		err = -EINVAL;
		goto out;
	}
	if (!is_static)
		err = launch__run_until(run->pid, is_past_linker, &start, status);
	lifecycle__say_heap(run->agent, &options);
out:
	maps__put(start.maps);
	files__free(start.files);
	if (err != -ECHILD)
		launch__release(run->pid);
	return err;
}

/* A signal that a terminal sends reaches the command too; only what was sent to us alone is passed
 * on. Ours is the command's end, not a signal. */
static void pass_signal(const struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_code != SI_KERNEL)
		kill(run->pid, info.ssi_signo);
}

static int wait_for_command(const struct run *run)
{
	struct pollfd fds[] = {
		{.fd = run->signal_fd,                             .events = POLLIN},
		{.fd = process__pidfd(agent__process(run->agent)), .events = POLLIN},
	};
	int status;

	while (!fds[1].revents) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			pass_signal(run);
	}
	while (waitpid(run->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status;
}

static int write_profile(const struct run *run)
{
	struct agent_request request = {
		.kind = run->options->kind,
		.format = run->options->format,
	};
	struct taking *taking = taking__start(run->agent, &request);
	char *bytes = NULL;
	size_t size = 0;
	int err = taking ? taking__finish(taking, &bytes, &size) : -errno;

	if (err) {
		struct heap_state heap;

		agent__heap(run->agent, &heap);
		say("no heap profile: %s", err == -ENODATA ? heap.text : agent__error(err));
		output__discard(run->output_fd, run->options->output);
		return err;
	}
	err = output__save(run->output_fd, run->options->output, bytes, size);
	free(bytes);
	return err;
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void serve(const struct run *run)
{
	char places[1024], comm[PROCESS_COMM_BYTES];
	int err = server__start(run->server, run->agent);

	if (err) {
		say("cannot start the server: %s", strerror(-err));
		return;
	}
	server__describe(run->server, places, sizeof(places));
	process__comm(agent__process(run->agent), comm);
	say("profiling %s (pid %d) at %s", comm, run->pid, places);
}

/* Serves while the command runs. */
static int attend(struct run *run)
{
	int status, err = 0;

	serve(run);
	sandbox__enter(SANDBOX_MAIN, SANDBOX_CHILD);
	status = wait_for_command(run);
	server__close(run->server);
	run->server = NULL;
	if (run->output_fd >= 0)
		err = write_profile(run);
	if (status < 0)
		return fail("cannot wait for the command: %s", strerror(-status));
	/* The command's failure is its own; ours counts only where it had none. */
	status = exit_status(status);
	return status ? status : err ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The command goes on without us; its status is still ours. */
static int wait_unattached(const struct run *run)
{
	int status;

	say("the command goes on, unprofiled");
	while (waitpid(run->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return EXIT_FAILURE;
	}
	return exit_status(status);
}

static int start_and_attend(struct run *run, const struct launch_inherited *inherited)
{
	char **command = run->options->command;
	int err, status = 0;

	run->pid = launch__start(command, inherited);
	if (run->pid < 0) {
		if (run->output_fd >= 0)
			output__discard(run->output_fd, run->options->output);
		fail("cannot run %s: %s", command[0], strerror(-run->pid));
		return run->pid == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
	}
	err = attach_at_start(run, &status);
	if (err == -ECHILD)
		status = exit_status(status);
	else if (err && !run->agent)
		status = wait_unattached(run);
	else
		status = attend(run);
	agent__close(run->agent, status);
	return status;
}

static int open_and_attend(struct run *run, const struct launch_inherited *inherited)
{
	const char *output = run->options->output;

	if (output) {
		run->output_fd = output__open(output);
		if (run->output_fd < 0)
			return fail("cannot write %s: %s (choose another place with -o)", output,
				    strerror(-run->output_fd));
	}
	return start_and_attend(run, inherited);
}

int run_command(const struct options *options)
{
	struct run run = {.options = options, .output_fd = -1};
	const char *allocator = options->agent.heap.allocator;
	struct launch_inherited inherited;
	char why[512];
	int status;

	run.signal_fd = lifecycle__signals(&inherited.mask);
	if (run.signal_fd < 0)
		return fail("cannot wait for signals: %s", strerror(-run.signal_fd));
	sandbox__hide_memory();
	lifecycle__raise_descriptors(&inherited.descriptors);
	/* It may be mapped at any time, but not if it is not there. */
	if (allocator && access(allocator, R_OK))
		return fail("cannot follow %s: %s", allocator, strerror(errno));
	run.server = server__open(&options->server, why, sizeof(why));
	if (!run.server)
		return fail("%s", why);
	status = open_and_attend(&run, &inherited);
	server__close(run.server);
	return status;
}
