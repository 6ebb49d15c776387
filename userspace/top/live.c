// SPDX-License-Identifier: Apache-2.0
#include "top/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "top/lines.h"
#include "top/text.h"

/* Lines from above: the process, what is shown, its state, a message, the columns' head. */
enum { LINE_PROCESS, LINE_SUMMARY, LINE_STATE, LINE_MESSAGE, LINE_HEAD, LINE_ROWS };

/* Rows of a page that are still there on the next one. */
#define OVERLAP    1

#define FILTER_MAX 64

struct live {
	struct session *session;
	struct screen *screen;
	enum top_order order;
	char filter[FILTER_MAX];
	bool is_typing; /* the filter */
	bool is_help;
	bool is_done;
	size_t first, count; /* rows: the first that is shown; how many there are */
	char message[96];    /* until the next key */
};

static const char footer[] = "s/t sort  i last/all  / filter  p pause  q quit  ? help";

static const char *const help[] = {
	"What functions have come to, refreshed each interval.",
	"",
	"  SELF    of samples that were in the function itself",
	"  TOTAL   of those that had it anywhere in their stacks, counted once",
	"",
	"  s t     sort by self, by total; so do < and >",
	"  i       the last interval, or all since the start or the last reset",
	"  r       reset: count from now on",
	"  /       show only functions whose names contain a text; Esc: all again",
	"  p       pause what is shown; sampling goes on (Space does the same)",
	"  up down PgUp PgDn Home End   scroll",
	"  ?       this; any key goes back",
	"  q       quit",
	"",
};

/* A line that is composed as a stream, then cut to the screen. */
struct line {
	char *text;
	size_t size;
	FILE *out;
};

static FILE *line__begin(struct line *line)
{
	*line = (struct line){};
	line->out = open_memstream(&line->text, &line->size);
	return line->out;
}

static void line__end(struct line *line, struct live *live, int row, enum screen_style style)
{
	char *clean = NULL;
	size_t size;
	FILE *out = NULL;

	if (!memory_stream__close(line->out, &line->text))
		out = open_memstream(&clean, &size);
	if (out) {
		text__put(out, line->text, screen__columns(live->screen));
		if (!memory_stream__close(out, &clean) && row < screen__rows(live->screen))
			screen__put(live->screen, row, style, clean);
	}
	free(clean);
	free(line->text);
}

static void put(struct live *live, int row, enum screen_style style, const char *text)
{
	struct line line;

	if (!line__begin(&line))
		return;
	fputs(text, line.out);
	line__end(&line, live, row, style);
}

static void draw_process(struct live *live)
{
	const struct facts *facts = session__facts(live->session);
	size_t others = session__others(live->session);
	char age[TEXT_FIGURE];
	struct line line;

	if (!line__begin(&line))
		return;
	text__age(age, facts->age_s);
	fprintf(line.out, "%s (pid %d)", facts->comm, facts->pid);
	if (others)
		fprintf(line.out, " and %zu more", others);
	if (facts->is_alive) {
		fprintf(line.out, "  up %s, %d thread%s", age, facts->threads,
			facts->threads == 1 ? "" : "s");
		if (facts->cpu_share >= 0)
			fprintf(line.out, ", %.0f%% CPU", 100 * facts->cpu_share);
	} else {
		fputs("  has exited", line.out);
	}
	line__end(&line, live, LINE_PROCESS, SCREEN_BOLD);
}

static bool has_losses(const struct live *live)
{
	const struct top_table *table = session__table(live->session);
	struct top_sums sums;

	if (!table)
		return false;
	top_table__sums(table, session__scope(live->session), &sums);
	return sums.outcome.lost > 0 || sums.outcome.lost_stacks > 0;
}

static void draw_summary(struct live *live)
{
	struct line line;

	if (line__begin(&line)) {
		session__put_summary(live->session, line.out);
		line__end(&line, live, LINE_SUMMARY,
			  has_losses(live) ? SCREEN_WARNING : SCREEN_PLAIN);
	}
	if (line__begin(&line)) {
		session__put_state(live->session, line.out);
		line__end(&line, live, LINE_STATE, SCREEN_PLAIN);
	}
}

