// SPDX-License-Identifier: Apache-2.0
#include "serve/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/json.h"
#include "serve/index.h"

static const struct {
	enum wire_counter counter;
	const char *what;
} losses[] = {
	{WIRE_CPU_LOST,           "CPU samples lost: no room"                           },
	{WIRE_CPU_STACK_BUSY,     "CPU samples without a stack: no scratch space"       },
	{WIRE_CPU_STACK_FULL,     "CPU samples without a stack: no room for another one"},
	{WIRE_ALLOC_TOO_LARGE,    "allocations not counted: so large that they may fail"},
	{WIRE_ALLOC_LOST_PENDING, "allocations lost: no room until they return"         },
	{WIRE_ALLOC_LOST_STATS,   "allocations lost: no room"                           },
	{WIRE_ALLOC_LOST_LIVE,    "allocations counted as freed: no room to follow them"},
	{WIRE_ALLOC_LOST_RETURN,  "allocations lost: their return was not seen"         },
	{WIRE_ALLOC_STACK_BUSY,   "allocations without a stack: no scratch space"       },
	{WIRE_ALLOC_STACK_FULL,   "allocations without a stack: no room for another one"},
	{WIRE_WAIT_LOST,          "waits lost: no room"                                 },
	{WIRE_WAIT_LOST_START,    "waits lost: no room to remember when they began"     },
	{WIRE_WAIT_LOST_END,      "waits lost: their end was not seen"                  },
	{WIRE_WAIT_STACK_BUSY,    "waits without a stack: no scratch space"             },
	{WIRE_WAIT_STACK_FULL,    "waits without a stack: no room for another one"      },
	{WIRE_CLONE_LOST,         "new threads lost: no room"                           },
	{WIRE_CLONE_STACK_BUSY,   "new threads without a stack: no scratch space"       },
	{WIRE_CLONE_STACK_FULL,   "new threads without a stack: no room for another one"},
	{WIRE_ERA_LOST,           "forks and execs not followed: no room"               },
};

static void put_command(struct json *json, const struct target_told *told)
{
	char argument[TARGET_COMMAND_BYTES + sizeof("...")];

	json__member_array(json, "command");
	for (size_t at = 0; at < told->command_size;) {
		size_t length = strnlen(told->command + at, told->command_size - at);

		memcpy(argument, told->command + at, length);
		argument[length] = '\0';
		at += length + 1;
		if (told->is_cut && at >= told->command_size)
			strcat(argument, "...");
		json__text(json, argument);
	}
	json__close_array(json);
}

static void put_targets(struct json *json, const struct targets_look *targets)
{
	json__member_array(json, "targets");
	for (size_t i = 0; i < targets->told_count; i++) {
		const struct target_told *told = &targets->told[i];

		json__open_map(json);
		json__member_number(json, "pid", told->pid);
		json__member(json, "name", told->name);
		put_command(json, told);
		json__text(json, "alive");
		json__boolean(json, told->is_alive);
		json__member_number(json, "started_ms", told->started_ms);
		json__member_number(json, "threads", told->threads);
		json__close_map(json);
	}
	json__close_array(json);
	json__member_number(json, "target_count", targets->count);
}

static void put_kind(struct json *json, struct agent *agent, const struct agent_figures *figures,
		     const struct profile_kind *kind)
{
	int64_t count = index__count(figures, kind);
	char why[1024];

	json__open_map(json);
	json__member(json, "name", kind->name);
	json__member(json, "title", kind->label);
	json__text(json, "takes_seconds");
	json__boolean(json, profile_kind__takes_time(kind));
	json__text(json, "count");
	if (count >= 0)
		json__number(json, count);
	else
		json__null(json);
	json__text(json, "why_not");
	if (agent__has(agent, kind)) {
		json__null(json);
	} else {
		agent__why_not(agent, kind, why, sizeof(why));
		json__text(json, why);
	}
	json__close_map(json);
}

static void put_kinds(struct json *json, struct agent *agent, const struct agent_figures *figures)
{
	json__member_array(json, "kinds");
	for (const struct profile_kind *const *kind = profile_kinds; *kind; kind++)
		put_kind(json, agent, figures, *kind);
	json__close_array(json);
}

