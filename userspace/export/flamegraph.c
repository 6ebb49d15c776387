/* SPDX-License-Identifier: Apache-2.0 */
/* Draws a profile as a flame graph: one SVG that reads as a still picture and, opened in a browser,
 * zooms and searches by the script it carries (flamegraph.js). Of a diff, widths are what was seen
 * later, and colours tell by how much that is more or less than before. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/embed.h"
#include "base/saturating.h"
#include "export/export.h"
#include "export/folded.h"
#include "export/svg_text.h"

EMBED(flamegraph_js, "userspace/export/flamegraph.js");
EMBED(flamegraph_css, "userspace/export/flamegraph.css");

/* In px; flamegraph.js has PAD, LABEL_PAD and the least label too. */
#define WIDTH        1200
#define PAD          12
#define HEAD_HEIGHT  92
#define ROW_HEIGHT   18
#define NOTE_HEIGHT  16
#define LEGEND_WIDTH 104
#define LABEL_PAD    4
#define LEAST_WIDTH  0.1 /* of a frame that is drawn, of WIDTH */
#define GRAPH_WIDTH  (WIDTH - 2 * PAD)
#define LABEL_CELL   7.3 /* a character of the 12 px monospaced font, rounded up */
#define NOTE_CELL    6.7 /* the same at 11 px */
#define LABEL_CELLS  3   /* a shorter label says nothing */
#define TITLE_CELLS  76  /* what fits beside the buttons, in the wide letters of a title */
#define DEPTH_MAX    1024
#define SHADES       6
#define CHANGES      6   /* steps of colour, up and down each */
#define CHANGE_WIDTH 260 /* of its swatch and what is beside it */

/* A frame as it is drawn: what it was seen with is [start, end) of the total. */
struct node {
	const char *name;
	int64_t start, end;
	int64_t other;  /* of a diff: what the one that widths do not show was seen with */
	uint32_t depth; /* 0: the root */
	enum frame_kind kind;
};

struct graph {
	const struct profile *profile;
	const struct folded *folded;
	FILE *out;
	int64_t total; /* of what widths show */
	int64_t gone;  /* of a diff: in stacks that it does not show, because they have no width */
	uint64_t gone_stacks;
	int64_t greatest;   /* change of a frame */
	struct node *nodes; /* a parent before its children */
	size_t count, room;
	size_t open[DEPTH_MAX + 1]; /* the nodes of the stack being added */
	uint32_t open_count;
	uint32_t height;      /* the depth of the deepest node */
	uint64_t narrow;      /* frames left out */
	uint64_t deep_stacks; /* stacks cut at DEPTH_MAX */
};

