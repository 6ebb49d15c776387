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
#include "base/memory_stream.h"
#include "base/saturating.h"
#include "export/export.h"
#include "export/folded.h"
#include "export/palette.h"
#include "export/svg_text.h"

EMBED(flamegraph_js, "userspace/export/flamegraph.js");
EMBED(flamegraph_css, "userspace/export/flamegraph.css");

/* In px; flamegraph.js has PAD, BUTTONS_WIDTH, MATCHED_WIDTH, LABEL_PAD and the least label too. */
#define WIDTH         1200
#define PAD           12
#define TITLE_Y       32
#define LINE_HEIGHT   18
#define ROW_HEIGHT    18
#define NOTE_HEIGHT   16
#define BUTTONS_WIDTH 160 /* beside the title */
#define MATCHED_WIDTH 130 /* beside the legend */
#define LABEL_PAD     4
#define LEAST_WIDTH   0.1 /* of a frame that is drawn, of WIDTH */
#define GRAPH_WIDTH   (WIDTH - 2 * PAD)
#define TITLE_CELL    9.8 /* a character of the 16 px monospaced font, rounded up */
#define LABEL_CELL    7.3 /* the same at 12 px */
#define NOTE_CELL     6.7 /* and at 11 px */
#define LABEL_CELLS   3   /* a shorter label says nothing */
#define SWATCH_WIDTH  17
#define LEGEND_GAP    14
#define LEGEND_CELLS  28
#define MORE_WIDTH    80 /* "and 12 more" */
#define DEPTH_MAX     1024

/* A frame as it is drawn: what it was seen with is [start, end) of the total. */
struct node {
	const char *name, *module;
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
	uint32_t height; /* the depth of the deepest node */
	uint32_t head_height;
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

static const struct {
	const char *type;
	const char *unit;
	const char *title;
} titles[] = {
	{"cpu",         "nanoseconds", "CPU time"   },
	{"inuse_space", "bytes",       "Heap in use"},
	{"alloc_space", "bytes",       "Allocated"  },
};

static void put_value(const struct graph *graph, int64_t value, FILE *out)
{
	const struct profile *profile = graph->profile;

	svg__value(value, profile->strings[profile->types[profile->shown_type].unit], out);
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

static void put_change(const struct graph *graph, int64_t from, int64_t to, FILE *out)
{
	fputs(to < from ? "−" : "+", out);
	put_value(graph, to < from ? from - to : to - from, out);
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

static struct node *open_node(struct graph *graph, const struct frame *frame, int64_t start)
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
		.name = frame ? graph->folded->names[frame->name] : "all",
		.module = frame ? graph->folded->modules[frame->name] : "",
		.start = start,
		.depth = graph->open_count,
		.kind = frame ? frame->kind : FRAME_APP,
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
			node = open_node(graph, frame, start);
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

	if (!open_node(graph, NULL, 0))
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
	return graph->head_height + graph->height * ROW_HEIGHT;
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
	      "<rect fill=\"#8f1d2c\" width=\"8\" height=\"8\"/>"
	      "<rect fill=\"#b23a48\" width=\"3\" height=\"8\"/></pattern></defs>\n"
	      "<rect id=\"ground\" width=\"100%\" height=\"100%\"/>\n",
	      out);
}

/* One line of text that may be cut. Whole it is in its <title>, from where the script takes it. */
static void put_line(const struct graph *graph, const char *attributes, uint32_t y,
		     const char *text, uint32_t cells, double cell)
{
	FILE *out = graph->out;

	fprintf(out, "<g class=\"line\"><title>");
	svg__text(text, out);
	fprintf(out, "</title><text%s x=\"%d\" y=\"%u\"", attributes, PAD, y);
	svg__fitting(text, cells, cell, out);
	fputs("</g>\n", out);
}

static void put_title_text(const struct graph *graph, FILE *out)
{
	const struct profile *profile = graph->profile;
	const struct value_type *shown = &profile->types[profile->shown_type];
	const char *type = profile->strings[shown->type], *unit = profile->strings[shown->unit];
	const char *title = profile->strings[profile->title];
	size_t i;

	for (i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (strcmp(type, titles[i].type) == 0 && strcmp(unit, titles[i].unit) == 0)
			break;
	}
	if (i < sizeof(titles) / sizeof(titles[0]))
		fputs(titles[i].title, out);
	else
		fprintf(out, "%s/%s", type, unit);
	fprintf(out, "%s%s", *title ? " · " : "", title);
}

/* What widths show, the other, and what has no width at all. */
static void put_comparison(const struct graph *graph, FILE *out)
{
	bool by_base = graph->profile->diff == DIFF_BEFORE;
	const struct folded *folded = graph->folded;

	put_value(graph, folded->base_total, out);
	fputs(" before, ", out);
	put_value(graph, folded->total, out);
	fputs(" after: ", out);
	put_change(graph, folded->base_total, folded->total, out);
	fputs(by_base ? " · widths show before" : " · widths show after", out);
	if (!graph->gone_stacks)
		return;
	fputs(by_base ? " · not shown, since new: " : " · not shown, since gone: ", out);
	put_value(graph, graph->gone, out);
	fputs(" in ", out);
	svg__thousands(graph->gone_stacks, out);
	fputs(graph->gone_stacks == 1 ? " stack" : " stacks", out);
	fputs(by_base ? "" : " (--reverse shows them)", out);
}

static void put_subtitle_text(const struct graph *graph, FILE *out)
{
	const struct profile *profile = graph->profile;
	time_t seconds = profile->time_ns / 1000000000;
	uint64_t stacks = graph->folded->stack_count - graph->gone_stacks;
	char when[64];
	struct tm tm;

	if (graph->folded->is_diff) {
		put_comparison(graph, out);
	} else {
		put_value(graph, graph->total, out);
		fputs(" in total", out);
	}
	if (profile->duration_ns > 0 && !graph->folded->is_diff) {
		fputs(" · over ", out);
		svg__time(profile->duration_ns, out);
	}
	fputs(" · ", out);
	svg__thousands(stacks, out);
	fputs(stacks == 1 ? " stack" : " stacks", out);
	if (profile->time_ns > 0 && gmtime_r(&seconds, &tm) &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm))
		fprintf(out, " · %s", when);
}