static void draw_message(struct live *live)
{
	struct line line;

	if (!line__begin(&line))
		return;
	if (live->is_typing)
		fprintf(line.out, "filter: %s_", live->filter);
	else if (*live->message)
		fputs(live->message, line.out);
	else if (session__is_over(live->session))
		fputs("The target has exited; this is the last view. q quits", line.out);
	else if (session__is_paused(live->session))
		fputs("paused; p goes on", line.out);
	else if (*live->filter)
		fprintf(line.out, "only names that contain '%s'; / changes it", live->filter);
	line__end(&line, live, LINE_MESSAGE, SCREEN_BOLD);
}

static void draw_footer(struct live *live)
{
	struct line line;

	if (!line__begin(&line))
		return;
	for (int i = 0; top_views[i].name; i++) {
		if (session__offers(live->session, i))
			fprintf(line.out, "%c %s  ", top_views[i].key, top_views[i].name);
	}
	fputs(footer, line.out);
	line__end(&line, live, screen__rows(live->screen) - 1, SCREEN_BAR);
}

static enum screen_style style_of(enum frame_kind kind)
{
	switch (kind) {
	case FRAME_KERNEL:
		return SCREEN_KERNEL;
	case FRAME_NOTE:
		return SCREEN_NOTE;
	default:
		return SCREEN_PLAIN;
	}
}

static size_t page(const struct live *live)
{
	int rows = screen__rows(live->screen) - LINE_ROWS - 1;

	return rows > 0 ? rows : 0;
}

static void draw_row(struct live *live, int at, const struct top_row *row,
		     const struct top_sums *sums)
{
	struct line line;

	if (!line__begin(&line))
		return;
	lines__put_row(line.out, row, sums, screen__columns(live->screen));
	line__end(&line, live, at, style_of(row->kind));
}

/* Gives the number of the last row that is shown, from 1. */
static size_t draw_rows(struct live *live)
{
	const struct top_table *table = session__table(live->session);
	enum top_scope scope = session__scope(live->session);
	struct top_sums sums;
	struct top_row *rows;
	size_t last;

	live->count = 0;
	if (!table)
		return 0;
	top_table__sums(table, scope, &sums);
	rows = top_table__rows(table, scope, live->order, live->filter, &live->count);
	if (live->first + page(live) > live->count)
		live->first = live->count > page(live) ? live->count - page(live) : 0;
	last = live->first + page(live) < live->count ? live->first + page(live) : live->count;
	for (size_t i = live->first; rows && i < last; i++)
		draw_row(live, LINE_ROWS + i - live->first, &rows[i], &sums);
	free(rows);
	return last;
}

static void draw_head(struct live *live, size_t last)
{
	struct line line;

	if (!line__begin(&line))
		return;
	lines__put_head(line.out, live->order);
	if (live->count)
		fprintf(line.out, "  %zu-%zu of %zu", live->first + 1, last, live->count);
	line__end(&line, live, LINE_HEAD, SCREEN_BAR);
}

static void draw_help(struct live *live)
{
	size_t lines = sizeof(help) / sizeof(*help);
	char text[80];

	for (size_t i = 0; i < lines; i++)
		put(live, i, i ? SCREEN_PLAIN : SCREEN_BOLD, help[i]);
	for (int i = 0; top_views[i].name; i++) {
		snprintf(text, sizeof(text), "  %c       %s%s", top_views[i].key,
			 top_views[i].title,
			 session__offers(live->session, i) ? "" : " (start with --heap)");
		put(live, lines + i, SCREEN_PLAIN, text);
	}
}

static void draw(struct live *live)
{
	screen__begin(live->screen);
	if (live->is_help) {
		draw_help(live);
	} else {
		draw_process(live);
		draw_summary(live);
		draw_message(live);
		draw_head(live, draw_rows(live));
		draw_footer(live);
	}
	screen__show(live->screen);
}

