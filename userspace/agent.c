// SPDX-License-Identifier: Apache-2.0
#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "profile/assemble.h"
#include "symbol/symbolizer.h"

/* Files are opened while they are mapped, so that names are there after the target is gone. What is
 * mapped now and then is noticed this often. */
#define REFRESH_MS 2000

struct job {
	struct job *next;
	struct agent_request request;
	uint64_t number;
	agent_done *done;
	void *context;
	int64_t deadline_ms;
	struct cpu_window *window; /* cpu */
	struct samples *base;      /* heap over N seconds: what there was at the start */
	struct samples *samples;   /* what was collected */
	int err;
};

struct queue {
	struct job *first, **end;
};

struct agent {
	struct process *process;
	struct agent_options options;
	struct collector *collector;
	struct maps *maps;
	struct symbolizer *symbolizer;

	/* The collecting thread's own. */
	struct heap_watch *heap_watch;
	struct job *running;
	bool target_gone;
	int64_t refresh_ms; /* when the mappings are to be read again */
	int64_t soonest_ms; /* not before this */
	int64_t tick_ms;    /* when the heap is to be looked after */

	/* Shared, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t collected_some, refreshed;
	struct queue inbox;     /* for the collecting thread */
	struct queue collected; /* for the naming thread */
	struct ending {
		uint64_t number;
		bool keep;
	} endings[64];
	size_t ending_count;
	uint64_t last_number;
	uint64_t refreshes_asked, refreshes_done;
	struct tables_size tables;
	struct heap_state heap;
	bool stopping, collecting_over;
	int wake_fd; /* eventfd */

	pthread_t collecting, naming;
	bool collecting_runs, naming_runs;
};

static void queue__init(struct queue *queue)
{
	queue->first = NULL;
	queue->end = &queue->first;
}

static void queue__push(struct queue *queue, struct job *job)
{
	job->next = NULL;
	*queue->end = job;
	queue->end = &job->next;
}

static struct job *queue__pop(struct queue *queue)
{
	struct job *job = queue->first;

	if (!job)
		return NULL;
	queue->first = job->next;
	if (!queue->first)
		queue->end = &queue->first;
	return job;
}

static void wake(struct agent *agent)
{
	uint64_t one = 1;
	ssize_t written = write(agent->wake_fd, &one, sizeof(one));

	(void)written; /* fails only if the counter is at its top: awake already */
}

static void set_maps(struct agent *agent, const struct maps *maps)
{
	struct tables_size size;

	collector__set_maps(agent->collector, maps);
	collector__tables_size(agent->collector, &size);
	pthread_mutex_lock(&agent->lock);
	agent->tables = size;
	pthread_mutex_unlock(&agent->lock);
}

static void publish_heap(struct agent *agent)
{
	struct heap_state state;

	heap_watch__state(agent->heap_watch, &state);
	pthread_mutex_lock(&agent->lock);
	agent->heap = state;
	pthread_mutex_unlock(&agent->lock);
}

#define HEAP_TICK_MS 1000

static void tick_heap(struct agent *agent)
{
	int64_t now_ms = clock__monotonic_ms();

	if (agent->target_gone || !agent->options.heap.enabled || now_ms < agent->tick_ms)
		return;
	agent->tick_ms = now_ms + HEAP_TICK_MS;
	heap_watch__tick(agent->heap_watch);
	publish_heap(agent);
}

/* Between two readings of the mappings, when there is reason for both. */
#define NEWS_MS      20
#define NEWS_IDLE_OF 20 /* times what a reading took */

static void schedule_refresh(struct agent *agent, int64_t reading_ms)
{
	int64_t now_ms = clock__monotonic_ms();
	int64_t pause_ms = reading_ms * NEWS_IDLE_OF;

	agent->refresh_ms = now_ms + REFRESH_MS;
	agent->soonest_ms = now_ms + (pause_ms > NEWS_MS ? pause_ms : NEWS_MS);
}