static void put_heap(struct json *json, const struct heap_state *heap)
{
	bool is_known = heap->cost.seconds > 0;

	json__member_map(json, "heap");
	json__text(json, "followed");
	json__boolean(json, heap->is_followed);
	json__member(json, "text", heap->text);
	json__member(json, "warning", heap->warning);
	json__text(json, "probe_cpu_share");
	json__real(json, is_known ? heap->cost.share : NAN);
	json__text(json, "hits_per_second");
	json__real(json, is_known ? heap->cost.hits : NAN);
	json__close_map(json);
}

static void put_losses(struct json *json, const struct collector_figures *figures)
{
	uint64_t whole = 0, truncated = 0;

	json__member_array(json, "losses");
	for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
		if (!figures->counters[losses[i].counter])
			continue;
		json__open_map(json);
		json__member(json, "what", losses[i].what);
		json__member_number(json, "count", figures->counters[losses[i].counter]);
		json__close_map(json);
	}
	json__close_array(json);
	for (int source = 0; source < WIRE_SOURCES; source++) {
		for (int end = 0; end < WIRE_ENDS; end++)
			*(end == WIRE_END_OUTERMOST ? &whole : &truncated) +=
				figures->ends[WIRE_END_INDEX(source, end)];
	}
	json__member_map(json, "stacks");
	json__member_number(json, "whole", whole);
	json__member_number(json, "truncated", truncated);
	json__close_map(json);
}

static void put_self(struct json *json, const struct collector_figures *figures,
		     const struct process_metrics *own)
{
	json__member_map(json, "self");
	json__text(json, "cpu_seconds");
	json__real(json, clock__own_cpu_ns() / 1e9);
	json__member_number(json, "rss_bytes", process_metrics__resident_bytes(own));
	json__member_number(json, "map_bytes", figures->map_bytes);
	json__close_map(json);
}

static void put_column(struct json *json, const char *key, const struct history_point *points,
		       size_t count, double (*value)(const struct history_point *point))
{
	json__member_array(json, key);
	for (size_t i = 0; i < count; i++)
		json__real(json, points[i].is_known ? value(&points[i]) : NAN);
	json__close_array(json);
}

static double cpus_of(const struct history_point *point)
{
	return point->cpus;
}

static double threads_of(const struct history_point *point)
{
	return point->threads;
}

/* Not by put_column(): a double's six digits are too few. */
static void put_rss(struct json *json, const struct history_point *points, size_t count)
{
	json__member_array(json, "rss");
	for (size_t i = 0; i < count; i++) {
		if (points[i].is_known)
			json__number(json, points[i].rss_bytes);
		else
			json__null(json);
	}
	json__close_array(json);
}

static void put_history(struct json *json, const struct history *history, int64_t since_ms)
{
	struct history_point points[HISTORY_POINTS];
	int64_t first_ms;
	size_t count = history__since(history, since_ms, points, &first_ms);

	json__member_map(json, "history");
	json__member_number(json, "start_ms", first_ms);
	json__member_number(json, "step_ms", HISTORY_STEP_MS);
	put_column(json, "cpu", points, count, cpus_of);
	put_rss(json, points, count);
	put_column(json, "threads", points, count, threads_of);
	json__close_map(json);
}

static void put_all(struct json *json, struct agent *agent, const struct process_metrics *own,
		    const struct agent_status *status, int64_t since_ms)
{
	struct agent_figures figures;

	agent__figures(agent, &figures);
	json__open_map(json);
	json__member(json, "version", EXOPROF_VERSION);
	json__member_number(json, "now_ms", clock__realtime_ns() / 1000000);
	json__member_number(json, "attached_ms", status->attached_ms);
	put_targets(json, &status->targets);
	put_kinds(json, agent, &figures);
	put_heap(json, &figures.heap);
	put_losses(json, &figures.collector);
	put_self(json, &figures.collector, own);
	put_history(json, &status->history, since_ms);
	json__close_map(json);
}

char *status__json(struct agent *agent, const struct process_metrics *own, int64_t since_ms,
		   size_t *size)
{
	struct agent_status *status = malloc(sizeof(*status));
	struct json *json = status ? json__new_text() : NULL;

	if (json) {
		agent__status(agent, status);
		put_all(json, agent, own, status, since_ms);
	}
	free(status);
	return json__end_text(json, size);
}
