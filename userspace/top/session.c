// SPDX-License-Identifier: Apache-2.0
#include "top/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "taking.h"
#include "top/text.h"

/* How soon it is seen that the last of several processes is gone while nothing is asked for. */
#define PAUSED_MS 1000

struct shown {
	struct top_table *table;
	enum top_scope scope;
	bool is_answered; /* whatever the answer was */
	bool has_table, is_reset;
	int err; /* of the last answer */
};

struct session {
	struct agent *agent;
	struct session_options options;
	struct shown views[TOP_VIEWS_MAX];
	int view;
	struct taking *taking;
	int asked; /* the view that it is for */
	int64_t next_ms;
	bool is_paused, is_gone, is_over;
	struct facts facts;
};

struct session *session__new(struct agent *agent, const struct session_options *options, int view)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->agent = agent;
	session->options = *options;
	session->view = view;
	session->next_ms = clock__monotonic_ms();
	facts__look(&session->facts, agent__process(agent));
	for (int i = 0; top_views[i].name; i++) {
		session->views[i].scope = top_views[i].scope;
		session->views[i].table = top_table__new(clock__realtime_ns());
		if (!session->views[i].table) {
			session__free(session);
			errno = ENOMEM;
			return NULL;
		}
	}
	return session;
}

void session__free(struct session *session)
{
	char *bytes;
	size_t size;

	if (!session)
		return;
	if (session->taking && !taking__finish(session->taking, &bytes, &size))
		free(bytes);
	for (int i = 0; i < TOP_VIEWS_MAX; i++)
		top_table__free(session->views[i].table);
	free(session);
}

void session__prepare(const struct session *session, struct pollfd fds[2], int *timeout_ms)
{
	int64_t left_ms = session->next_ms - clock__monotonic_ms();
	int taking_fd = session->taking ? taking__fd(session->taking) : -1;
	bool is_waiting = session->taking || session->is_over;
	/* What it would tell is asked for after each answer. */
	int pidfd = is_waiting || session->is_gone ? -1 : agent__only_pidfd(session->agent);

	fds[0] = (struct pollfd){.fd = taking_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = pidfd, .events = POLLIN};
	*timeout_ms = left_ms > 0 && !session->is_gone ? left_ms : 0;
	if (is_waiting)
		*timeout_ms = -1;
	else if (session->is_paused && !session->is_gone)
		*timeout_ms = PAUSED_MS;
}

static bool is_readable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	return poll(&poller, 1, 0) > 0;
}

static bool is_gone(const struct session *session)
{
	int pidfd = agent__only_pidfd(session->agent);

	return pidfd >= 0 ? is_readable(pidfd) : !agent__alive(session->agent);
}

static void ask(struct session *session)
{
	const struct profile_kind *kind = top_views[session->view].kind;
	struct agent_request request = {
		.kind = kind,
		.format = &tally_format,
		.since_last = profile_kind__takes_time(kind),
	};
	int64_t now_ms = clock__monotonic_ms(), delay_ms = session->options.delay_s * 1000LL;

	session->taking = taking__start(session->agent, &request);
	session->asked = session->view;
	/* By the clock, as long as it can be kept up with. */
	session->next_ms += delay_ms;
	if (session->next_ms <= now_ms)
		session->next_ms = now_ms + delay_ms;
}

static int add_answer(struct shown *shown, const struct profile_kind *kind, const char *bytes)
{
	const struct tally *tally = (const struct tally *)bytes;

	return profile_kind__takes_time(kind) ? top_table__add(shown->table, tally)
					      : top_table__replace(shown->table, tally);
}

static enum session_news take_answer(struct session *session)
{
	struct shown *shown = &session->views[session->asked];
	bool was_answered = shown->is_answered;
	char *bytes = NULL;
	size_t size;

	shown->err = taking__finish(session->taking, &bytes, &size);
	session->taking = NULL;
	if (!shown->err)
		shown->err = add_answer(shown, top_views[session->asked].kind, bytes);
	free(bytes);
	shown->is_answered = true;
	if (!shown->err)
		shown->has_table = true;
	facts__look(&session->facts, agent__process(session->agent));
	if (session->is_gone) {
		session->is_over = true;
		return SESSION_OVER;
	}
	session->is_gone = is_gone(session);
	return was_answered ? SESSION_NEWS : SESSION_BEGUN;
}

enum session_news session__work(struct session *session)
{
	if (session->taking && is_readable(taking__fd(session->taking)))
		return take_answer(session);
	if (session->is_over || session->taking)
		return SESSION_NO_NEWS;
	session->is_gone = is_gone(session);
	if (session->is_gone || (!session->is_paused && clock__monotonic_ms() >= session->next_ms))
		ask(session);
	return SESSION_NO_NEWS;
}

bool session__offers(const struct session *session, int view)
{
	return top_views[view].kind->source != SAMPLES_HEAP || session->options.has_heap;
}