/* Keeps the last mappings where there are no new ones: the target's exit takes them. */
static void refresh_maps(struct agent *agent)
{
	int64_t began_ms = clock__monotonic_ms();
	struct maps *maps = maps__read(agent->process, agent->maps);
	/* Not the rows of new files: they are read once, and more files may follow. */
	int64_t reading_ms = clock__monotonic_ms() - began_ms;

	if (maps && (!agent->maps || !maps__equal(agent->maps, maps) ||
		     heap_watch__has_news(agent->heap_watch))) {
		set_maps(agent, maps);
		heap_watch__update(agent->heap_watch, maps);
		publish_heap(agent);
	}
	if (maps) {
		maps__put(agent->maps);
		agent->maps = maps;
	}
	schedule_refresh(agent, reading_ms);
}

/* Reads them now, or soon. A program that maps code all the time is looked at every 20 ms at most,
 * and for a twentieth of the time at most; what comes in between is seen the next time. */
static void take_news(struct agent *agent)
{
	if (!collector__take_news(agent->collector) || agent->target_gone)
		return;
	if (clock__monotonic_ms() >= agent->soonest_ms)
		refresh_maps(agent);
	else if (agent->refresh_ms > agent->soonest_ms)
		agent->refresh_ms = agent->soonest_ms;
}

static void hand_over(struct agent *agent, struct job *job)
{
	samples__free(job->base);
	job->base = NULL;
	pthread_mutex_lock(&agent->lock);
	queue__push(&agent->collected, job);
	pthread_cond_signal(&agent->collected_some);
	pthread_mutex_unlock(&agent->lock);
}

static int begin_cpu(struct agent *agent, struct job *job)
{
	if (agent->target_gone)
		return -ESRCH;
	job->window = cpu__start(agent->collector);
	return job->window ? 0 : -errno;
}

static struct samples *heap_now(struct agent *agent)
{
	struct samples *now = heap__snapshot(agent->collector, agent->maps);

	if (now)
		heap_watch__annotate(agent->heap_watch, now);
	return now;
}

static int begin_heap(struct agent *agent, struct job *job)
{
	struct samples *now;

	refresh_maps(agent);
	/* Nobody else writes it. */
	if (!agent->heap.is_followed)
		return -ENODATA;
	now = heap_now(agent);
	if (!now)
		return -errno;
	now->show_preattach = job->request.preattach;
	if (job->request.seconds)
		job->base = now;
	else
		job->samples = now;
	return 0;
}

/* Starts what takes time; what does not is done at once. */
static void begin(struct agent *agent, struct job *job)
{
	if (job->request.kind->source == SAMPLES_CPU)
		job->err = begin_cpu(agent, job);
	else
		job->err = begin_heap(agent, job);
	if (job->err || job->samples) {
		hand_over(agent, job);
		return;
	}
	job->deadline_ms = clock__monotonic_ms() + job->request.seconds * 1000LL;
	job->next = agent->running;
	agent->running = job;
}

static int collect(struct agent *agent, struct job *job)
{
	int err;

	if (!agent->target_gone)
		refresh_maps(agent);
	if (job->window) {
		job->samples = cpu__end(agent->collector, job->window, agent->maps);
		job->window = NULL;
		return job->samples ? 0 : -errno;
	}
	job->samples = heap_now(agent);
	if (!job->samples)
		return -errno;
	err = samples__subtract(job->samples, job->base);
	if (err) {
		samples__free(job->samples);
		job->samples = NULL;
	}
	return err;
}

/* Takes a job off the running ones. */
static void finish(struct agent *agent, struct job **at)
{
	struct job *job = *at;
	bool early = agent->target_gone && clock__monotonic_ms() < job->deadline_ms;

	*at = job->next;
	job->err = collect(agent, job);
	if (job->samples)
		job->samples->target_gone = early;
	hand_over(agent, job);
}

static void cancel(struct agent *agent, struct job **at)
{
	struct job *job = *at;

	*at = job->next;
	if (job->window)
		cpu__cancel(agent->collector, job->window);
	job->window = NULL;
	job->err = -ECANCELED;
	hand_over(agent, job);
}

