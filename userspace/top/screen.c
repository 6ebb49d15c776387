// SPDX-License-Identifier: Apache-2.0
#define NCURSES_WIDECHAR 1
#include "top/screen.h"

#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long the rest of an escape sequence may take, in ms. ncurses waits a second, for modems. */
#define ESCAPE_MS 25

enum { COLOUR_WARNING = 1, COLOUR_KERNEL, COLOUR_NOTE };

struct screen {
	SCREEN *terminal;
	int signal_fd;
	int stderr_fd; /* what it was; -1: it is left alone */
	int kept_fd;   /* what went there meanwhile */
	bool has_colours;
};

bool screen__is_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb");
}

int screen__signals(void)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	sigaddset(&mask, SIGWINCH);
	sigaddset(&mask, SIGTSTP);
	sigaddset(&mask, SIGQUIT);
	if (sigprocmask(SIG_BLOCK, &mask, NULL))
		return -errno;
	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void keep_stderr(struct screen *screen)
{
	screen->stderr_fd = -1;
	screen->kept_fd = -1;
	if (!isatty(STDERR_FILENO))
		return;
	screen->kept_fd = memfd_create("stderr", MFD_CLOEXEC);
	if (screen->kept_fd < 0)
		return;
	screen->stderr_fd = dup(STDERR_FILENO);
	if (screen->stderr_fd >= 0)
		dup2(screen->kept_fd, STDERR_FILENO);
}

static void give_stderr_back(struct screen *screen)
{
	char text[4096];
	ssize_t size;

	if (screen->stderr_fd >= 0) {
		dup2(screen->stderr_fd, STDERR_FILENO);
		close(screen->stderr_fd);
		lseek(screen->kept_fd, 0, SEEK_SET);
		while ((size = read(screen->kept_fd, text, sizeof(text))) > 0)
			fwrite(text, size, 1, stderr);
	}
	if (screen->kept_fd >= 0)
		close(screen->kept_fd);
}

/* https://no-color.org */
static void start_colours(struct screen *screen)
{
	const char *no_colour = getenv("NO_COLOR");

	if ((no_colour && *no_colour) || !has_colors() || start_color() == ERR ||
	    use_default_colors() == ERR)
		return;
	init_pair(COLOUR_WARNING, COLOR_RED, -1);
	init_pair(COLOUR_KERNEL, COLOR_CYAN, -1);
	init_pair(COLOUR_NOTE, COLOR_YELLOW, -1);
	screen->has_colours = true;
}

struct screen *screen__open(int signal_fd)
{
	struct screen *screen = calloc(1, sizeof(*screen));

	if (!screen)
		return NULL;
	screen->signal_fd = signal_fd;
	screen->terminal = newterm(NULL, stdout, stdin);
	if (!screen->terminal) {
		free(screen);
		errno = ENOTTY;
		return NULL;
	}
	keep_stderr(screen);
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	start_colours(screen);
	return screen;
}

void screen__close(struct screen *screen)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen->terminal);
	give_stderr_back(screen);
	free(screen);
}

int screen__rows(const struct screen *screen)
{
	(void)screen;
	return getmaxy(stdscr);
}

int screen__columns(const struct screen *screen)
{
	(void)screen;
	return getmaxx(stdscr);
}

void screen__begin(struct screen *screen)
{
	(void)screen;
	erase();
}

static attr_t attributes(const struct screen *screen, enum screen_style style)
{
	switch (style) {
	case SCREEN_BOLD:
		return A_BOLD;
	case SCREEN_BAR:
		return A_REVERSE;
	case SCREEN_WARNING:
		return screen->has_colours ? COLOR_PAIR(COLOUR_WARNING) : A_BOLD;
	case SCREEN_KERNEL:
		return screen->has_colours ? COLOR_PAIR(COLOUR_KERNEL) : 0;
	case SCREEN_NOTE:
		return screen->has_colours ? COLOR_PAIR(COLOUR_NOTE) : 0;
	default:
		return 0;
	}
}

void screen__put(struct screen *screen, int row, enum screen_style style, const char *text)
{
	attrset(attributes(screen, style));
	/* A bar goes from edge to edge. */
	if (style == SCREEN_BAR)
		mvhline(row, 0, ' ', getmaxx(stdscr));
	mvaddstr(row, 0, text);
	attrset(0);
}

void screen__show(struct screen *screen)
{
	(void)screen;
	refresh();
}

void screen__prepare(const struct screen *screen, struct pollfd fds[2])
{
	fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = screen->signal_fd, .events = POLLIN};
}

static void take_size(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
}

/* Gives the terminal back, stops, and takes it again. The size may be another one by then. */
static void stop(void)
{
	endwin();
	kill(getpid(), SIGSTOP);
	take_size();
	clearok(stdscr, TRUE);
}

bool screen__answer_signals(struct screen *screen)
{
	struct signalfd_siginfo info;

	while (read(screen->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGQUIT)
			return false;
		if (info.ssi_signo == SIGTSTP)
			stop();
		else
			take_size();
	}
	return true;
}

int screen__key(struct screen *screen)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{ERR,           SCREEN_NO_KEY   },
		{KEY_UP,        SCREEN_UP       },
		{KEY_DOWN,      SCREEN_DOWN     },
		{KEY_PPAGE,     SCREEN_PAGE_UP  },
		{KEY_NPAGE,     SCREEN_PAGE_DOWN},
		{KEY_HOME,      SCREEN_HOME     },
		{KEY_END,       SCREEN_END      },
		{KEY_ENTER,     SCREEN_ENTER    },
		{'\r',          SCREEN_ENTER    },
		{'\n',          SCREEN_ENTER    },
		{KEY_BACKSPACE, SCREEN_BACKSPACE},
		{'\b',          SCREEN_BACKSPACE},
		{0x7f,          SCREEN_BACKSPACE},
		{0x1b,          SCREEN_ESCAPE   },
	};
	int key = getch();

	(void)screen;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (keys[i].curses == key)
			return keys[i].key;
	}
	/* Others, such as function keys and KEY_RESIZE, mean nothing here, but more may follow. */
	return key <= 0xff ? key : 0;
}
