// SPDX-License-Identifier: Apache-2.0
/* In words and figures: whose heap is followed, how, and what is missing from it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory_stream.h"
#include "heap_watch_internal.h"

/* By then a program that has begun has its libraries mapped, on a busy machine, too. */
#define BEGIN_MS 1000

bool heap_watch__begins(const struct heap_watch *watch)
{
	return watch->exec_ms && clock__monotonic_ms() - watch->exec_ms < BEGIN_MS;
}

/* Whether calls of the one reach the program rather than those of the other: the one that is
 * mapped, that other files can be bound to, that comes first in the linker's order. */
static bool is_before(const struct followed *a, const struct followed *b)
{
	if (a->is_mapped != b->is_mapped)
		return a->is_mapped;
	if (a->allocator.is_exported != b->allocator.is_exported)
		return a->allocator.is_exported;
	return a->rank < b->rank;
}

/* The one that the program's calls of malloc reach. NULL: none is probed. Of a program that begins,
 * it may be one whose probes wait for it to be mapped: nothing that it will give out is missed. */
static const struct followed *in_use(const struct heap_watch *watch)
{
	const struct followed *best = NULL;
	bool may_come = heap_watch__begins(watch);

	for (size_t i = 0; i < watch->count; i++) {
		const struct followed *followed = &watch->followed[i];

		if (followed->err || !(followed->is_mapped || (may_come && followed->is_attached)))
			continue;
		if (!best || is_before(followed, best))
			best = followed;
	}
	return best;
}

bool heap_watch__is_followed(const struct heap_watch *watch)
{
	return in_use(watch);
}

static void put_name(FILE *out, const struct followed *followed)
{
	fprintf(out, "%s (%s)", followed->allocator.name, elf_file__name(followed->allocator.file));
}

/* The others that are followed too; false: there are none. */
static bool put_others(FILE *out, const struct heap_watch *watch, const struct followed *first)
{
	bool some = false;

	for (size_t i = 0; i < watch->count; i++) {
		const struct followed *followed = &watch->followed[i];

		if (followed == first || !followed->is_mapped || followed->err)
			continue;
		fputs(some ? ", " : "", out);
		put_name(out, followed);
		some = true;
	}
	return some;
}

/* uprobe_register() (kernel/events/uprobes.c) has EINVAL where two want one instruction, one of
 * them with a reference counter. bcc's Python tools ask for one by accident (its issue 5236). */
static const char *attach_error(int err)
{
	if (err == -EKEYREJECTED)
		return "its seccomp filter would end it at the first return probe on this kernel (fixed "
		       "in Linux 6.14)";
	if (err == -ESTALE)
		return "its functions lead to exoprof's code, which could not be taken out";
	if (err == -ENOENT)
		return "the program has changed all of its functions in memory";
	if (err == -E2BIG)
		return "as many functions are probed as can be";
	/* ENOTSUPP, which only the kernel knows by name. */
	if (err == -524)
		return "the kernel cannot probe one of its functions";
	return err == -EINVAL
		       ? "another tool's probes are in the way, such as those of bcc's memleak; "
			 "it is tried again until they are gone"
		       : strerror(-err);
}

static void put_why_not(FILE *out, const struct heap_watch *watch)
{
	if (!watch->options.enabled) {
		fputs("exoprof runs with --no-heap", out);
		return;
	}
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->followed[i].err) {
			fputs("cannot probe ", out);
			put_name(out, &watch->followed[i]);
			fprintf(out, ": %s", attach_error(watch->followed[i].err));
			return;
		}
	}
	if (watch->unread_err)
		fprintf(out, "the code of its malloc cannot be read: %s",
			watch->unread_err == ESRCH ? "it is ending" : strerror(watch->unread_err));
	else if (watch->options.allocator)
		fprintf(out,
			"no malloc and free%s%s%s in %s, or the target has not mapped it (its "
			"files are in /proc/%d/maps)",
			watch->options.prefix ? " with the prefix '" : "",
			watch->options.prefix ? watch->options.prefix : "",
			watch->options.prefix ? "'" : "", watch->options.allocator,
			process__pid(watch->process));
	else
		fprintf(out,
			"no file that the target has mapped has symbols for malloc and free (%s)",
			watch->unopened ? "some could not be opened"
					: "a static program, stripped?");
}