static const struct {
	const char *class;
	const char *label;
} kinds[] = {
	[FRAME_APP] = {"app",     "Application"},
          [FRAME_LIBRARY] = {"library", "Library"    },
	[FRAME_JIT] = {"jit",     "JIT code"   },
          [FRAME_KERNEL] = {"kernel",  "Kernel"     },
	[FRAME_UNKNOWN] = {"unknown", "Unknown"    },
          [FRAME_NOTE] = {"note",    "Not code"   },
	[FRAME_CODE] = {"code",    "Code"       },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static const struct {
	const char *type;
	const char *unit;
	const char *title;
} titles[] = {
	{"cpu",         "nanoseconds", "CPU time"   },
	{"inuse_space", "bytes",       "Heap in use"},
	{"alloc_space", "bytes",       "Allocated"  },
};

static void put_value(const struct graph *graph, int64_t value)
{
	const struct profile *profile = graph->profile;

	svg__value(value, profile->strings[profile->types[profile->shown_type].unit], graph->out);
}

/* Diffs. */

static int64_t shown_value(const struct graph *graph, const struct stack *stack)
{
	return graph->profile->diff == DIFF_BEFORE ? stack->base : stack->value;
}

static int64_t other_value(const struct graph *graph, const struct stack *stack)
{
	return graph->profile->diff == DIFF_BEFORE ? stack->value : stack->base;
}

static int64_t before(const struct graph *graph, const struct node *node)
{
	return graph->profile->diff == DIFF_BEFORE ? node->end - node->start : node->other;
}

static int64_t after(const struct graph *graph, const struct node *node)
{
	return graph->profile->diff == DIFF_BEFORE ? node->other : node->end - node->start;
}

static int64_t change(const struct graph *graph, const struct node *node)
{
	return after(graph, node) - before(graph, node);
}

static void put_change(const struct graph *graph, int64_t from, int64_t to)
{
	FILE *out = graph->out;

	fputs(to < from ? "−" : "+", out);
	put_value(graph, to < from ? from - to : to - from);
	if (!from) {
		fputs(to ? " (new)" : "", out);
		return;
	}
	fputs(to < from ? " (−" : " (+", out);
	svg__hundredths(100.0 * (to < from ? from - to : to - from) / from, out);
	fputs("%)", out);
}

static void measure_changes(struct graph *graph)
{
	for (size_t i = 0; i < graph->folded->stack_count; i++) {
		const struct stack *stack = &graph->folded->stacks[i];

		if (shown_value(graph, stack))
			continue;
		graph->gone = saturating__add(graph->gone, other_value(graph, stack));
		graph->gone_stacks++;
	}
	/* The root's is that of the totals: a small one of a frame would not be seen beside it. */
	for (size_t i = 1; i < graph->count; i++) {
		int64_t size = llabs(change(graph, &graph->nodes[i]));

		if (size > graph->greatest)
			graph->greatest = size;
	}
}

/* The stacks become a tree. They come sorted, so that a stack shares its first frames with the one
 * before it, or starts new ones to the right. */

static struct node *open_node(struct graph *graph, const char *name, enum frame_kind kind,
			      int64_t start)
{
	struct node *node;

	if (graph->count == graph->room) {
		size_t room = graph->room ? 2 * graph->room : 256;
		struct node *nodes = reallocarray(graph->nodes, room, sizeof(*nodes));

		if (!nodes)
			return NULL;
		graph->nodes = nodes;
		graph->room = room;
	}
	node = &graph->nodes[graph->count];
	*node = (struct node){
		.name = name,
		.start = start,
		.depth = graph->open_count,
		.kind = kind,
	};
	graph->open[graph->open_count++] = graph->count++;
	return node;
}

static double node_width(const struct graph *graph, const struct node *node, double of)
{
	return (double)(node->end - node->start) / graph->total * of;
}

/* Ends the nodes deeper than `depth`. One that is too narrow to be seen is the last of the nodes,
 * because those above it were narrower still. */
static void close_nodes(struct graph *graph, uint32_t depth, int64_t end)
{
	while (graph->open_count > depth) {
		struct node *node = &graph->nodes[graph->open[--graph->open_count]];

		node->end = end;
		if (node->end == node->start) {
			graph->count--;
		} else if (node_width(graph, node, WIDTH) < LEAST_WIDTH) {
			graph->narrow++;
			graph->count--;
		} else if (node->depth > graph->height) {
			graph->height = node->depth;
		}
	}
}

static uint32_t shared_depth(const struct stack *a, const struct stack *b)
{
	uint32_t depth = 0;

	while (depth < a->depth && depth < b->depth && depth < DEPTH_MAX &&
	       a->frames[depth].name == b->frames[depth].name)
		depth++;
	return depth;
}

static int add_stack(struct graph *graph, const struct stack *stack, int64_t start)
{
	uint32_t depth = stack->depth < DEPTH_MAX ? stack->depth : DEPTH_MAX, i;

	graph->deep_stacks += stack->depth > depth;
	graph->nodes->other = saturating__add(graph->nodes->other, other_value(graph, stack));
	for (i = 0; i < depth; i++) {
		const struct frame *frame = &stack->frames[i];
		struct node *node;

		/* The root is open[0], the first frame open[1]. */
		if (i + 1 < graph->open_count) {
			node = &graph->nodes[graph->open[i + 1]];
			if (frame->kind > node->kind)
				node->kind = frame->kind;
		} else {
			node = open_node(graph, graph->folded->names[frame->name], frame->kind,
					 start);
			if (!node)
				return -ENOMEM;
		}
		node->other = saturating__add(node->other, other_value(graph, stack));
	}
	return 0;
}

static int build_nodes(struct graph *graph)
{
	const struct folded *folded = graph->folded;
	int64_t at = 0;
	size_t i;

	if (!open_node(graph, "all", FRAME_APP, 0))
		return -ENOMEM;
	for (i = 0; i < folded->stack_count; i++) {
		const struct stack *stack = &folded->stacks[i];
		int64_t value = shown_value(graph, stack);

		close_nodes(graph, 1 + (i ? shared_depth(stack - 1, stack) : 0), at);
		if (add_stack(graph, stack, at))
			return -ENOMEM;
		/* A total that did not fit in 64 bits is less than the sum. */
		at = value < graph->total - at ? at + value : graph->total;
	}
	close_nodes(graph, 0, at);
	return 0;
}

/* The picture, from the top down. */

static bool is_empty(const struct graph *graph)
{
	return graph->total == 0;
}

static uint32_t root_y(const struct graph *graph)
{
	return HEAD_HEIGHT + graph->height * ROW_HEIGHT;
}

static size_t note_count(const struct graph *graph)
{
	return graph->profile->comment_count + (graph->narrow > 0) + (graph->deep_stacks > 0);
}

static uint32_t notes_y(const struct graph *graph)
{
	return root_y(graph) + ROW_HEIGHT + 48;
}

static size_t picture_height(const struct graph *graph)
{
	size_t notes = note_count(graph);

	return notes_y(graph) + (notes ? (notes + 1) * NOTE_HEIGHT : 0);
}

static void put_embedded(const char *start, const char *end, FILE *out)
{
	fputs("<![CDATA[\n", out);
	fwrite(start, 1, end - start, out);
	fputs("]]>", out);
}

static void put_opening(const struct graph *graph)
{
	size_t height = picture_height(graph);
	FILE *out = graph->out;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\""
		" viewBox=\"0 0 %d %zu\">\n<style>",
		WIDTH, height, WIDTH, height);
	put_embedded(flamegraph_css, flamegraph_css_end, out);
	fputs("</style>\n"
	      "<defs><pattern id=\"hatch\" width=\"8\" height=\"8\""
	      " patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
	      "<rect class=\"hatch-ground\" width=\"8\" height=\"8\"/>"
	      "<rect class=\"hatch-stripe\" width=\"3\" height=\"8\"/></pattern></defs>\n"
	      "<rect id=\"ground\" width=\"100%\" height=\"100%\"/>\n",
	      out);
}