/* Whole characters of UTF-8 only. */
static void drop_last(char *text)
{
	size_t length = strlen(text);

	while (length && ((unsigned char)text[--length] & 0xc0) == 0x80)
		;
	text[length] = '\0';
}

static void type(struct live *live, int key)
{
	size_t length = strlen(live->filter);

	if (key == SCREEN_ENTER) {
		live->is_typing = false;
	} else if (key == SCREEN_ESCAPE) {
		live->is_typing = false;
		*live->filter = '\0';
	} else if (key == SCREEN_BACKSPACE) {
		drop_last(live->filter);
	} else if (key >= ' ' && key <= 0xff && length + 1 < sizeof(live->filter)) {
		live->filter[length] = key;
		live->filter[length + 1] = '\0';
	}
	live->first = 0;
}

static void scroll(struct live *live, int key)
{
	size_t step = page(live) > OVERLAP ? page(live) - OVERLAP : 1;

	/* What is too much is put right when it is drawn. */
	if (key == SCREEN_UP)
		live->first -= live->first > 0;
	else if (key == SCREEN_DOWN)
		live->first++;
	else if (key == SCREEN_PAGE_UP)
		live->first -= live->first < step ? live->first : step;
	else if (key == SCREEN_PAGE_DOWN)
		live->first += step;
	else if (key == SCREEN_HOME)
		live->first = 0;
	else if (key == SCREEN_END)
		live->first = live->count;
}

static void show(struct live *live, int view)
{
	if (!session__offers(live->session, view)) {
		snprintf(live->message, sizeof(live->message),
			 "%s is not followed: start exoprof top with --heap", top_views[view].name);
		return;
	}
	session__show(live->session, view);
	live->first = 0;
}

static void obey(struct live *live, int key)
{
	switch (key) {
	case 'q':
		live->is_done = true;
		break;
	case 's':
	case '<':
		live->order = TOP_BY_SELF;
		break;
	case 't':
	case '>':
		live->order = TOP_BY_TOTAL;
		break;
	case 'i':
		session__toggle_scope(live->session);
		break;
	case 'r':
		session__reset(live->session);
		break;
	case 'p':
	case ' ':
		session__pause(live->session, !session__is_paused(live->session));
		break;
	case '/':
		live->is_typing = true;
		break;
	case SCREEN_ESCAPE:
		*live->filter = '\0';
		break;
	case '?':
		live->is_help = true;
		break;
	default:
		scroll(live, key);
	}
}

static void press(struct live *live, int key)
{
	*live->message = '\0';
	if (live->is_help)
		live->is_help = false;
	else if (live->is_typing)
		type(live, key);
	else if (top_view__by_key(key) >= 0)
		show(live, top_view__by_key(key));
	else
		obey(live, key);
}

static void press_all(struct live *live)
{
	int key;

	while (!live->is_done && (key = screen__key(live->screen)) != SCREEN_NO_KEY)
		press(live, key);
}

/* Waits for anything to happen; false once it is to end. */
static bool wait_for_more(struct live *live, int signal_fd)
{
	struct pollfd fds[5] = {
		{.fd = signal_fd, .events = POLLIN}
        };
	int timeout_ms;

	screen__prepare(live->screen, &fds[1]);
	session__prepare(live->session, &fds[3], &timeout_ms);
	if (poll(fds, 5, timeout_ms) < 0)
		return true;
	/* A terminal that has hung up has no more keys to give. */
	if (fds[0].revents || (fds[1].revents & (POLLHUP | POLLERR)))
		return false;
	if (fds[2].revents && !screen__answer_signals(live->screen))
		return false;
	press_all(live);
	return true;
}

void live__run(struct session *session, struct screen *screen, uint32_t iterations, int signal_fd)
{
	struct live live = {.session = session, .screen = screen};
	uint32_t done = 0;

	draw(&live);
	while (!live.is_done && wait_for_more(&live, signal_fd)) {
		enum session_news news = session__work(session);

		done += news == SESSION_NEWS;
		if (iterations && done >= iterations)
			return;
		/* A key, a new size, or an answer. */
		draw(&live);
	}
}
