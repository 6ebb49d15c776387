/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef EXOPROF_OPTIONS_H
#define EXOPROF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent.h"
#include "export/export.h"
#include "profile/kind.h"
#include "serve/server.h"

/* How many --debug-dir there may be. */
#define DEBUG_DIRS_MAX   16

/* How many profiles a command may read. */
#define INPUTS_MAX       2

/* How many -p there may be. */
#define OPTIONS_PIDS_MAX 64

struct options {
	pid_t pids[OPTIONS_PIDS_MAX];
	size_t pid_count;
	const char *name;    /* of a process; NULL: none */
	const char *unit;    /* of systemd; NULL: none */
	pid_t container_pid; /* 0: none; else a pid in the pid namespace of `of` */
	pid_t of;
	const char *debug_dirs[DEBUG_DIRS_MAX + 1]; /* ends with NULL */
	struct agent_options agent;
	struct server_options server;
	const struct profile_kind *kind;
	uint32_t duration_s;
	uint32_t delay_s;    /* of top: between refreshes */
	uint32_t iterations; /* of top; 0: no end */
	bool plain;          /* of top: no terminal */
	bool with_heap;      /* of top: to be followed though it is not what is shown first */
	const struct format *format;
	bool preattach;                 /* of record: with what was in use before, as a frame */
	const char *output;             /* NULL: none was given; "-": standard output */
	const char *inputs[INPUTS_MAX]; /* files to read; "-": standard input */
	size_t input_count;
	bool normalize, reverse;  /* of diff: see struct diff_options */
	const char *sample_index; /* NULL: the file's own choice */
	char **command;           /* of run: what comes behind the options; NULL-terminated */
};

struct command;

/* Fills the options from the command's own arguments (argv[0] is its name). A bad one ends the
 * process with status 2, after one line that says what is wrong with it. */
void options__parse(struct options *options, const struct command *command, int argc, char **argv);

/* The command of that name, or NULL. */
const struct command *command__find(const char *name);

/* Whether it attaches to processes, and so names what they do. */
bool command__attaches(const struct command *command);

/* Does it; gives the exit status. */
int command__run(const struct command *command, const struct options *options);

/* Prints what there is. */
void command__list(void);

#endif