static char *make_title(const struct profile *profile)
{
	const struct value_type *shown = &profile->types[profile->shown_type];
	const char *type = profile->strings[shown->type], *unit = profile->strings[shown->unit];
	const char *title = profile->strings[profile->title], *dot = *title ? " · " : "";
	char *text;
	size_t i;
	int err;

	for (i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (strcmp(type, titles[i].type) == 0 && strcmp(unit, titles[i].unit) == 0)
			break;
	}
	if (i < sizeof(titles) / sizeof(titles[0]))
		err = asprintf(&text, "%s%s%s", titles[i].title, dot, title);
	else
		err = asprintf(&text, "%s/%s%s%s", type, unit, dot, title);
	return err < 0 ? NULL : text;
}

static int put_title(const struct graph *graph)
{
	char *title = make_title(graph->profile);

	if (!title)
		return -ENOMEM;
	fputs("<title>", graph->out);
	svg__text(title, graph->out);
	fprintf(graph->out, "</title>\n<text id=\"title\" x=\"%d\" y=\"32\">", PAD);
	svg__fitting(title, TITLE_CELLS, graph->out);
	fputs("</text>\n", graph->out);
	free(title);
	return 0;
}

/* What widths show, the other, and what has no width at all. */
static void put_comparison(const struct graph *graph)
{
	bool by_base = graph->profile->diff == DIFF_BEFORE;
	const struct folded *folded = graph->folded;
	FILE *out = graph->out;

	put_value(graph, folded->base_total);
	fputs(" before, ", out);
	put_value(graph, folded->total);
	fputs(" after: ", out);
	put_change(graph, folded->base_total, folded->total);
	fputs(by_base ? " · widths show before" : " · widths show after", out);
	if (!graph->gone_stacks)
		return;
	fputs(by_base ? " · not shown, since new: " : " · not shown, since gone: ", out);
	put_value(graph, graph->gone);
	fputs(" in ", out);
	svg__thousands(graph->gone_stacks, out);
	fputs(graph->gone_stacks == 1 ? " stack" : " stacks", out);
	fputs(by_base ? "" : " (--reverse shows them)", out);
}

