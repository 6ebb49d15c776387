// SPDX-License-Identifier: Apache-2.0
/* exoprof: profiles a running native process from outside. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "options.h"
#include "reader/nursery.h"
#include "symbol/worker.h"
#include "unwind/cfi_worker.h"

enum {
	READS_NAMES,
	READS_ROWS,
	READERS,
};

/* First of all there comes what may know nothing of the rest. */
static int attach_and_run(const struct command *command, struct options *options)
{
	struct agent_options *agent = &options->agent;
	size_t names_bytes = agent->symbols.memory_bytes ?: SYMBOLIZER_MEMORY_DEFAULT;
	const struct worker_kind kinds[READERS] = {
		[READS_NAMES] = {"exoprof-worker", worker__run,     names_bytes      },
		[READS_ROWS] = {"exoprof-rows",   cfi_worker__run, CFI_WORKER_MEMORY},
	};
	struct nursery *nursery = nursery__start(kinds, READERS);
	int status;

	if (!nursery)
		say("cannot start the process from which those that read files are forked: %s; "
		    "addresses stay addresses, and stacks go by frame pointer",
		    strerror(errno));
	agent->symbols.workers = nursery__source(nursery, READS_NAMES);
	agent->row_workers = nursery__source(nursery, READS_ROWS);
	status = command__run(command, options);
	nursery__stop(nursery);
	return status;
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct options options;

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-?")) {
		command__list();
		return argc < 2 ? 2 : 0;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("exoprof " EXOPROF_VERSION);
		return 0;
	}
	command = command__find(argv[1]);
	if (!command && argv[1][0] != '-') {
		say("no command '%s' (try exoprof --help)", argv[1]);
		return 2;
	}
	/* `exoprof -p PID` is `exoprof serve -p PID`. */
	if (command)
		options__parse(&options, command, argc - 1, argv + 1);
	else
		options__parse(&options, command = command__find("serve"), argc, argv);
	return command__attaches(command) ? attach_and_run(command, &options)
					  : command__run(command, &options);
}
