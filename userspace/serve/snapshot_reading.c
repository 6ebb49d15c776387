// SPDX-License-Identifier: Apache-2.0
/* A kept profile in the format that is asked for, or what has changed since another one. The
 * profile is read again, by the thread that names and writes: it is our own, but the names in it
 * are the target's, and it may be large. What import/ takes at most holds here, too. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory_stream.h"
#include "import/import.h"
#include "profile/diff.h"
#include "serve/query.h"
#include "serve/reply.h"
#include "serve/request.h"
#include "serve/snapshot_request.h"
#include "serve/waiting.h"

struct snapshot_reading {
	struct waiting waiting;
	struct snapshot *snapshot;
	struct snapshot *base; /* NULL: it is not to be compared */
	const struct format *format;
	char sample_index[64]; /* empty: not said */
	bool download;
	bool takes_gzip;                /* the client */
	bool is_gzipped;                /* the answer, though its format is not */
	char refusal[IMPORT_WHY_BYTES]; /* empty: none */
};

static struct snapshot_reading *reading_of(const struct waiting *waiting)
{
	return H2O_STRUCT_FROM_MEMBER(struct snapshot_reading, waiting, waiting);
}

static void describe(const struct waiting *waiting, char *text, size_t size)
{
	snprintf(text, size, "convert snapshot %" PRIu64, reading_of(waiting)->snapshot->id);
}

static bool is_pprof(const struct snapshot_reading *reading)
{
	return !strcmp(reading->format->name, "pprof");
}

static const struct profile *import(struct snapshot_reading *reading,
				    const struct snapshot *snapshot)
{
	struct import_facts facts = {
		.title = snapshot->title,
		.kind = snapshot->kind->name,
		.outcome = snapshot->outcome,
	};

	return import__kept(snapshot->bytes, snapshot->size,
			    *reading->sample_index ? reading->sample_index
						   : snapshot->kind->shown_type,
			    &facts, reading->refusal);
}

/* What is to be written; NULL with errno set. */
static const struct profile *make_profile(struct snapshot_reading *reading)
{
	struct diff_options options = {.widths = DIFF_AFTER};
	const struct profile *before, *after = import(reading, reading->snapshot), *diff;
	char title[SNAPSHOT_TITLE_BYTES + 64];

	if (!after || !reading->base)
		return after;
	before = import(reading, reading->base);
	if (!before) {
		profile__free(after);
		return NULL;
	}
	snprintf(title, sizeof(title), "%s: %" PRIu64 " → %" PRIu64, reading->snapshot->title,
		 reading->base->id, reading->snapshot->id);
	options.title = title;
	diff = profile__diff(before, after, &options);
	profile__free(before);
	profile__free(after);
	return diff;
}

static int write_profile(const struct snapshot_reading *reading, const struct profile *profile,
			 struct agent_answer *answer)
{
	FILE *out = open_memstream(&answer->body, &answer->size);
	int err;

	if (!out)
		return -errno;
	err = reading->format->write(profile, out);
	if (memory_stream__close(out, &answer->body) && !err)
		err = -ENOMEM;
	return err;
}

static void prepare(struct waiting *waiting)
{
	struct snapshot_reading *reading = reading_of(waiting);
	struct agent_answer *answer = &waiting->answer;
	const struct profile *profile = make_profile(reading);

	/* That it has no such type is the client's mistake, and in `refusal`. */
	if (!profile) {
		answer->err = errno == EBADMSG ? 0 : -errno;
		return;
	}
	*reading->refusal = '\0';
	answer->err = write_profile(reading, profile, answer);
	profile__free(profile);
	if (!answer->err && reading->takes_gzip && !is_pprof(reading))
		reading->is_gzipped = reply__gzip(&answer->body, &answer->size);
}

static void release(struct waiting *waiting)
{
	struct snapshot_reading *reading = reading_of(waiting);

	snapshot__put(reading->snapshot);
	snapshot__put(reading->base);
}

/* "demo-server-42-heap-20261122T231832Z.pb.gz"; a process may call itself anything. */
static void put_disposition(h2o_req_t *req, const struct snapshot_reading *reading)
{
	const struct snapshot *snapshot = reading->snapshot;
	time_t seconds = snapshot->time_ns / 1000000000;
	char disposition[192], when[32] = "", name[PROCESS_COMM_BYTES];
	struct tm tm;

	if (!reading->download)
		return;
	snprintf(name, sizeof(name), "%s", snapshot->name);
	for (char *c = name; *c; c++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			    *c))
			*c = '_';
	}
	if (gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s-%d-%s%s-%s%s\"", name,
		 snapshot->pid, snapshot->kind->name, reading->base ? "-diff" : "", when,
		 reading->format->ending);
	reply__header(req, "content-disposition", disposition);
}