static void put_subtitle(const struct graph *graph)
{
	const struct profile *profile = graph->profile;
	time_t seconds = profile->time_ns / 1000000000;
	uint64_t stacks = graph->folded->stack_count - graph->gone_stacks;
	char when[64];
	struct tm tm;

	fprintf(graph->out, "<text id=\"subtitle\" x=\"%d\" y=\"54\">", PAD);
	if (graph->folded->is_diff) {
		put_comparison(graph);
	} else {
		put_value(graph, graph->total);
		fputs(" in total", graph->out);
	}
	if (profile->duration_ns > 0 && !graph->folded->is_diff) {
		fputs(" · over ", graph->out);
		svg__time(profile->duration_ns, graph->out);
	}
	fputs(" · ", graph->out);
	svg__thousands(stacks, graph->out);
	fputs(stacks == 1 ? " stack" : " stacks", graph->out);
	if (profile->time_ns > 0 && gmtime_r(&seconds, &tm) &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm))
		fprintf(graph->out, " · %s", when);
	fputs("</text>\n", graph->out);
}

/* The greatest change of all has the strongest colour. */
static void put_change_legend(const struct graph *graph)
{
	static const struct {
		const char *class, *label;
	} swatches[] = {
		{"less c6", "less than before"},
		{"same c0", "the same"        },
		{"more c6", "more than before"},
	};
	size_t x = PAD;

	fputs("<g id=\"legend\">\n", graph->out);
	for (size_t i = 0; i < sizeof(swatches) / sizeof(swatches[0]); i++) {
		fprintf(graph->out,
			"<g class=\"%s\"><rect x=\"%zu\" y=\"66\" width=\"12\" height=\"12\"/></g>"
			"<text x=\"%zu\" y=\"76\">%s",
			swatches[i].class, x, x + 17, swatches[i].label);
		if (i != 1) {
			fputs(i ? ", up to +" : ", up to −", graph->out);
			put_value(graph, graph->greatest);
		}
		fputs("</text>\n", graph->out);
		x += CHANGE_WIDTH;
	}
	fputs("</g>\n", graph->out);
}

/* A swatch for each kind that is drawn. */
static void put_legend(const struct graph *graph)
{
	bool seen[KIND_COUNT] = {false};
	size_t x = PAD, i;

	for (i = 1; i < graph->count; i++)
		seen[graph->nodes[i].kind] = true;
	fputs("<g id=\"legend\">\n", graph->out);
	for (i = 0; i < KIND_COUNT; i++) {
		if (!seen[i])
			continue;
		fprintf(graph->out,
			"<g class=\"%s s0\"><rect x=\"%zu\" y=\"66\" width=\"12\" height=\"12\"/></g>"
			"<text x=\"%zu\" y=\"76\">%s</text>\n",
			kinds[i].class, x, x + 17, kinds[i].label);
		x += LEGEND_WIDTH;
	}
	fputs("</g>\n", graph->out);
}

