// SPDX-License-Identifier: Apache-2.0
#include "serve/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory_stream.h"
#include "privilege/sandbox.h"
#include "serve/exposition.h"

#define LABELS_MAX 128

/* Outcomes of events. */
static const struct {
	enum wire_counter counter;
	const char *labels;
} outcomes[] = {
	{WIRE_CPU_COUNTED,        "source=\"cpu\",event=\"tick\",outcome=\"counted\""       },
	{WIRE_CPU_STACK_BUSY,     "source=\"cpu\",event=\"tick\",outcome=\"stack_busy\""    },
	{WIRE_CPU_STACK_FULL,     "source=\"cpu\",event=\"tick\",outcome=\"stack_full\""    },
	{WIRE_CPU_LOST,           "source=\"cpu\",event=\"tick\",outcome=\"lost\""          },
	{WIRE_ALLOC_COUNTED,      "source=\"heap\",event=\"alloc\",outcome=\"counted\""     },
	{WIRE_ALLOC_UNSAMPLED,    "source=\"heap\",event=\"alloc\",outcome=\"unsampled\""   },
	{WIRE_ALLOC_NESTED,       "source=\"heap\",event=\"alloc\",outcome=\"nested\""      },
	{WIRE_ALLOC_FAILED,       "source=\"heap\",event=\"alloc\",outcome=\"failed\""      },
	{WIRE_ALLOC_TOO_LARGE,    "source=\"heap\",event=\"alloc\",outcome=\"too_large\""   },
	{WIRE_ALLOC_STACK_BUSY,   "source=\"heap\",event=\"alloc\",outcome=\"stack_busy\""  },
	{WIRE_ALLOC_STACK_FULL,   "source=\"heap\",event=\"alloc\",outcome=\"stack_full\""  },
	{WIRE_ALLOC_LOST_PENDING, "source=\"heap\",event=\"alloc\",outcome=\"lost_pending\""},
	{WIRE_ALLOC_LOST_STATS,   "source=\"heap\",event=\"alloc\",outcome=\"lost_stats\""  },
	{WIRE_ALLOC_LOST_LIVE,    "source=\"heap\",event=\"alloc\",outcome=\"lost_live\""   },
	{WIRE_ALLOC_LOST_RETURN,  "source=\"heap\",event=\"alloc\",outcome=\"lost_return\"" },
	{WIRE_WAIT_COUNTED,       "source=\"offcpu\",event=\"wait\",outcome=\"counted\""    },
	{WIRE_WAIT_UNSAMPLED,     "source=\"offcpu\",event=\"wait\",outcome=\"unsampled\""  },
	{WIRE_WAIT_SHORT,         "source=\"offcpu\",event=\"wait\",outcome=\"short\""      },
	{WIRE_WAIT_STACK_BUSY,    "source=\"offcpu\",event=\"wait\",outcome=\"stack_busy\"" },
	{WIRE_WAIT_STACK_FULL,    "source=\"offcpu\",event=\"wait\",outcome=\"stack_full\"" },
	{WIRE_WAIT_LOST,          "source=\"offcpu\",event=\"wait\",outcome=\"lost\""       },
	{WIRE_WAIT_LOST_END,      "source=\"offcpu\",event=\"wait\",outcome=\"lost_end\""   },
	{WIRE_WAIT_LOST_START,    "source=\"offcpu\",event=\"wait\",outcome=\"lost_start\"" },
	{WIRE_CLONE_COUNTED,      "source=\"clone\",event=\"clone\",outcome=\"counted\""    },
	{WIRE_CLONE_STACK_BUSY,   "source=\"clone\",event=\"clone\",outcome=\"stack_busy\"" },
	{WIRE_CLONE_STACK_FULL,   "source=\"clone\",event=\"clone\",outcome=\"stack_full\"" },
	{WIRE_CLONE_LOST,         "source=\"clone\",event=\"clone\",outcome=\"lost\""       },
	{WIRE_FREE_COUNTED,       "source=\"heap\",event=\"free\",outcome=\"counted\""      },
	{WIRE_FREE_UNTRACKED,     "source=\"heap\",event=\"free\",outcome=\"untracked\""    },
	{WIRE_FREE_NULL,          "source=\"heap\",event=\"free\",outcome=\"null\""         },
	{WIRE_FREE_LATE,          "source=\"heap\",event=\"free\",outcome=\"late\""         },
};