static void finish_due(struct agent *agent)
{
	struct job **at = &agent->running;

	while (*at) {
		if (agent->target_gone || clock__monotonic_ms() >= (*at)->deadline_ms)
			finish(agent, at);
		else
			at = &(*at)->next;
	}
}

static void end_early(struct agent *agent, const struct ending *ending)
{
	struct job **at = &agent->running;

	while (*at) {
		if (ending->number && (*at)->number != ending->number)
			at = &(*at)->next;
		else if (ending->keep)
			finish(agent, at);
		else
			cancel(agent, at);
	}
}

static void refresh_if_asked(struct agent *agent, uint64_t asked)
{
	bool is_due = !agent->target_gone && clock__monotonic_ms() >= agent->refresh_ms;

	/* Nobody else writes refreshes_done. */
	if (!is_due && asked == agent->refreshes_done)
		return;
	refresh_maps(agent);
	pthread_mutex_lock(&agent->lock);
	agent->refreshes_done = asked;
	pthread_cond_broadcast(&agent->refreshed);
	pthread_mutex_unlock(&agent->lock);
}

/* Does what others have asked for. False once it is to stop. */
static bool take_orders(struct agent *agent)
{
	struct ending endings[sizeof(agent->endings) / sizeof(*agent->endings)];
	size_t ending_count;
	struct queue inbox;
	uint64_t refreshes;
	struct job *job;
	bool stopping;

	pthread_mutex_lock(&agent->lock);
	inbox.first = agent->inbox.first;
	inbox.end = inbox.first ? agent->inbox.end : &inbox.first;
	queue__init(&agent->inbox);
	ending_count = agent->ending_count;
	memcpy(endings, agent->endings, ending_count * sizeof(*endings));
	agent->ending_count = 0;
	refreshes = agent->refreshes_asked;
	stopping = agent->stopping;
	pthread_mutex_unlock(&agent->lock);

	refresh_if_asked(agent, refreshes);
	while ((job = queue__pop(&inbox)))
		begin(agent, job);
	for (size_t i = 0; i < ending_count; i++)
		end_early(agent, &endings[i]);
	return !stopping;
}

static int ms_to_next(const struct agent *agent)
{
	int64_t next_ms = agent->refresh_ms;
	int64_t left_ms;

	if (agent->options.heap.enabled && agent->tick_ms < next_ms)
		next_ms = agent->tick_ms;
	if (agent->target_gone)
		next_ms = INT64_MAX;
	for (const struct job *job = agent->running; job; job = job->next) {
		if (job->deadline_ms < next_ms)
			next_ms = job->deadline_ms;
	}
	if (next_ms == INT64_MAX)
		return -1;
	left_ms = next_ms - clock__monotonic_ms();
	return left_ms > 0 ? left_ms : 0;
}

static void wait_for_news(struct agent *agent)
{
	struct pollfd fds[] = {
		{.fd = agent->wake_fd,					   .events = POLLIN},
 /* poll() passes negative ones over */
		{.fd = agent->target_gone ? -1 : process__pidfd(agent->process), .events = POLLIN},
		{.fd = collector__news_fd(agent->collector),                     .events = POLLIN},
	};
	uint64_t ignored;

	if (poll(fds, 3, ms_to_next(agent)) <= 0)
		return;
	if (fds[0].revents) {
		ssize_t got = read(agent->wake_fd, &ignored, sizeof(ignored));

		(void)got;
	}
	if (fds[2].revents)
		take_news(agent);
	if (fds[1].revents)
		agent->target_gone = true;
}

static void *collecting_thread(void *context)
{
	struct agent *agent = context;

	while (take_orders(agent)) {
		finish_due(agent);
		tick_heap(agent);
		wait_for_news(agent);
	}
	while (agent->running)
		cancel(agent, &agent->running);
	pthread_mutex_lock(&agent->lock);
	agent->collecting_over = true;
	pthread_cond_signal(&agent->collected_some);
	pthread_mutex_unlock(&agent->lock);
	return NULL;
}

