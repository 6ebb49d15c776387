// SPDX-License-Identifier: Apache-2.0
#include "serve/index.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "target/proc.h"

#include "export/export.h"
#include "profile/kind.h"

static const char head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<title>/debug/pprof/</title>\n"
	"<style>\n"
	"body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; max-width: 60rem; }\n"
	"table { border-collapse: collapse; }\n"
	"td, th { text-align: left; padding: .2rem 1.5rem .2rem 0; vertical-align: top; }\n"
	"code { background: #8882; padding: .1rem .3rem; }\n"
	"</style>\n"
	"</head>\n"
	"<body>\n"
	"<h1>/debug/pprof/</h1>\n";

static void put_escaped(FILE *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		switch (text[i]) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\0':
			/* between the arguments of a command line */
			fputc(' ', out);
			break;
		default:
			fputc((unsigned char)text[i] < ' ' ? '?' : text[i], out);
		}
	}
}

static void put_text(FILE *out, const char *text)
{
	put_escaped(out, text, strlen(text));
}

static void put_heap(FILE *out, const struct agent_figures *figures)
{
	const struct heap_state *heap = &figures->heap;

	fputs(heap->is_followed ? "<p>Heap: " : "<p>No heap profile: ", out);
	put_text(out, heap->text);
	fputs(heap->is_followed ? ", from the attach on" : "", out);
	if (heap->cost.seconds > 0) {
		fprintf(out,
			"; its probes take %.1f%% of the target's CPU time (%.0f hits a second",
			100 * heap->cost.share, heap->cost.hits);
		if (figures->processes > 1)
			fprintf(out, ", of pid %d", heap->pid);
		fputc(')', out);
	}
	fputs(".</p>\n", out);
	if (*heap->warning) {
		fprintf(out, "<p><strong>The heap profile is not whole:</strong> ");
		put_text(out, heap->warning);
		fprintf(out, ".</p>\n");
	}
}

static void put_target(FILE *out, const struct agent *agent, const struct agent_figures *figures)
{
	const struct process *process = agent__process(agent);
	size_t length;
	char *cmdline = process__cmdline(process, &length);

	fprintf(out, "<p>exoprof " EXOPROF_VERSION " on pid %d: <code>", process__pid(process));
	put_escaped(out, cmdline ? cmdline : "", cmdline ? length : 0);
	free(cmdline);
	fprintf(out, "</code>%s",
		process__is_alive(process) ? "" : " <strong>(it has exited)</strong>");
	if (figures->processes > 1)
		fprintf(out, ", one of %zu processes", figures->processes);
	fputs("</p>\n", out);
	put_heap(out, figures);
}

static void put_tables(FILE *out, const struct tables_size *size)
{
	fprintf(out,
		"<p>Unwind rows: %" PRIu64 " of %" PRIu64 " files, %.1f MiB of kernel memory</p>\n",
		size->rows, size->files, size->bytes / 1048576.0);
}

/* As text: Go's form of it, of what has one. */
static void put_text_links(FILE *out, const struct profile_kind *kind)
{
	if (!profile_kind__takes_time(kind))
		fprintf(out, ", <a href=\"%s?debug=1\">text</a>", kind->name);
	if (kind->source == SAMPLES_THREADS)
		fprintf(out, ", <a href=\"%s?debug=2\">every thread</a>", kind->name);
}

static int64_t sum(const struct agent_figures *figures, const enum wire_counter *counters,
		   size_t count)
{
	int64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += figures->collector.counters[counters[i]];
	return total;
}

/* Of one process; of several the profile has those of the first only. */
static int64_t count_threads(const struct agent_figures *figures)
{
	return figures->processes == 1 && figures->threads ? (int64_t)figures->threads : -1;
}

int64_t index__count(const struct agent_figures *figures, const struct profile_kind *kind)
{
	static const enum wire_counter clones[] = {WIRE_CLONE_COUNTED, WIRE_CLONE_STACK_BUSY,
						   WIRE_CLONE_STACK_FULL};

	if (kind->source == SAMPLES_HEAP)
		return figures->collector.maps[FIGURED_HEAP_STATS].used;
	if (kind == &profile_kind_block)
		return figures->collector.maps[FIGURED_OFFCPU_COUNTS].used;
	if (kind->source == SAMPLES_THREADS)
		return count_threads(figures);
	if (kind->source == SAMPLES_CLONES)
		return sum(figures, clones, sizeof(clones) / sizeof(*clones));
	return -1;
}

static void put_kind(FILE *out, const struct profile_kind *kind, int64_t count)
{
	fputs("<tr><td>", out);
	if (count >= 0)
		fprintf(out, "%" PRId64, count);
	fprintf(out,
		"</td><td><a href=\"%s\">%s</a></td><td>%s</td>"
		"<td><a href=\"%s?format=flamegraph\">flame graph</a>, "
		"<a href=\"%s?format=folded\">folded stacks</a>, "
		"<a href=\"%s?format=speedscope\">speedscope</a>",
		kind->name, kind->name, kind->title, kind->name, kind->name, kind->name);
	put_text_links(out, kind);
	fputs("</td></tr>\n", out);
}

char *index__html(struct agent *agent, size_t *size)
{
	char *html = NULL;
	FILE *out = open_memstream(&html, size);
	struct agent_figures figures;

	if (!out)
		return NULL;
	agent__figures(agent, &figures);
	fputs(head, out);
	put_target(out, agent, &figures);
	put_tables(out, &figures.collector.tables);
	fputs("<table>\n<tr><th>Count</th><th>Profile</th><th>What it shows</th><th>Also as</th></tr>\n",
	      out);
	for (const struct profile_kind *const *kind = profile_kinds; *kind; kind++)
		put_kind(out, *kind, index__count(&figures, *kind));
	fputs("<tr><td></td><td><a href=\"cmdline\">cmdline</a></td>"
	      "<td>the target's arguments</td><td></td></tr>\n"
	      "<tr><td></td><td><a href=\"symbol\">symbol</a></td>"
	      "<td>names of addresses: <code>symbol?0x401000+0x401010</code>, or by POST</td>"
	      "<td></td></tr>\n"
	      "<tr><td></td><td><a href=\"/metrics\">/metrics</a></td>"
	      "<td>figures of exoprof itself, for Prometheus</td><td></td></tr>\n"
	      "</table>\n"
	      "<p><code>go tool pprof http://HOST:PORT/debug/pprof/heap</code></p>\n"
	      "</body>\n</html>\n",
	      out);
	if (memory_stream__close(out, &html)) {
		free(html);
		return NULL;
	}
	return html;
}
