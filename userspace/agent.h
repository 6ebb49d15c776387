/* SPDX-License-Identifier: Apache-2.0 */
/* The live profiler of one process or several. A thread of its own owns the collector and keeps the
 * requests' time; a second one puts names to what was collected and writes it out. Callers only
 * ever see finished bytes. */
#ifndef EXOPROF_AGENT_H
#define EXOPROF_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/collector.h"
#include "export/export.h"
#include "heap_watch.h"
#include "history.h"
#include "profile/kind.h"
#include "symbol/symbolizer.h"
#include "target/process.h"
#include "targets.h"

struct agent;

struct agent_options {
	uint32_t frequency;
	uint64_t heap_rate;
	struct heap_watch_options heap;
	enum probe_flavour flavour;
	struct offcpu_options offcpu;
	struct symbolizer_options symbols;
	const struct worker_source *row_workers; /* see file_rows__new() */
	bool follow_children;
};

/* Attaches to `count` processes, one at least. They are the agent's from then on, whether it works
 * or not. NULL with the reason in `why`. A heap that cannot be followed is no failure, unless a
 * file was named for it: agent__heap() tells. */
struct agent *agent__open(struct process **processes, size_t count,
			  const struct agent_options *options, char *why, size_t why_size);

/* Detaches. Requests that are under way get their answer first, an error. Where a thread waits in
 * the kernel, for a file system that does not answer, it ends the process with that status. NULL is
 * fine. */
void agent__close(struct agent *agent, int status);

/* What an answer's -errno means. */
const char *agent__error(int err);

/* The first of those that were given. */
const struct process *agent__process(const struct agent *agent);

/* Readable (POLLIN) once the only process is gone; -1 where there are, or may be, others. */
int agent__only_pidfd(const struct agent *agent);

/* How many processes there are, children included, a second ago or less, as is the following. */
size_t agent__alive(struct agent *agent);

/* Whether and how the heap of the first is followed. */
void agent__heap(struct agent *agent, struct heap_state *state);

/* Whether there may be profiles of that kind; what is asked for may turn out not to be there all
 * the same. */
bool agent__has(struct agent *agent, const struct profile_kind *kind);

/* Why there is no profile of that kind, for an answer of -ENODATA. */
void agent__why_not(struct agent *agent, const struct profile_kind *kind, char *why, size_t size);

struct agent_figures {
	struct collector_figures collector;
	struct heap_state heap;
	size_t processes;                     /* that are alive */
	size_t threads;                       /* of theirs; 0: unknown */
	struct symbolizer_figures symbolizer; /* as of the last answer */
	struct debuginfod_figures fetches;
};

/* What exoprof has to say of itself. */
void agent__figures(struct agent *agent, struct agent_figures *figures);

struct agent_status {
	int64_t attached_ms; /* since the epoch */
	struct targets_look targets;
	struct history history; /* until the last process was gone */
};

/* How the targets do, by a look each second. */
void agent__status(struct agent *agent, struct agent_status *status);

/* Reads the targets' mappings anew; returns when it is done. */
void agent__refresh(struct agent *agent);

struct agent_request {
	const struct profile_kind *kind;
	const struct format *format;
	uint32_t seconds; /* 0: as it is now, all since the attach; else of the next N seconds */
	bool since_last;  /* what came since the last one of this kind that was asked for so; of
			   * cpu, with 0 seconds, and all of it: sampling goes on in between */
	bool preattach;   /* heap: with an estimate of what was there before, as a frame */
	bool with_tid;    /* samples are told apart by their thread's number */
	char thread[WIRE_COMM_BYTES]; /* only those of threads of this name; empty: of all */
};

#define AGENT_TITLE_BYTES 96

struct agent_answer {
	int err;    /* 0, or -errno and no body; -ESRCH: the target is gone; -ECANCELED; -ETIMEDOUT:
		     * a file system of the target's does not answer */
	char *body; /* malloc()ed, the receiver's */
	size_t size;
	/* What the profile is, in whatever format. */
	char title[AGENT_TITLE_BYTES];
	int64_t time_ns, duration_ns;
	struct profile_outcome outcome;
};

typedef void agent_done(void *context, const struct agent_answer *answer);

/* Hands a request in. `done` is called for it once, on one of the agent's threads. Gives the
 * request's number, which is never 0; or 0 where memory is short, and then `done` is not called. */
uint64_t agent__submit(struct agent *agent, const struct agent_request *request, agent_done *done,
		       void *context);

/* Of what agent__name() gives: of a name, before it is cut, which "..." shows; and of the answer.
 */
#define AGENT_NAME_MAX  4096
#define AGENT_NAMES_MAX (32 << 20)

/* Asks for the names of addresses of the first process, as it is now; the answer is a line each,
 * "0x4005d0 main\n", without those that have no name, or -EMSGSIZE where that is too much. As
 * agent__submit() for the rest. */
uint64_t agent__name(struct agent *agent, const uint64_t *addresses, size_t count, agent_done *done,
		     void *context);

/* Has `done` called once the naming thread gets to it, with an empty answer: for what takes too
 * long elsewhere. As agent__submit() for the rest. */
uint64_t agent__call(struct agent *agent, agent_done *done, void *context);

/* Ends a request early, or all of them for number 0. With `keep`, what was collected until now is
 * its answer; else it gets -ECANCELED. One that is over already is fine. */
void agent__end(struct agent *agent, uint64_t number, bool keep);

#endif