static int write_out(struct agent *agent, const struct job *job, struct agent_answer *answer)
{
	const struct profile *profile =
		profile__assemble(job->samples, job->request.kind, process__comm(agent->process),
				  process__pid(agent->process), agent->symbolizer);
	FILE *out;
	int err;

	if (!profile)
		return -errno;
	out = open_memstream(&answer->body, &answer->size);
	err = out ? job->request.format->write(profile, out) : -errno;
	/* The last of it may fail to find memory here. */
	if (out && fclose(out) && !err)
		err = -errno;
	profile__free(profile);
	return err;
}

static void answer_job(struct agent *agent, struct job *job)
{
	struct agent_answer answer = {.err = job->err};

	if (!answer.err)
		answer.err = write_out(agent, job, &answer);
	if (answer.err) {
		free(answer.body);
		answer.body = NULL;
		answer.size = 0;
	}
	samples__free(job->samples);
	job->done(job->context, &answer);
	free(job);
}

static struct job *next_collected(struct agent *agent)
{
	struct job *job;

	pthread_mutex_lock(&agent->lock);
	while (!agent->collected.first && !agent->collecting_over)
		pthread_cond_wait(&agent->collected_some, &agent->lock);
	job = queue__pop(&agent->collected);
	pthread_mutex_unlock(&agent->lock);
	return job;
}

static void *naming_thread(void *context)
{
	struct agent *agent = context;
	struct job *job;

	while ((job = next_collected(agent)))
		answer_job(agent, job);
	return NULL;
}

static int start_threads(struct agent *agent)
{
	int err = pthread_create(&agent->naming, NULL, naming_thread, agent);

	if (err)
		return -err;
	agent->naming_runs = true;
	err = pthread_create(&agent->collecting, NULL, collecting_thread, agent);
	if (err)
		return -err;
	agent->collecting_runs = true;
	pthread_setname_np(agent->naming, "exoprof-names");
	pthread_setname_np(agent->collecting, "exoprof-collect");
	return 0;
}

static const char *load_error(int err)
{
	switch (err) {
	case EACCES:
		return "the kernel's verifier refused them (EXOPROF_LIBBPF_DEBUG=1 shows its "
		       "reasons; please report them with the kernel's version)";
	case EPERM:
		return "Operation not permitted (needs CAP_BPF and CAP_PERFMON; try sudo)";
	case ENOTSUP:
		return "the kernel has no session uprobes (use --heap-probes auto)";
	default:
		return strerror(err);
	}
}

static int attach(struct agent *agent, char *why, size_t why_size)
{
	struct collector_options options = {
		.pid = process__pid(agent->process),
		.frequency = agent->options.frequency,
		.heap_rate = agent->options.heap_rate,
		.flavour = agent->options.flavour,
	};

	agent->collector = collector__open(&options);
	if (!agent->collector) {
		snprintf(why, why_size, "cannot load the BPF programs: %s", load_error(errno));
		return -errno;
	}
	agent->heap_watch = heap_watch__new(agent->collector, agent->process, &agent->options.heap);
	if (!agent->heap_watch) {
		snprintf(why, why_size, "%s", strerror(errno));
		return -errno;
	}
	refresh_maps(agent);
	if (!agent->maps) {
		snprintf(why, why_size, "cannot read /proc/%d/maps: %s", options.pid,
			 errno == EACCES ? "Permission denied (needs CAP_SYS_PTRACE; try sudo)"
					 : strerror(errno));
		return -errno;
	}
	/* A name that leads nowhere is a mistake, unless what it names may still come. */
	if (agent->options.heap.allocator && !agent->options.heap.from_start &&
	    !agent->heap.is_followed) {
		snprintf(why, why_size, "%s", agent->heap.text);
		return -ENOENT;
	}
	return 0;
}

static struct agent *new_agent(struct process *process, const struct agent_options *options)
{
	struct agent *agent = calloc(1, sizeof(*agent));

