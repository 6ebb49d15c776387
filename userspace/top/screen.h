/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal as lines of text; the only user of ncurses. */
#ifndef EXOPROF_TOP_SCREEN_H
#define EXOPROF_TOP_SCREEN_H

#include <poll.h>
#include <stdbool.h>

struct screen;

enum screen_style {
	SCREEN_PLAIN,
	SCREEN_BOLD,
	SCREEN_BAR,     /* what heads columns, or ends the screen */
	SCREEN_WARNING, /* in colour where there is any, as are the following */
	SCREEN_KERNEL,
	SCREEN_NOTE,
};

/* Keys that are no characters. */
enum screen_key {
	SCREEN_NO_KEY = -1,
	SCREEN_UP = 0x1000,
	SCREEN_DOWN,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_HOME,
	SCREEN_END,
	SCREEN_ENTER,
	SCREEN_BACKSPACE,
	SCREEN_ESCAPE,
};

/* Whether there is a terminal that can be drawn on. */
bool screen__is_possible(void);

/* Blocks the signals that a screen has to answer, in this thread and those it will start; to be
 * called before there are others. A signalfd for them, or -errno. */
int screen__signals(void);

/* Takes the terminal. What goes to stderr meanwhile is kept back and shown afterwards. NULL with
 * errno set. */
struct screen *screen__open(int signal_fd);

/* Gives the terminal back as it was. NULL is fine. */
void screen__close(struct screen *screen);

int screen__rows(const struct screen *screen);
int screen__columns(const struct screen *screen);

/* Begins an empty picture; puts a line of it, which must be clean text; shows it. */
void screen__begin(struct screen *screen);
void screen__put(struct screen *screen, int row, enum screen_style style, const char *text);
void screen__show(struct screen *screen);

/* What to poll for, two of them: keys and signals. */
void screen__prepare(const struct screen *screen, struct pollfd fds[2]);

/* Answers the signals that have come: a new size, Ctrl-Z. False once it is to end. */
bool screen__answer_signals(struct screen *screen);

/* The next key that was pressed, a byte of UTF-8 perhaps, or an enum screen_key. */
int screen__key(struct screen *screen);

#endif