static const char *const source_names[WIRE_SOURCES] = {
	[WIRE_SOURCE_CPU] = "cpu",       [WIRE_SOURCE_HEAP] = "heap",
	[WIRE_SOURCE_OFFCPU] = "offcpu", [WIRE_SOURCE_CLONE] = "clone",
	[WIRE_SOURCE_THREAD] = "thread",
};

static const char *const end_names[WIRE_ENDS] = {
	[WIRE_END_OUTERMOST] = "complete",      [WIRE_END_NO_USER] = "no_user_stack",
	[WIRE_END_NO_MAPPING] = "no_mapping",   [WIRE_END_NO_ROW] = "no_unwind_row",
	[WIRE_END_UNSUPPORTED] = "unsupported", [WIRE_END_READ_FAULT] = "read_fault",
	[WIRE_END_BAD_FRAME] = "bad_frame",     [WIRE_END_TOO_DEEP] = "too_deep",
};

static void put_events(FILE *out, const uint64_t *counters)
{
	const char *name = "exoprof_events_total";

	exposition__family(
		out, name, "counter",
		"CPU ticks in the targets, calls that allocate or free, waits and "
		"threads that were created, by what became of them; each event has one outcome. stack_busy, stack_full: "
		"counted, but without a stack.");
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
		exposition__integer(out, name, outcomes[i].labels, counters[outcomes[i].counter]);
}

static void put_lost(FILE *out, const uint64_t *counters)
{
	const char *name = "exoprof_lost_samples_total";

	exposition__family(out, name, "counter",
			   "Samples that are in no profile, for want of room or of a return.");
	exposition__integer(out, name, "source=\"cpu\"", counters[WIRE_CPU_LOST]);
	exposition__integer(out, name, "source=\"heap\"",
			    counters[WIRE_ALLOC_LOST_PENDING] + counters[WIRE_ALLOC_LOST_STATS] +
				    counters[WIRE_ALLOC_LOST_RETURN]);
	exposition__integer(out, name, "source=\"offcpu\"",
			    counters[WIRE_WAIT_LOST] + counters[WIRE_WAIT_LOST_START] +
				    counters[WIRE_WAIT_LOST_END]);
	exposition__integer(out, name, "source=\"clone\"", counters[WIRE_CLONE_LOST]);
}

static void put_stacks(FILE *out, const struct collector_figures *figures)
{
	const char *stacks = "exoprof_stacks_total";
	const char *frames = "exoprof_frame_pointer_frames_total";
	char labels[LABELS_MAX];

	exposition__family(
		out, stacks, "counter",
		"Stacks that were walked, by how they ended: complete, or cut short, and "
		"why.");
	for (int source = 0; source < WIRE_SOURCES; source++) {
		for (int end = 0; end < WIRE_ENDS; end++) {
			snprintf(labels, sizeof(labels), "source=\"%s\",end=\"%s\"",
				 source_names[source], end_names[end]);
			exposition__integer(out, stacks, labels,
					    figures->ends[WIRE_END_INDEX(source, end)]);
		}
	}
	exposition__family(out, frames, "counter",
			   "Frames that were passed by frame pointer, for want of unwind rows.");
	exposition__integer(out, frames, "source=\"cpu\"",
			    figures->counters[WIRE_CPU_FRAME_POINTERS]);
	exposition__integer(out, frames, "source=\"heap\"",
			    figures->counters[WIRE_ALLOC_FRAME_POINTERS]);
	exposition__integer(out, frames, "source=\"offcpu\"",
			    figures->counters[WIRE_WAIT_FRAME_POINTERS]);
}