/* The comment that begins like that, from there on; NULL: none. */
static const char *find_comment(const struct profile *profile, const char *start)
{
	for (size_t i = 0; i < profile->comment_count; i++) {
		const char *comment = profile->strings[profile->comments[i]];

		if (strncmp(comment, start, strlen(start)) == 0)
			return comment + strlen(start);
	}
	return NULL;
}

static void put_command_text(const struct graph *graph, FILE *out)
{
	const char *command = find_comment(graph->profile, PROFILE_COMMAND_COMMENT);

	fputs(command ? command : "", out);
}

/* A file has them in a comment only. */
static void put_outcome_text(const struct graph *graph, FILE *out)
{
	const struct profile_outcome *outcome = &graph->profile->outcome;
	const char *comment = find_comment(graph->profile, PROFILE_STACKS_COMMENT);

	if (outcome->whole || outcome->truncated || outcome->lost_stacks || outcome->lost) {
		fputs("samples: ", out);
		svg__thousands(outcome->whole, out);
		fputs(" with whole stacks · ", out);
		svg__thousands(outcome->truncated, out);
		fputs(" truncated · ", out);
		svg__thousands(outcome->lost_stacks, out);
		fputs(" without a stack · ", out);
		svg__thousands(outcome->lost, out);
		fputs(" lost", out);
	} else if (comment) {
		fprintf(out, "samples, by stacks: %s", comment);
	}
}

static const struct {
	const char *attributes;
	void (*put)(const struct graph *graph, FILE *out);
	double cell;
} head_lines[] = {
	{" id=\"title\"",    put_title_text,    TITLE_CELL},
	{" id=\"command\"",  put_command_text,  NOTE_CELL },
	{" id=\"subtitle\"", put_subtitle_text, NOTE_CELL },
	{" id=\"outcome\"",  put_outcome_text,  NOTE_CELL },
};

#define HEAD_LINES (sizeof(head_lines) / sizeof(head_lines[0]))

struct head {
	char *lines[HEAD_LINES]; /* "": none */
	uint32_t legend_y;
};

static void free_head(struct head *head)
{
	for (size_t i = 0; i < HEAD_LINES; i++)
		free(head->lines[i]);
}

static int make_head(struct graph *graph, struct head *head)
{
	head->legend_y = TITLE_Y + 12;
	for (size_t i = 0; i < HEAD_LINES; i++) {
		size_t size;
		FILE *out = open_memstream(&head->lines[i], &size);

		if (!out)
			return -errno;
		head_lines[i].put(graph, out);
		if (memory_stream__close(out, &head->lines[i]))
			return -ENOMEM;
		head->legend_y += i && size ? LINE_HEIGHT : 0;
	}
	graph->head_height = head->legend_y + 26;
	return 0;
}

static void put_head(const struct graph *graph, const struct head *head)
{
	uint32_t y = TITLE_Y;

	fputs("<title>", graph->out);
	svg__text(head->lines[0], graph->out);
	fputs("</title>\n", graph->out);
	for (size_t i = 0; i < HEAD_LINES; i++) {
		uint32_t width = GRAPH_WIDTH - (i ? 0 : BUTTONS_WIDTH);

		if (!*head->lines[i])
			continue;
		put_line(graph, head_lines[i].attributes, y, head->lines[i],
			 width / head_lines[i].cell, head_lines[i].cell);
		y += LINE_HEIGHT + (i ? 0 : 2);
	}
}