void session__show(struct session *session, int view)
{
	session->view = view;
	session->next_ms = clock__monotonic_ms();
}

static const struct shown *shown(const struct session *session)
{
	return &session->views[session->view];
}

const struct top_table *session__table(const struct session *session)
{
	return shown(session)->has_table ? shown(session)->table : NULL;
}

enum top_scope session__scope(const struct session *session)
{
	return shown(session)->scope;
}

void session__toggle_scope(struct session *session)
{
	struct shown *view = &session->views[session->view];

	view->scope = view->scope == TOP_LAST ? TOP_SINCE : TOP_LAST;
}

void session__reset(struct session *session)
{
	struct shown *view = &session->views[session->view];

	top_table__reset(view->table);
	view->is_reset = true;
	view->scope = TOP_SINCE;
}

void session__pause(struct session *session, bool is_paused)
{
	session->is_paused = is_paused;
	if (!is_paused)
		session->next_ms = clock__monotonic_ms();
}

bool session__is_paused(const struct session *session)
{
	return session->is_paused;
}

bool session__is_over(const struct session *session)
{
	return session->is_over;
}

const struct facts *session__facts(const struct session *session)
{
	return &session->facts;
}

size_t session__others(const struct session *session)
{
	size_t alive = agent__alive(session->agent);

	/* What the agent knows is of up to a second ago. */
	if (agent__only_pidfd(session->agent) >= 0)
		return 0;
	return alive > session->facts.is_alive ? alive - session->facts.is_alive : 0;
}

static void put_span(const struct session *session, const struct top_sums *sums, FILE *out)
{
	int64_t length_ns = sums->to_ns - sums->from_ns;
	char age[TEXT_FIGURE];

	if (session__scope(session) == TOP_LAST) {
		fprintf(out, "last %.1f s", length_ns / 1e9);
		return;
	}
	text__age(age, length_ns / 1000000000);
	fprintf(out, "%s %s", age, shown(session)->is_reset ? "since the reset" : "in all");
}

/* Losses first: the end of a line may not fit. */
static void put_outcome(const struct session *session, const struct profile_outcome *outcome,
			FILE *out)
{
	int64_t samples = outcome->whole + outcome->truncated + outcome->lost_stacks;
	char share[TEXT_FIGURE];

	text__share(share, outcome->truncated, samples);
	fprintf(out, "%" PRId64 " lost, ", outcome->lost);
	if (outcome->lost_stacks)
		fprintf(out, "%" PRId64 " without a stack, ", outcome->lost_stacks);
	fprintf(out, "%s truncated of %" PRId64 " samples", *share ? share : "0.0%", samples);
	if (top_views[session->view].kind->source == SAMPLES_CPU)
		fprintf(out, " at %u Hz", session->options.frequency);
}

void session__put_summary(const struct session *session, FILE *out)
{
	const struct top_view *view = &top_views[session->view];
	char value[TEXT_FIGURE];
	struct top_sums sums;

	fprintf(out, "%s, ", view->title);
	if (!shown(session)->has_table) {
		fputs("not known yet", out);
		return;
	}
	top_table__sums(shown(session)->table, session__scope(session), &sums);
	put_span(session, &sums, out);
	text__value(value, sums.total, sums.unit);
	fprintf(out, ": %s; ", value);
	put_outcome(session, &sums.outcome, out);
}

/* As --heap-rate takes it. */
static void put_heap_rate(uint64_t rate, FILE *out)
{
	static const char suffixes[] = "KMG";
	size_t shifts = 0;

	while (shifts < strlen(suffixes) && rate % 1024 == 0) {
		rate /= 1024;
		shifts++;
	}
	fprintf(out, "one sample in %" PRIu64, rate);
	if (shifts)
		putc(suffixes[shifts - 1], out);
	fputs("; ", out);
}

/* What a user may have to act on first: the end of the line may not fit. */
static void put_heap(const struct session *session, FILE *out)
{
	struct heap_state heap;

	agent__heap(session->agent, &heap);
	if (*heap.warning)
		fprintf(out, "not whole: %s; ", heap.warning);
	if (heap.is_followed && session->options.heap_rate > 1)
		put_heap_rate(session->options.heap_rate, out);
	if (heap.is_followed && heap.cost.seconds)
		fprintf(out, "probes take %.1f%% of its CPU time; ", 100 * heap.cost.share);
	fprintf(out, "heap %s%s", heap.is_followed ? "of " : "not followed: ", heap.text);
}

void session__put_state(const struct session *session, FILE *out)
{
	enum samples_source source = top_views[session->view].kind->source;
	int err = shown(session)->err;

	/* Of a target that is gone there is nothing more to come, which is said elsewhere. */
	if (err && err != -ENODATA && err != -ESRCH)
		fprintf(out, "no %s profile: %s", top_views[session->view].name, strerror(-err));
	else if (source == SAMPLES_HEAP)
		put_heap(session, out);
}