static void put_maps(FILE *out, const struct collector_figures *figures)
{
	const char *used = "exoprof_map_entries";
	const char *capacity = "exoprof_map_capacity_entries";
	char labels[LABELS_MAX];

	exposition__family(out, used, "gauge", "Entries in use of what can be full in the kernel.");
	for (int i = 0; i < FIGURED_MAPS; i++) {
		snprintf(labels, sizeof(labels), "map=\"%s\"", figures->maps[i].name);
		exposition__integer(out, used, labels, figures->maps[i].used);
	}
	exposition__family(out, capacity, "gauge", "How many entries there can be.");
	for (int i = 0; i < FIGURED_MAPS; i++) {
		snprintf(labels, sizeof(labels), "map=\"%s\"", figures->maps[i].name);
		exposition__integer(out, capacity, labels, figures->maps[i].capacity);
	}
}

/* How processes that read the targets' files for something ended. */
static void put_ends(FILE *out, const char *name, const char *help, const struct worker_ends *ends)
{
	static const char *const reasons[WORKER_ENDS] = {
		[WORKER_DIED] = "reason=\"died\"",
		[WORKER_HUNG] = "reason=\"hung\"",
		[WORKER_MALFORMED] = "reason=\"malformed\"",
	};

	exposition__family(out, name, "counter", help);
	for (int end = 0; end < WORKER_ENDS; end++)
		exposition__integer(out, name, reasons[end], ends->counts[end]);
}

static void put_rows(FILE *out, const struct file_rows_figures *rows)
{
	put_ends(out, "exoprof_unwind_restarts_total",
		 "Ends of the process that reads the targets' call-frame information; as "
		 "exoprof_symbolizer_restarts_total.",
		 &rows->ends);
	exposition__only_integer(out, "exoprof_unwind_failed_files_total", "counter",
				 "Files whose functions are passed by frame pointer because "
				 "reading them failed.",
				 rows->failed);
}

static void put_usage(FILE *out, const struct worker_usage *usage)
{
	exposition__only_integer(out, "exoprof_workers_resident_bytes", "gauge",
				 "Resident memory of the processes that read the targets' files, "
				 "which is not in process_resident_memory_bytes.",
				 usage->resident_bytes);
	exposition__only_number(out, "exoprof_workers_cpu_seconds_total", "counter",
				"CPU time of those processes and of those before them, which is "
				"not in process_cpu_seconds_total.",
				usage->cpu_seconds);
}

static void put_collector(FILE *out, const struct collector_figures *figures)
{
	put_events(out, figures->counters);
	put_lost(out, figures->counters);
	exposition__only_integer(out, "exoprof_heap_too_large_bytes_total", "counter",
				 "Bytes asked for by calls whose outcome is too_large.",
				 figures->counters[WIRE_ALLOC_TOO_LARGE_BYTES]);
	exposition__only_number(out, "exoprof_short_wait_seconds_total", "counter",
				"Time of the waits whose outcome is short.",
				figures->counters[WIRE_WAIT_SHORT_NS] / 1e9);
	exposition__only_number(out, "exoprof_lost_wait_seconds_total", "counter",
				"Time of the waits whose outcome is lost.",
				figures->counters[WIRE_WAIT_LOST_NS] / 1e9);
	exposition__only_integer(out, "exoprof_unfollowed_programs_total", "counter",
				 "Forks and execs that there was no room to follow.",
				 figures->counters[WIRE_ERA_LOST]);
	put_stacks(out, figures);
	put_maps(out, figures);
	exposition__only_integer(out, "exoprof_unwind_files", "gauge",
				 "Files whose call-frame information was compiled, and whose rows "
				 "are kept.",
				 figures->tables.files);
	exposition__only_integer(
		out, "exoprof_unwind_files_without_room", "gauge",
		"Of these, files that have no unwind rows for want of room, or not "
		"all: their stacks may be cut short.",
		figures->tables.files_without_room);
	exposition__only_integer(out, "exoprof_unwind_files_let_go_total", "counter",
				 "Files whose rows were given up, as nothing mapped them any more.",
				 figures->tables.files_let_go);
	exposition__only_integer(out, "exoprof_unwind_rows", "gauge", "Unwind rows of all files.",
				 figures->tables.rows);
	exposition__only_integer(out, "exoprof_unwind_memory_bytes", "gauge",
				 "Kernel memory for unwind rows.", figures->tables.bytes);
	put_rows(out, &figures->rows);
}

