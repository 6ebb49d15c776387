// SPDX-License-Identifier: Apache-2.0
/* exoprof: profiles a running native process from outside. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "options.h"
#include "symbol/nursery.h"

/* First of all there comes what may know nothing of the rest. */
static int attach_and_run(const struct command *command, struct options *options)
{
	struct symbolizer_options *symbols = &options->agent.symbols;
	struct nursery *nursery =
		nursery__start(symbols->memory_bytes ?: SYMBOLIZER_MEMORY_DEFAULT);
	int status;

	if (!nursery)
		say("cannot start the process that reads files for names: %s; addresses stay "
		    "addresses",
		    strerror(errno));
	symbols->workers = nursery__source(nursery);
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
