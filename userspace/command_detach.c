// SPDX-License-Identifier: Apache-2.0
/* Takes out of processes what an exoprof has left in them that was killed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "commands.h"
#include "heap_inline.h"
#include "lifecycle.h"
#include "target/files.h"
#include "target/find.h"

static struct maps *read_maps(const struct process *process)
{
	struct files *files = files__new();
	struct maps *maps = files ? maps__read(process, files, NULL) : NULL;
	int err = errno;

	files__free(files);
	errno = err;
	return maps;
}

static const char *explain(int err)
{
	switch (err) {
	case -EBUSY:
		return "an exoprof is attached to it, which takes it out when it ends";
	case -EAGAIN:
		return "nothing leads there any more, but a thread may be in it still: try again later";
	case -EPERM:
	case -EACCES:
		return "its threads cannot be stopped (needs CAP_SYS_PTRACE, and that no debugger "
		       "is attached; try sudo)";
	case -EBADMSG:
		return "it is of another version, or not exoprof's";
	default:
		return strerror(-err);
	}
}

/* Whether nothing is left. */
static bool detach(const struct process *process)
{
	struct maps *maps = read_maps(process);
	pid_t pid = process__pid(process);
	size_t count = 0;
	int err = maps ? heap_inline__clear(pid, maps, false, &count) : -errno;

	maps__put(maps);
	if (err == -ESRCH) {
		printf("pid %d: it has exited, and all that was in it\n", pid);
		return true;
	}
	if (err)
		say("pid %d: what exoprof has put into it stays there: %s", pid, explain(err));
	else if (count)
		printf("pid %d: all that exoprof had put into it is out\n", pid);
	else
		printf("pid %d: nothing of exoprof's is in it\n", pid);
	return !err;
}

/* What a process had when it forked its child has, too. */
static bool detach_children(const struct process *process)
{
	struct found found = {};
	int err = find__descendants(process__pid(process), &found);
	bool all = !err;

	if (err)
		say("cannot look for children of pid %d: %s", process__pid(process),
		    strerror(-err));
	for (size_t i = 0; i < found.count && !err; i++) {
		struct process *child = process__open(found.pids[i]);

		/* It may be gone by now. */
		if (child)
			all &= detach(child);
		process__close(child);
	}
	found__release(&found);
	return all;
}

int detach_command(const struct options *options)
{
	struct process *processes[OPTIONS_PIDS_MAX];
	int count = lifecycle__open_targets(options, processes);
	bool all = count > 0;

	for (int i = 0; i < count; i++) {
		all &= detach(processes[i]);
		if (options->agent.follow_children)
			all &= detach_children(processes[i]);
	}
	if (count > 0)
		lifecycle__close_all(processes, count);
	return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