static bool is_ending(const struct heap_watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->followed[i].err == -ESRCH)
			return true;
	}
	return watch->unread_err == ESRCH;
}

static void put_means(FILE *out, const struct heap_watch *watch)
{
	if (watch->stubs) {
		fputs("a stub in its memory", out);
		return;
	}
	fputs(heap__flavour(watch->collector), out);
	if (*watch->why_no_stubs)
		fprintf(out, " (not by a stub: %s)", watch->why_no_stubs);
}

static void put_state(FILE *out, const struct heap_watch *watch)
{
	const struct followed *first = in_use(watch);

	if (!first) {
		put_why_not(out, watch);
		return;
	}
	put_name(out, first);
	fputs(" by ", out);
	put_means(out, watch);
}

static void put_time(FILE *out, int64_t time_ns)
{
	time_t seconds = time_ns / 1000000000;
	char text[32];
	struct tm utc;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
	fputs(text, out);
}

static void put_budget(FILE *out, const struct heap_watch *watch)
{
	if (!watch->times_off)
		return;
	fprintf(out, "probes took %.1f%% of the target's CPU time, over the budget of %.1f%%: ",
		100 * watch->over_share, 100 * watch->budget.limit);
	fputs("they were taken off at ", out);
	put_time(out, watch->off_since_ns);
	if (!watch->off_until_ns) {
		fprintf(out,
			" and are tried again %" PRId64 " s after that; nothing is counted until "
			"then, and what is in use is as of that time",
			watch->budget.wait_ns / 1000000000);
		return;
	}
	fputs(" until ", out);
	put_time(out, watch->off_until_ns);
	fprintf(out,
		" (%u time%s in all): what was allocated then is not counted, and what was in "
		"use before is left out of what is in use",
		watch->times_off, watch->times_off > 1 ? "s" : "");
}

static void put_unprobed(FILE *out, const struct heap_watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		const struct followed *followed = &watch->followed[i];

		if (!followed->is_mapped)
			continue;
		if (followed->patched) {
			fputs("of ", out);
			put_name(out, followed);
			fprintf(out,
				" %zu left alone, whose code the program has changed in memory; ",
				followed->patched);
		}
		if (followed->err) {
			put_name(out, followed);
			fprintf(out, " cannot be probed: %s; ", attach_error(followed->err));
		} else if (followed->allocator.throws &&
			   !heap__follows_throwing(watch->collector)) {
			fputs("operator new of ", out);
			put_name(out, followed);
			fputs(" is not followed: without session uprobes (kernel 6.13) its "
			      "exceptions would end the program; ",
			      out);
		}
	}
}

static void put_gone(FILE *out, const struct heap_watch *watch)
{
	if (!watch->times_gone)
		return;
	fprintf(out,
		"probes were taken away in the target's memory, as by a debugger, %u time%s, the last at ",
		watch->times_gone, watch->times_gone > 1 ? "s" : "");
	put_time(out, watch->gone_ns);
	fputs(watch->cannot_keep
		      ? ", and cannot be set again: what they would have seen is missing; "
		      : ", and set again: what was allocated and freed in between is missing; ",
	      out);
}

/* Whatever does not fit is cut. */
static void print_into(char *text, size_t size, const struct heap_watch *watch,
		       void (*put)(FILE *out, const struct heap_watch *watch))
{
	FILE *out = fmemopen(text, size, "w");

	*text = '\0';
	if (!out)
		return;
	put(out, watch);
	fclose(out);
	text[size - 1] = '\0';
}

static void put_warnings(FILE *out, const struct heap_watch *watch)
{
	put_unprobed(out, watch);
	if (watch->is_unpriced)
		fprintf(out, "what a probe costs could not be measured%s; ",
			watch->budget.limit ? ", and the budget is without effect" : "");
	if (watch->has_too_many)
		fputs("there are more files with a malloc than are followed; ", out);
	put_gone(out, watch);
	put_budget(out, watch);
}

