// SPDX-License-Identifier: Apache-2.0
#include "top/plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory_stream.h"
#include "base/say.h"
#include "top/lines.h"
#include "top/text.h"

static void put_time(int64_t time_ns)
{
	time_t seconds = time_ns / 1000000000;
	struct tm utc;
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
	fputs(text, stdout);
}

/* "2026-01-31T12:00:00Z burn (pid 4242): CPU time, last 1.0 s: ..." */
static void put_first_line(const struct session *session, int64_t time_ns)
{
	const struct facts *facts = session__facts(session);
	size_t others = session__others(session);

	put_time(time_ns);
	putchar(' ');
	text__put(stdout, facts->comm, TEXT_UNCUT);
	printf(" (pid %d)", facts->pid);
	if (others)
		printf(" and %zu more", others);
	fputs(": ", stdout);
	session__put_summary(session, stdout);
	putchar('\n');
}

static void put_state(const struct session *session)
{
	char *state = NULL;
	size_t size;
	FILE *out = open_memstream(&state, &size);

	if (!out)
		return;
	session__put_state(session, out);
	if (!memory_stream__close(out, &state) && size) {
		text__put(stdout, state, TEXT_UNCUT);
		putchar('\n');
	}
	free(state);
}

/* 0 or -errno. */
static int put_block(const struct session *session)
{
	const struct top_table *table = session__table(session);
	enum top_scope scope = session__scope(session);
	struct top_sums sums = {};
	struct top_row *rows = NULL;
	size_t count = 0;

	if (table) {
		top_table__sums(table, scope, &sums);
		rows = top_table__rows(table, scope, TOP_BY_SELF, "", &count);
		if (!rows)
			return -errno;
	}
	put_first_line(session, table ? sums.to_ns : clock__realtime_ns());
	put_state(session);
	if (table) {
		lines__put_head(stdout, TOP_BY_SELF);
		putchar('\n');
	}
	for (size_t i = 0; i < count; i++) {
		lines__put_row(stdout, &rows[i], &sums, TEXT_UNCUT);
		putchar('\n');
	}
	putchar('\n');
	free(rows);
	return fflush(stdout) ? -errno : 0;
}

static bool is_interrupted(const struct session *session, int signal_fd)
{
	struct pollfd fds[3] = {
		{.fd = signal_fd, .events = POLLIN}
        };
	int timeout_ms;

	session__prepare(session, &fds[1], &timeout_ms);
	return poll(fds, 3, timeout_ms) > 0 && fds[0].revents;
}

int plain__run(struct session *session, uint32_t iterations, int signal_fd)
{
	enum session_news news = SESSION_NO_NEWS;
	uint32_t done = 0;
	int err = 0;

	while (!err && news != SESSION_OVER && (!iterations || done < iterations) &&
	       !is_interrupted(session, signal_fd)) {
		news = session__work(session);
		if (news != SESSION_NEWS && news != SESSION_OVER)
			continue;
		err = put_block(session);
		done++;
	}
	if (news == SESSION_OVER)
		say("pid %d has exited", session__facts(session)->pid);
	/* Whoever reads has had enough. */
	if (err && err != -EPIPE)
		return fail("cannot write: %s", strerror(-err));
	return EXIT_SUCCESS;
}