/* Legends: what each colour says. */

static void put_swatch(const struct graph *graph, const struct head *head, double x,
		       const char *colour, const char *label, uint32_t cells)
{
	FILE *out = graph->out;

	fputs("<g class=\"entry\"><title>", out);
	svg__text(label, out);
	fputs("</title><rect x=\"", out);
	svg__hundredths(x, out);
	fprintf(out, "\" y=\"%u\" width=\"12\" height=\"12\" fill=\"%s\"/><text x=\"",
		head->legend_y, colour);
	svg__hundredths(x + SWATCH_WIDTH, out);
	fprintf(out, "\" y=\"%u\"", head->legend_y + 10);
	svg__fitting(label, cells, NOTE_CELL, out);
	fputs("</g>\n", out);
}

/* The greatest change of all has the strongest colour. */
static int put_change_legend(const struct graph *graph, const struct head *head)
{
	static const struct {
		int step;
		const char *label;
	} swatches[] = {
		{-PALETTE_STEPS, "less than before"},
		{0,              "the same"        },
		{PALETTE_STEPS,  "more than before"},
	};
	uint32_t cells = (GRAPH_WIDTH - MATCHED_WIDTH) / (3 * NOTE_CELL) - 4;

	for (size_t i = 0; i < sizeof(swatches) / sizeof(swatches[0]); i++) {
		size_t left = PAD + i * (GRAPH_WIDTH - MATCHED_WIDTH) / 3;
		double x = (double)left;
		char *label = NULL;
		size_t size;
		FILE *out = open_memstream(&label, &size);

		if (!out)
			return -errno;
		fputs(swatches[i].label, out);
		if (swatches[i].step) {
			fputs(swatches[i].step > 0 ? ", up to +" : ", up to −", out);
			put_value(graph, graph->greatest, out);
		}
		if (!memory_stream__close(out, &label))
			put_swatch(graph, head, x, palette__change(swatches[i].step), label, cells);
		free(label);
	}
	return 0;
}

/* One colour, and what the code that has it was seen with itself. */
struct entry {
	enum frame_kind kind;
	const char *module;
	int64_t self;
};

static struct entry entry_of(enum frame_kind kind, const char *module, int64_t self)
{
	bool by_module = kind == FRAME_APP || kind == FRAME_LIBRARY;

	return (struct entry){kind, by_module ? module : "", self};
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = (a->kind > b->kind) - (a->kind < b->kind);

	return order ? order : strcmp(a->module, b->module);
}

static int compare_shares(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->self != b->self)
		return a->self > b->self ? -1 : 1;
	return compare_entries(left, right);
}

/* What is drawn, the greatest share first. Gives the number of `entries`, which have room for one
 * of each node and stack. */
static size_t make_entries(const struct graph *graph, struct entry *entries)
{
	const struct folded *folded = graph->folded;
	size_t count = 0, distinct = 0, i;

	for (i = 1; i < graph->count; i++)
		entries[count++] = entry_of(graph->nodes[i].kind, graph->nodes[i].module, 0);
	for (i = 0; i < folded->stack_count; i++) {
		const struct stack *stack = &folded->stacks[i];
		const struct frame *leaf = &stack->frames[stack->depth - 1];

		entries[count++] = entry_of(leaf->kind, folded->modules[leaf->name], stack->value);
	}
	qsort(entries, count, sizeof(*entries), compare_entries);
	for (i = 0; i < count; i++) {
		if (i && compare_entries(&entries[i], &entries[distinct - 1]) == 0)
			entries[distinct - 1].self =
				saturating__add(entries[distinct - 1].self, entries[i].self);
		else
			entries[distinct++] = entries[i];
	}
	qsort(entries, distinct, sizeof(*entries), compare_shares);
	return distinct;
}

/* The share is never cut off: it comes before the name. */
static char *make_label(const struct graph *graph, const struct entry *entry)
{
	const char *name = *entry->module ? entry->module : kinds[entry->kind].label;
	char *label = NULL;
	size_t size;
	FILE *out = open_memstream(&label, &size);

	if (!out)
		return NULL;
	svg__hundredths(100.0 * entry->self / graph->total, out);
	fprintf(out, "%% %s", name);
	if (memory_stream__close(out, &label)) {
		free(label);
		return NULL;
	}
	return label;
}