static void warn(const struct heap_watch *watch, char *text, size_t size)
{
	size_t length;

	print_into(text, size, watch, put_warnings);
	length = strlen(text);
	if (length > 2 && !strcmp(text + length - 2, "; "))
		text[length - 2] = '\0';
}

void heap_watch__state(const struct heap_watch *watch, struct heap_state *state)
{
	*state = (struct heap_state){
		.is_followed = in_use(watch),
		.is_attached = in_use(watch) && !watch->budget.is_over,
		.is_ending = is_ending(watch),
		.hits = watch->hits,
		.prices = watch->prices,
		.cost = heap_meter__cost(&watch->meter, &watch->prices),
		.pid = process__pid(watch->process),
	};
	print_into(state->text, sizeof(state->text), watch, put_state);
	if (state->is_followed)
		warn(watch, state->warning, sizeof(state->warning));
}

static void put_source(FILE *out, const struct heap_watch *watch)
{
	const struct followed *first = in_use(watch);

	fputs("heap: malloc, free and their kin of ", out);
	if (first)
		put_name(out, first);
	else
		fputs("nobody any more", out);
	fputs(", by ", out);
	put_means(out, watch);
	fputs(", since ", out);
	put_time(out, watch->exec_ns > watch->since_ns ? watch->exec_ns : watch->since_ns);
}

static void put_also(FILE *out, const struct heap_watch *watch)
{
	char *names = NULL;
	size_t size;
	FILE *list = open_memstream(&names, &size);
	bool some;

	if (!list)
		return;
	some = put_others(list, watch, in_use(watch));
	if (!memory_stream__close(list, &names) && some)
		fprintf(out, "heap: also followed: %s", names);
	free(names);
}

static void put_exec(FILE *out, const struct heap_watch *watch)
{
	if (!watch->exec_ns)
		return;
	fputs("heap: the target has executed another program at ", out);
	put_time(out, watch->exec_ns);
	fputs("; what was before is left out", out);
}

static void put_preattach(FILE *out, const struct heap_watch *watch)
{
	if (watch->preattach_bytes)
		fprintf(out,
			"heap: allocated before attach: about %" PRIu64 " bytes, by the anonymous "
			"memory at that time; in the profile if asked for (?preattach=1)",
			watch->preattach_bytes);
}

static void put_cost(FILE *out, const struct heap_watch *watch)
{
	struct heap_cost cost = heap_meter__cost(&watch->meter, &watch->prices);

	if (cost.seconds && !watch->is_unpriced)
		fprintf(out,
			"heap: probes: %.0f hits a second over the last %.0f s, %.0f ns each, "
			"%.1f%% of the target's CPU time",
			cost.hits, cost.seconds, cost.ns_a_hit, 100 * cost.share);
}

static void put_stop(FILE *out, const struct heap_watch *watch)
{
	if (watch->stopped_ns)
		fprintf(out,
			"heap: for the stub the target was stopped, for %.1f ms at a time at most",
			watch->stopped_ns / 1e6);
}

static void put_prices(FILE *out, const struct heap_watch *watch)
{
	if (!watch->is_unpriced)
		fprintf(out,
			"heap: measured at the attach: %.0f ns a hit, %.0f ns single-stepped, %.0f ns "
			"more for a return",
			watch->prices.emulated_ns, watch->prices.stepped_ns,
			watch->prices.return_ns);
}

static void put_warning(FILE *out, const struct heap_watch *watch)
{
	char text[512];

	warn(watch, text, sizeof(text));
	if (*text)
		fprintf(out, "heap: %s", text);
}

void heap_watch__annotate(const struct heap_watch *watch, struct samples *samples)
{
	static void (*const notes[])(FILE * out, const struct heap_watch *watch) = {
		put_source, put_also, put_exec,   put_preattach,
		put_stop,   put_cost, put_prices, put_warning,
	};
	char text[1024];

	samples->preattach_bytes = watch->preattach_bytes;
	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		print_into(text, sizeof(text), watch, notes[i]);
		if (*text)
			samples__add_note(samples, text);
	}
}