	if (!agent) {
		process__close(process);
		return NULL;
	}
	agent->process = process;
	agent->options = *options;
	agent->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	agent->symbolizer = symbolizer__new(&options->symbols);
	pthread_mutex_init(&agent->lock, NULL);
	pthread_cond_init(&agent->collected_some, NULL);
	pthread_cond_init(&agent->refreshed, NULL);
	queue__init(&agent->inbox);
	queue__init(&agent->collected);
	if (agent->wake_fd >= 0 && agent->symbolizer)
		return agent;
	agent__close(agent);
	return NULL;
}

struct agent *agent__open(struct process *process, const struct agent_options *options, char *why,
			  size_t why_size)
{
	struct agent *agent = new_agent(process, options);
	int err;

	if (!agent) {
		snprintf(why, why_size, "cannot start: %s", strerror(errno));
		return NULL;
	}
	err = attach(agent, why, why_size);
	if (err)
		goto fail;
	err = start_threads(agent);
	if (!err)
		return agent;
	snprintf(why, why_size, "cannot start a thread: %s", strerror(-err));
fail:
	agent__close(agent);
	return NULL;
}

void agent__close(struct agent *agent)
{
	if (!agent)
		return;
	pthread_mutex_lock(&agent->lock);
	agent->stopping = true;
	agent->collecting_over = !agent->collecting_runs;
	pthread_cond_signal(&agent->collected_some);
	pthread_mutex_unlock(&agent->lock);
	if (agent->collecting_runs) {
		wake(agent);
		pthread_join(agent->collecting, NULL);
	}
	/* Before anything that takes time: the target is free again. */
	collector__close(agent->collector);
	heap_watch__free(agent->heap_watch);
	if (agent->naming_runs)
		pthread_join(agent->naming, NULL);
	symbolizer__free(agent->symbolizer);
	maps__put(agent->maps);
	process__close(agent->process);
	if (agent->wake_fd >= 0)
		close(agent->wake_fd);
	pthread_mutex_destroy(&agent->lock);
	pthread_cond_destroy(&agent->collected_some);
	pthread_cond_destroy(&agent->refreshed);
	free(agent);
}

const struct process *agent__process(const struct agent *agent)
{
	return agent->process;
}

void agent__heap(struct agent *agent, struct heap_state *state)
{
	pthread_mutex_lock(&agent->lock);
	*state = agent->heap;
	pthread_mutex_unlock(&agent->lock);
}

void agent__tables(struct agent *agent, struct tables_size *size)
{
	pthread_mutex_lock(&agent->lock);
	*size = agent->tables;
	pthread_mutex_unlock(&agent->lock);
}

void agent__refresh(struct agent *agent)
{
	uint64_t number;

	pthread_mutex_lock(&agent->lock);
	number = ++agent->refreshes_asked;
	wake(agent);
	while (agent->refreshes_done < number)
		pthread_cond_wait(&agent->refreshed, &agent->lock);
	pthread_mutex_unlock(&agent->lock);
}

uint64_t agent__submit(struct agent *agent, const struct agent_request *request, agent_done *done,
		       void *context)
{
	struct job *job = calloc(1, sizeof(*job));
	uint64_t number;

	if (!job)
		return 0;
	job->request = *request;
	job->done = done;
	job->context = context;
	pthread_mutex_lock(&agent->lock);
	number = job->number = ++agent->last_number;
	queue__push(&agent->inbox, job);
	pthread_mutex_unlock(&agent->lock);
	wake(agent);
	return number;
}

void agent__end(struct agent *agent, uint64_t number, bool keep)
{
	pthread_mutex_lock(&agent->lock);
	/* With so many at once, one more runs to its own end: that is a late answer, no loss. */
	if (agent->ending_count < sizeof(agent->endings) / sizeof(*agent->endings))
		agent->endings[agent->ending_count++] =
			(struct ending){.number = number, .keep = keep};
	pthread_mutex_unlock(&agent->lock);
	wake(agent);
}