static int put_entries(const struct graph *graph, const struct head *head,
		       const struct entry *entries, size_t count)
{
	double x = PAD, room = WIDTH - PAD - MATCHED_WIDTH - MORE_WIDTH;
	size_t i;

	for (i = 0; i < count && x < room; i++) {
		char *label = make_label(graph, &entries[i]);
		char colour[PALETTE_BYTES];
		uint32_t cells;
		double end;

		if (!label)
			return -ENOMEM;
		cells = svg__cells(label, LEGEND_CELLS);
		end = x + SWATCH_WIDTH + cells * NOTE_CELL;
		palette__swatch(entries[i].kind, entries[i].module, colour);
		if (end <= room)
			put_swatch(graph, head, x, colour, label, cells);
		free(label);
		if (end > room)
			break;
		x = end + LEGEND_GAP;
	}
	if (i == count)
		return 0;
	fputs("<text x=\"", graph->out);
	svg__hundredths(x, graph->out);
	fprintf(graph->out, "\" y=\"%u\">and %zu more</text>\n", head->legend_y + 10, count - i);
	return 0;
}

static int put_module_legend(const struct graph *graph, const struct head *head)
{
	size_t room = graph->count + graph->folded->stack_count;
	struct entry *entries;
	int err;

	if (is_empty(graph))
		return 0;
	entries = calloc(room, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	err = put_entries(graph, head, entries, make_entries(graph, entries));
	free(entries);
	return err;
}

static int put_legend(const struct graph *graph, const struct head *head)
{
	int err;

	fputs("<g id=\"legend\">\n", graph->out);
	if (graph->folded->is_diff)
		err = put_change_legend(graph, head);
	else
		err = put_module_legend(graph, head);
	fputs("</g>\n", graph->out);
	return err;
}

/* In steps of the greatest change. However small: only what is the same has no colour. */
static int change_step(const struct graph *graph, const struct node *node)
{
	int64_t by = change(graph, node);
	int step = by ? ceil(fabs((double)by) / graph->greatest * PALETTE_STEPS) : 0;

	return by < 0 ? -step : step;
}

static void put_class(const struct graph *graph, const struct node *node)
{
	int step;

	if (!node->depth) {
		fputs("root", graph->out);
	} else if (!graph->folded->is_diff) {
		fputs(kinds[node->kind].class, graph->out);
	} else {
		step = change_step(graph, node);
		fprintf(graph->out, "%s c%d",
			!step      ? "same"
			: step < 0 ? "less"
				   : "more",
			abs(step));
	}
}

static void put_colour(const struct graph *graph, const struct node *node)
{
	char colour[PALETTE_BYTES];

	if (!node->depth) {
		fputs("#dedad2", graph->out);
	} else if (!graph->folded->is_diff) {
		palette__frame(node->kind, node->module, node->name, colour);
		fputs(colour, graph->out);
	} else {
		fputs(palette__change(change_step(graph, node)), graph->out);
	}
}

static void put_label(const struct graph *graph, const struct node *node, double x, double width)
{
	int cells = (width - 2 * LABEL_PAD) / LABEL_CELL;

	if (cells < LABEL_CELLS)
		return;
	fputs("<text x=\"", graph->out);
	svg__hundredths(x + LABEL_PAD, graph->out);
	fprintf(graph->out, "\" y=\"%u\"", root_y(graph) - node->depth * ROW_HEIGHT + 13);
	svg__fitting(node->name, cells, LABEL_CELL, graph->out);
}

static void put_share(const struct graph *graph, int64_t value, int64_t total)
{
	put_value(graph, value, graph->out);
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
	put_change(graph, before(graph, node), after(graph, node), graph->out);
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
	fprintf(out, "\" height=\"%d\" fill=\"", ROW_HEIGHT - 1);
	put_colour(graph, node);
	fputs("\"/>", out);
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
		y += NOTE_HEIGHT;
		put_line(graph, "", y, profile->strings[profile->comments[i]],
			 GRAPH_WIDTH / NOTE_CELL, NOTE_CELL);
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
static void put_controls(const struct graph *graph, const struct head *head)
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
		"<text id=\"matched\" x=\"-12\" y=\"%u\"/>\n"
		"</g>\n"
		"<g id=\"details\"><rect y=\"0\" width=\"100%%\" height=\"26\"/>"
		"<text x=\"%d\" y=\"17\"/></g>\n<script>",
		head->legend_y + 10, PAD);
	put_embedded(flamegraph_js, flamegraph_js_end, out);
	fputs("</script>\n", out);
}

static int draw(struct graph *graph)
{
	struct head head = {};
	int err = make_head(graph, &head);

	if (!err) {
		put_opening(graph);
		put_head(graph, &head);
		err = put_legend(graph, &head);
	}
	if (!err) {
		put_graph(graph);
		put_notes(graph);
		put_controls(graph, &head);
		fputs("</svg>\n", graph->out);
	}
	free_head(&head);
	if (err)
		return err;
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