static void put_symbols(FILE *out, const struct agent_figures *figures)
{
	const struct symbolizer_figures *symbolizer = &figures->symbolizer;
	const char *lookups = "exoprof_symbolizer_lookups_total";
	const char *fetches = "exoprof_debuginfod_fetches_total";

	exposition__family(out, lookups, "counter",
			   "Addresses in files that were looked up; hit: with an answer kept from "
			   "before.");
	exposition__integer(out, lookups, "result=\"hit\"", symbolizer->hits);
	exposition__integer(out, lookups, "result=\"miss\"", symbolizer->misses);
	exposition__only_integer(out, "exoprof_symbolizer_answers", "gauge",
				 "Answers that are kept.", symbolizer->answers);
	exposition__only_integer(out, "exoprof_symbolizer_open_files", "gauge",
				 "Files that are open for names and lines.",
				 symbolizer->open_files);
	exposition__only_integer(out, "exoprof_symbolizer_memory_bytes", "gauge",
				 "Memory for kept answers and for what was read of open files.",
				 symbolizer->bytes);
	put_ends(out, "exoprof_symbolizer_restarts_total",
		 "Ends of the process that reads the targets' files for names, which is started "
		 "anew then; hung: it gave no answer in time, malformed: it gave one that is none.",
		 &symbolizer->worker.ends);
	put_usage(out, &symbolizer->worker.usage);
	exposition__family(out, fetches, "counter", "Debug files asked of debuginfod servers.");
	exposition__integer(out, fetches, "outcome=\"arrived\"", figures->fetches.arrived);
	exposition__integer(out, fetches, "outcome=\"failed\"", figures->fetches.failed);
	exposition__only_integer(out, "exoprof_debuginfod_pending_files", "gauge",
				 "Debug files that are being fetched or waited for.",
				 figures->fetches.waiting);
}

static void put_hits(FILE *out, const struct heap_state *heap)
{
	const char *hits = "exoprof_heap_probe_hits_total";
	const char *seconds = "exoprof_heap_probe_hit_seconds";

	exposition__family(out, hits, "counter",
			   "Hits of the heap's probes, by what the kernel does with the probed "
			   "instruction; return: at the end of a call.");
	exposition__integer(out, hits, "kind=\"emulated\"", heap->hits.emulated);
	exposition__integer(out, hits, "kind=\"stepped\"", heap->hits.stepped);
	exposition__integer(out, hits, "kind=\"return\"", heap->hits.returns);
	exposition__family(out, seconds, "gauge",
			   "What a hit takes of the target's time, measured on this machine when "
			   "exoprof started; return: beside its call's.");
	exposition__number(out, seconds, "kind=\"emulated\"", heap->prices.emulated_ns / 1e9);
	exposition__number(out, seconds, "kind=\"stepped\"", heap->prices.stepped_ns / 1e9);
	exposition__number(out, seconds, "kind=\"return\"", heap->prices.return_ns / 1e9);
}

static void put_heap(FILE *out, const struct heap_state *heap)
{
	exposition__only_integer(out, "exoprof_heap_followed", "gauge",
				 "1 if the target's heap is followed.", heap->is_followed);
	exposition__only_integer(out, "exoprof_heap_probes_attached", "gauge",
				 "1 if its probes are attached, 0 while they are off, for the "
				 "budget or for good, or the target has exited.",
				 heap->is_attached);
	put_hits(out, heap);
	exposition__only_number(out, "exoprof_heap_stack_seconds_total", "counter",
				"What the stacks of sampled allocations took of the target's time.",
				heap->hits.stack_ns / 1e9);
	exposition__only_number(out, "exoprof_heap_probe_cpu_ratio", "gauge",
				"Estimated share of the target's CPU time that the heap's probes "
				"took in the last 10 seconds, 0 to 1; of several processes, of the "
				"first that is followed.",
				heap->cost.share);
}