/* FNV-1a: the same name has the same shade in any two pictures. */
static uint32_t name_shade(const char *name)
{
	uint32_t hash = 2166136261u;

	while (*name)
		hash = (hash ^ (unsigned char)*name++) * 16777619u;
	/* The low bits of names that differ in one character only are alike. */
	return (hash ^ hash >> 15) % SHADES;
}

static void put_class(const struct graph *graph, const struct node *node)
{
	int64_t by = change(graph, node);
	FILE *out = graph->out;
	int step;

	if (!node->depth) {
		fputs("root", out);
	} else if (!graph->folded->is_diff) {
		fprintf(out, "%s s%u", kinds[node->kind].class, name_shade(node->name));
	} else {
		/* However small: only what is the same has no colour. */
		step = by ? ceil(fabs((double)by) / graph->greatest * CHANGES) : 0;
		fprintf(out, "%s c%d", !step ? "same" : by < 0 ? "less" : "more", step);
	}
}

static void put_label(const struct graph *graph, const struct node *node, double x, double width)
{
	int cells = (width - 2 * LABEL_PAD) / LABEL_CELL;

	if (cells < LABEL_CELLS)
		return;
	fputs("<text x=\"", graph->out);
	svg__hundredths(x + LABEL_PAD, graph->out);
	fprintf(graph->out, "\" y=\"%u\">", root_y(graph) - node->depth * ROW_HEIGHT + 13);
	svg__fitting(node->name, cells, graph->out);
	fputs("</text>", graph->out);
}

static void put_share(const struct graph *graph, int64_t value, int64_t total)
{
	put_value(graph, value);
	fputs(", ", graph->out);
	svg__hundredths(total ? 100.0 * value / total : 0, graph->out);
	putc('%', graph->out);
}

static void put_both(const struct graph *graph, const struct node *node)
{
	fputs("before ", graph->out);
	put_share(graph, before(graph, node), graph->folded->base_total);
	fputs("; after ", graph->out);
	put_share(graph, after(graph, node), graph->folded->total);
	fputs("; ", graph->out);
	put_change(graph, before(graph, node), after(graph, node));
}

/* The script reads the name off the first line of the <title>, the place off data-s and data-e. */
static void put_node(const struct graph *graph, const struct node *node)
{
	double width = node_width(graph, node, GRAPH_WIDTH);
	double x = PAD + (double)node->start / graph->total * GRAPH_WIDTH;
	FILE *out = graph->out;

	fputs("<g class=\"", out);
	put_class(graph, node);
	fprintf(out, "\" data-s=\"%" PRId64 "\" data-e=\"%" PRId64 "\"><title>", node->start,
		node->end);
	svg__text(node->name, out);
	putc('\n', out);
	if (graph->folded->is_diff)
		put_both(graph, node);
	else
		put_share(graph, node->end - node->start, graph->total);
	fputs("</title><rect x=\"", out);
	svg__hundredths(x, out);
	fprintf(out, "\" y=\"%u\" width=\"", root_y(graph) - node->depth * ROW_HEIGHT);
	svg__hundredths(width, out);
	fprintf(out, "\" height=\"%d\"/>", ROW_HEIGHT - 1);
	put_label(graph, node, x, width);
	fputs("</g>\n", out);
}

static void put_graph(const struct graph *graph)
{
	size_t i;

	if (is_empty(graph)) {
		fprintf(graph->out, "<text id=\"empty\" x=\"%d\" y=\"%u\">no samples</text>\n", PAD,
			root_y(graph) + 13);
		return;
	}
	fputs("<g id=\"frames\">\n", graph->out);
	for (i = 0; i < graph->count; i++)
		put_node(graph, &graph->nodes[i]);
	fputs("</g>\n", graph->out);
}

