// SPDX-License-Identifier: Apache-2.0
#include "lifecycle.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>

#include "base/say.h"
#include "target/find.h"

int lifecycle__signals(sigset_t *before)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &mask, before))
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

void lifecycle__raise_descriptors(struct rlimit *before)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (before)
		*before = limit;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

struct process *lifecycle__open(pid_t pid)
{
	struct process *process = process__open(pid);

	if (!process)
		fail("cannot attach to pid %d: %s", pid, process__open_error(errno));
	return process;
}

static void say_not_found(const struct options *options, int err)
{
	if (err == ENOENT)
		fail("no process has pid %d in the container of pid %d (is --of a process of that "
		     "container, and is the pid as ps shows it in there?)",
		     options->container_pid, options->of);
	else if (err == ESRCH)
		fail("cannot look into the container of pid %d: no such process (--of takes the "
		     "pid that the process has out here)",
		     options->of);
	else
		fail("cannot look into the container of pid %d: %s%s", options->of, strerror(err),
		     err == EACCES || err == EPERM ? " (needs CAP_SYS_PTRACE; try sudo)" : "");
}

static struct process *open_in_container(const struct options *options)
{
	pid_t pid = find__in_namespace(options->container_pid, options->of);
	struct process *process;

	if (pid < 0) {
		say_not_found(options, -pid);
		return NULL;
	}
	process = lifecycle__open(pid);
	/* Pinned by now, so if it is still the one that was looked for, it will stay that. */
	if (!process || (find__in_namespace(options->container_pid, options->of) == pid &&
			 process__is_alive(process)))
		return process;
	say_not_found(options, ENOENT);
	process__close(process);
	return NULL;
}

void lifecycle__close_all(struct process **processes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		process__close(processes[i]);
}

/* All of them or none: how many, or -1 after a line that says why not. */
static int open_all(const pid_t *pids, size_t count, struct process **processes)
{
	for (size_t i = 0; i < count; i++) {
		processes[i] = lifecycle__open(pids[i]);
		if (processes[i])
			continue;
		lifecycle__close_all(processes, i);
		return -1;
	}
	return count;
}

static void say_ambiguous(const char *name, const char *are, const struct found *found)
{
	char pids[160] = "";

	for (size_t i = 0; i < found->count && strlen(pids) + 16 < sizeof(pids); i++)
		snprintf(pids + strlen(pids), sizeof(pids) - strlen(pids), "%s%d", i ? ", " : "",
			 found->pids[i]);
	fail("%zu processes are %s '%s': %s; give one with -p (or several), or with "
	     "--follow-children the one that the others come from",
	     found->count, are, name, pids);
}

static int open_found(const struct options *options, struct process **processes)
{
	const char *name = options->name ?: options->unit;
	bool heads_only = options->agent.follow_children;
	struct found found = {};
	int count = -1;
	int err = options->name ? find__by_name(name, heads_only, &found)
				: find__by_unit(name, heads_only, &found);

	if (err)
		fail("cannot look for '%s': %s", name, strerror(-err));
	else if (!found.count)
		fail(options->name ? "no process is called '%s' (ps -e shows the names, of at most "
				     "15 bytes)"
				   : "no process is of a unit '%s' (systemctl status shows those "
				     "that are)",
		     name);
	else if (found.count > 1)
		say_ambiguous(name, options->name ? "called" : "of unit", &found);
	else
		count = open_all(found.pids, 1, processes);
	found__release(&found);
	return count;
}

int lifecycle__open_targets(const struct options *options,
			    struct process *processes[OPTIONS_PIDS_MAX])
{
	if (options->name || options->unit)
		return open_found(options, processes);
	if (!options->container_pid)
		return open_all(options->pids, options->pid_count, processes);
	processes[0] = open_in_container(options);
	return processes[0] ? 1 : -1;
}

void lifecycle__warn_of_heap(struct agent *agent)
{
	struct heap_state heap;

	agent__heap(agent, &heap);
	if (*heap.warning)
		say("the heap profile of pid %d is not whole: %s",
		    process__pid(agent__process(agent)), heap.warning);
}

void lifecycle__say_heap(struct agent *agent, const struct options *options)
{
	struct heap_state heap;

	if (!options->agent.heap.enabled)
		return;
	agent__heap(agent, &heap);
	if (!heap.is_followed && !heap.is_ending)
		say("no heap profile of pid %d: %s", process__pid(agent__process(agent)),
		    heap.text);
	lifecycle__warn_of_heap(agent);
}

struct agent *lifecycle__attach(struct process **processes, size_t count,
				const struct options *options)
{
	pid_t pid = process__pid(processes[0]);
	struct agent *agent;
	char why[1024];

	agent = agent__open(processes, count, &options->agent, why, sizeof(why));
	if (!agent) {
		fail("cannot attach to pid %d: %s", pid, why);
		return NULL;
	}
	return agent;
}