static void put_build(FILE *out)
{
	exposition__family(out, "exoprof_build_info", "gauge", "1, labelled with the version.");
	exposition__integer(out, "exoprof_build_info", "version=\"" EXOPROF_VERSION "\"", 1);
}

static void put_sandbox(FILE *out)
{
	const char *calls = "exoprof_refused_system_calls_total";
	struct sandbox_figures figures;
	char labels[LABELS_MAX];

	sandbox__figures(&figures);
	exposition__only_integer(out, "exoprof_unfiltered_threads", "gauge",
				 "Threads of exoprof that may make any system call: 0, unless the "
				 "sandbox is off or the kernel has no filters.",
				 figures.unfiltered);
	exposition__family(out, calls, "counter",
			   "System calls that a thread of exoprof was refused: 0, or something is "
			   "wrong with it.");
	for (int role = 0; role < SANDBOX_ROLES; role++) {
		snprintf(labels, sizeof(labels), "thread=\"%s\"", sandbox__name(role));
		exposition__integer(out, calls, labels, figures.refused[role]);
	}
}

static void put_requests(FILE *out, const struct request_counts *counts)
{
	const char *name = "exoprof_http_requests_total";
	size_t count;
	const struct request_count *all = request_counts__all(counts, &count);
	char labels[LABELS_MAX];

	exposition__family(out, name, "counter",
			   "Requests that were answered, by path and status code; without those "
			   "whose body or syntax the HTTP library refuses before there is a path.");
	for (size_t i = 0; i < count; i++) {
		snprintf(labels, sizeof(labels), "path=\"%s\",code=\"%d\"", all[i].path,
			 all[i].code);
		exposition__integer(out, name, labels, all[i].count);
	}
}

static void put_connections(FILE *out, const struct connections_figures *figures)
{
	const char *cut = "exoprof_http_connections_cut_total";
	char labels[LABELS_MAX];

	exposition__only_integer(out, "exoprof_http_connections", "gauge",
				 "Connections of clients.", figures->open);
	exposition__only_integer(out, "exoprof_http_reply_bytes", "gauge",
				 "Memory for requests and for answers that are on their way.",
				 figures->reply_bytes);
	exposition__family(
		out, cut, "counter",
		"Connections that were cut; idle: no request for too long; crowded: idle "
		"while others waited for room; slow: did not read the answer; greedy: took "
		"too much memory; given_up: too many requests begun and given up.");
	for (int i = 0; i < CONNECTION_ENDS; i++) {
		snprintf(labels, sizeof(labels), "reason=\"%s\"", connection_end__name(i));
		exposition__integer(out, cut, labels, figures->cut[i]);
	}
}

char *metrics__text(const struct agent_figures *figures, const struct serving_figures *serving,
		    size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	if (!out)
		return NULL;
	put_build(out);
	exposition__only_integer(out, "exoprof_processes", "gauge", "Processes that are followed.",
				 figures->processes);
	exposition__only_integer(out, "exoprof_profile_requests_in_flight", "gauge",
				 "Requests whose profile is being taken.", serving->in_flight);
	exposition__only_integer(out, "exoprof_snapshots", "gauge",
				 "Profiles that are kept for the page.", serving->snapshots);
	exposition__only_integer(out, "exoprof_snapshot_bytes", "gauge",
				 "Memory for the profiles that are kept.", serving->snapshot_bytes);
	put_connections(out, &serving->connections);
	put_requests(out, serving->counts);
	put_sandbox(out);
	put_collector(out, &figures->collector);
	put_heap(out, &figures->heap);
	put_symbols(out, figures);
	process_metrics__write(serving->process, out);
	if (!memory_stream__close(out, &text))
		return text;
	free(text);
	return NULL;
}