static void put_notes(const struct graph *graph)
{
	const struct profile *profile = graph->profile;
	uint32_t y = notes_y(graph);
	FILE *out = graph->out;
	size_t i;

	if (!note_count(graph))
		return;
	fprintf(out, "<g id=\"notes\">\n<text class=\"heading\" x=\"%d\" y=\"%u\">Notes</text>\n",
		PAD, y);
	for (i = 0; i < profile->comment_count; i++) {
		const char *comment = profile->strings[profile->comments[i]];

		y += NOTE_HEIGHT;
		fprintf(out, "<text x=\"%d\" y=\"%u\"><title>", PAD, y);
		svg__text(comment, out);
		fputs("</title>", out);
		svg__fitting(comment, GRAPH_WIDTH / NOTE_CELL, out);
		fputs("</text>\n", out);
	}
	if (graph->narrow) {
		y += NOTE_HEIGHT;
		fprintf(out, "<text x=\"%d\" y=\"%u\">", PAD, y);
		svg__thousands(graph->narrow, out);
		fprintf(out, " frame%s narrower than 0.1 px not drawn</text>\n",
			graph->narrow == 1 ? "" : "s");
	}
	if (graph->deep_stacks) {
		y += NOTE_HEIGHT;
		fprintf(out, "<text x=\"%d\" y=\"%u\">", PAD, y);
		svg__thousands(graph->deep_stacks, out);
		fprintf(out, " stack%s deeper than %d frames drawn up to there</text>\n",
			graph->deep_stacks == 1 ? "" : "s", DEPTH_MAX);
	}
	fputs("</g>\n", out);
}

/* What needs the script stays hidden until the script runs: an <img> has none. */
static void put_controls(const struct graph *graph)
{
	FILE *out = graph->out;

	if (is_empty(graph))
		return;
	fprintf(out,
		"<g id=\"tools\">\n"
		"<g id=\"search\" role=\"button\" tabindex=\"0\"><title>Search by regular"
		" expression (Ctrl-F or /)</title><rect x=\"-152\" y=\"14\" width=\"66\""
		" height=\"26\"/><text x=\"-119\" y=\"31\">Search</text></g>\n"
		"<g id=\"reset\" role=\"button\" tabindex=\"0\"><title>Show everything"
		" (Esc)</title><rect x=\"-78\" y=\"14\" width=\"66\" height=\"26\"/>"
		"<text x=\"-45\" y=\"31\">Reset</text></g>\n"
		"<text id=\"matched\" x=\"-12\" y=\"76\"/>\n"
		"</g>\n"
		"<g id=\"details\"><rect y=\"0\" width=\"100%%\" height=\"26\"/>"
		"<text x=\"%d\" y=\"17\"/></g>\n<script>",
		PAD);
	put_embedded(flamegraph_js, flamegraph_js_end, out);
	fputs("</script>\n", out);
}

static int draw(const struct graph *graph)
{
	put_opening(graph);
	if (put_title(graph))
		return -ENOMEM;
	put_subtitle(graph);
	if (graph->folded->is_diff)
		put_change_legend(graph);
	else
		put_legend(graph);
	put_graph(graph);
	put_notes(graph);
	put_controls(graph);
	fputs("</svg>\n", graph->out);
	return fflush(graph->out) || ferror(graph->out) ? -EIO : 0;
}

int export_flamegraph(const struct profile *profile, FILE *out)
{
	struct graph graph = {.profile = profile, .out = out};
	struct folded *folded = folded__new(profile, FOLDED_NAMES_AS_THEY_ARE);
	int err = 0;

	if (!folded)
		return -errno;
	graph.folded = folded;
	graph.total = profile->diff == DIFF_BEFORE ? folded->base_total : folded->total;
	if (!is_empty(&graph))
		err = build_nodes(&graph);
	measure_changes(&graph);
	if (!err)
		err = draw(&graph);
	free(graph.nodes);
	folded__free(folded);
	return err;
}
