// SPDX-License-Identifier: Apache-2.0
#include "serve/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_number(FILE *out, const char *name, const char *help, double value)
{
	put_head(out, name, "gauge", help);
	fprintf(out, "%s %.9g\n", name, value);
}

static void put_hits(FILE *out, const struct heap_state *heap)
{
	const char *hits = "exoprof_heap_probe_hits_total";
	const char *seconds = "exoprof_heap_probe_hit_seconds";

	put_head(out, hits, "counter",
		 "Hits of the heap's probes, by what the kernel does with the probed instruction; "
		 "return: at the end of a call.");
	fprintf(out, "%s{kind=\"emulated\"} %" PRIu64 "\n", hits, heap->hits.emulated);
	fprintf(out, "%s{kind=\"stepped\"} %" PRIu64 "\n", hits, heap->hits.stepped);
	fprintf(out, "%s{kind=\"return\"} %" PRIu64 "\n", hits, heap->hits.returns);
	put_head(out, seconds, "gauge",
		 "What a hit takes of the target's time, measured on this machine when exoprof "
		 "started; return: beside its call's.");
	fprintf(out, "%s{kind=\"emulated\"} %.9g\n", seconds, heap->prices.emulated_ns / 1e9);
	fprintf(out, "%s{kind=\"stepped\"} %.9g\n", seconds, heap->prices.stepped_ns / 1e9);
	fprintf(out, "%s{kind=\"return\"} %.9g\n", seconds, heap->prices.return_ns / 1e9);
}

static void put_heap(FILE *out, const struct heap_state *heap)
{
	put_number(out, "exoprof_heap_followed", "1 if the target's heap is followed.",
		   heap->is_followed);
	put_number(
		out, "exoprof_heap_probes_attached",
		"1 if its probes are attached, 0 while they are off, for the budget or for good.",
		heap->is_attached);
	put_hits(out, heap);
	put_head(out, "exoprof_heap_stack_seconds_total", "counter",
		 "What the stacks of sampled allocations took of the target's time.");
	fprintf(out, "exoprof_heap_stack_seconds_total %.9g\n", heap->hits.stack_ns / 1e9);
	put_number(out, "exoprof_heap_probe_cpu_ratio",
		   "Estimated share of the target's CPU time that the heap's probes took in the "
		   "last 10 seconds, 0 to 1; of several processes, of the first that is followed.",
		   heap->cost.share);
}

char *metrics__text(struct agent *agent, size_t *size)
{
	struct heap_state heap;
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	if (!out)
		return NULL;
	agent__heap(agent, &heap);
	put_heap(out, &heap);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}