static void put_headers(h2o_req_t *req, const struct snapshot_reading *reading)
{
	if (!is_pprof(reading))
		reply__header(req, "vary", "accept-encoding");
	put_disposition(req, reading);
}

static void reply_read(struct waiting *waiting)
{
	const struct snapshot_reading *reading = reading_of(waiting);

	if (*reading->refusal) {
		reply__error(waiting->req, 400, "snapshot %" PRIu64 ": %s", reading->snapshot->id,
			     reading->refusal);
		return;
	}
	put_headers(waiting->req, reading);
	if (reading->is_gzipped)
		reply__header(waiting->req, "content-encoding", "gzip");
	waiting__reply_body(waiting, reading->format->content_type);
}

static bool read_format(h2o_req_t *req, struct snapshot_reading *reading)
{
	char name[32] = "pprof";

	request__parameter(req, "format", name, sizeof(name));
	reading->format = format__by_name(name);
	if (!reading->format) {
		reply__error(req, 400, "unknown format \"%s\": use one of %s", name,
			     format__names());
		return false;
	}
	/* A snapshot need not have a sample of each thread, even where it is of that kind. */
	if (reading->format->by_thread) {
		reply__error(req, 400, "format %s is of a process that runs, not of a snapshot",
			     name);
		return false;
	}
	return true;
}

static bool read_base(struct routes *routes, h2o_req_t *req, struct snapshot_reading *reading)
{
	const char *format = reading->format->name;
	char text[32];
	long id;

	if (!request__parameter(req, "base", text, sizeof(text)))
		return true;
	if (!query__integer(text, &id) || id < 0) {
		reply__error(req, 400, "base: the id of a snapshot is needed");
		return false;
	}
	reading->base = snapshots__hold(routes->snapshots, id);
	if (!reading->base)
		snapshot_request__refuse_gone(routes, req, id);
	else if (reading->base->kind != reading->snapshot->kind)
		reply__error(req, 400,
			     "snapshot %" PRIu64 " is of %s and %ld of %s: only two of "
			     "one kind can be compared",
			     reading->snapshot->id, reading->snapshot->kind->name, id,
			     reading->base->kind->name);
	else if (!reading->format->tells_diffs)
		reply__error(req, 400,
			     "a difference can be had as pprof, folded, flamegraph or "
			     "tree, not as %s",
			     format);
	else
		return true;
	return false;
}

static bool read_parameters(struct routes *routes, h2o_req_t *req, struct snapshot_reading *reading)
{
	char text[8] = "";

	request__parameter(req, "sample_index", reading->sample_index,
			   sizeof(reading->sample_index));
	request__parameter(req, "download", text, sizeof(text));
	reading->download = *text && strcmp(text, "0");
	reading->takes_gzip = reply__takes_gzip(req);
	return read_format(req, reading) && read_base(routes, req, reading);
}

static void discard(struct snapshot_reading *reading)
{
	release(&reading->waiting);
	free(reading);
}

static void put_back(void *snapshot)
{
	snapshot__put(snapshot);
}

/* Those that take no time, or none that is theirs. What is sent is held until it is out. */
static bool answer_at_once(h2o_req_t *req, struct snapshot_reading *reading)
{
	struct snapshot *snapshot = reading->snapshot;
	bool is_as_kept = is_pprof(reading) && !reading->base && !*reading->sample_index;

	if (!is_as_kept && !reply__is_head(req))
		return false;
	put_headers(req, reading);
	if (is_as_kept) {
		reading->snapshot = NULL;
		reply__held(req, reading->format->content_type, snapshot->bytes, snapshot->size,
			    put_back, snapshot);
	} else {
		reply__head(req, reading->format->content_type);
	}
	return true;
}

void snapshot_request__read(struct routes *routes, h2o_req_t *req, uint64_t id)
{
	struct snapshot *snapshot = snapshots__hold(routes->snapshots, id);
	struct snapshot_reading *reading = calloc(1, sizeof(*reading));

	if (!snapshot || !reading) {
		snapshot__put(snapshot);
		free(reading);
		if (!snapshot)
			snapshot_request__refuse_gone(routes, req, id);
		else
			reply__error(req, 503, "out of memory");
		return;
	}
	reading->snapshot = snapshot;
	reading->waiting = (struct waiting){
		.routes = routes,
		.req = req,
		.kind = snapshot->kind,
		.prepare = prepare,
		.reply = reply_read,
		.release = release,
		.describe = describe,
	};
	if (!read_parameters(routes, req, reading) || answer_at_once(req, reading) ||
	    waiting__is_refused(routes, req, 0))
		discard(reading);
	else
		waiting__start(&reading->waiting,
			       agent__call(routes->agent, waiting__on_done, &reading->waiting), 0);
}
