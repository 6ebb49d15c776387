// SPDX-License-Identifier: Apache-2.0
#include "agent.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory_stream.h"
#include "base/say.h"
#include "base/spare_memory.h"
#include "collect/support.h"
#include "measurement.h"
#include "privilege/capabilities.h"
#include "privilege/sandbox.h"
#include "profile/assemble.h"
#include "symbol/symbolizer.h"
#include "thread_watch.h"

/* How a job is asked to end before its time; more only ever follows less. */
enum ending {
	ENDING_NONE,
	ENDING_KEEP, /* with what was collected until then */
	ENDING_DROP, /* with nothing: nobody waits for it */
};

struct job {
	struct job *next;
	struct job *next_alive;
	enum ending ending; /* under the agent's lock */
	struct agent_request request;
	uint64_t number;
	agent_done *done;
	void *context;
	bool is_answered; /* under the agent's lock */
	int64_t deadline_ms;
	struct measurement measurement;
	bool is_call;        /* nothing is wanted but to be called */
	uint64_t *addresses; /* to be named; NULL: it is a profile that is wanted */
	size_t address_count;
	struct maps *maps; /* that they are in */
	int err;
};

struct queue {
	struct job *first, **end;
};

struct agent {
	const struct process *first; /* the targets' */
	size_t given;
	struct agent_options options;
	struct collector *collector;
	struct symbolizer *symbolizer;

	/* The collecting thread's own. */
	struct targets *targets;
	struct measuring measuring;
	struct job *running;
	bool target_gone; /* as are all others */
	int64_t publish_ms;
	int64_t attached_at_ms;       /* by clock__monotonic_ms() */
	int64_t look_ms, look_due_ms; /* the last look at what the targets use; and the next one */
	int64_t news_ms;              /* not before that is news looked for again */

	/* Shared, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t collected_some, refreshed;
	struct queue inbox;     /* for the collecting thread */
	struct queue collected; /* for the naming thread */
	struct job *alive;      /* whatever has not been answered, wherever it is */
	uint64_t last_number;
	uint64_t refreshes_asked, refreshes_done;
	struct agent_figures figures; /* but for the fetches */
	struct agent_status status;
	bool stopping, collecting_over, watching_over;
	unsigned int trim_in; /* seconds, until malloc gives memory back; 0: it has */
	bool is_ending;       /* nobody is to wait any longer than it takes */
	bool is_stuck;        /* one of the threads, in the kernel */
	int wake_fd;          /* eventfd */

	pthread_t collecting, naming, watching;
	bool collecting_runs, naming_runs, watching_runs;
	pthread_cond_t watch_again;
	struct thread_watch collecting_watch, naming_watch; /* the watching thread's */
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

/* What others may ask for. */
static void publish(struct agent *agent)
{
	struct agent_figures figures = {.processes = targets__alive(agent->targets)};

	/* What cannot be read stays as it was: a counter never goes down. */
	if (collector__figures(agent->collector, &figures.collector))
		figures.collector = agent->figures.collector;
	targets__heap(agent->targets, &figures.heap);
	pthread_mutex_lock(&agent->lock);
	agent->figures.collector = figures.collector;
	agent->figures.heap = figures.heap;
	agent->figures.processes = figures.processes;
	pthread_mutex_unlock(&agent->lock);
}

#define PUBLISH_MS   1000
#define LOOK_IDLE_OF 20 /* times what a look took, before the next one */

/* On time, so that no second is without its point; and for a twentieth of the time at most. */
static void schedule_look(struct agent *agent, int64_t began_ms)
{
	int64_t now_ms = clock__monotonic_ms();
	int64_t soonest_ms = now_ms + (now_ms - began_ms) * LOOK_IDLE_OF;

	agent->look_due_ms += HISTORY_STEP_MS;
	if (agent->look_due_ms <= now_ms)
		agent->look_due_ms = now_ms + HISTORY_STEP_MS;
	if (agent->look_due_ms < soonest_ms)
		agent->look_due_ms = soonest_ms;
}

/* What the targets have used since the last look. Once they are gone there is nothing to add. */
static void look_at_targets(struct agent *agent)
{
	int64_t now_ms = clock__monotonic_ms(), span_ms = now_ms - agent->look_ms;
	struct history_point point = {.cpus = NAN};
	struct targets_look look;

	targets__look(agent->targets, &look);
	point.is_known = !look.is_partial;
	point.rss_bytes = look.rss_bytes;
	point.threads = look.threads;
	if (agent->look_ms && span_ms > 0 && look.cpu_ns >= 0)
		point.cpus = look.cpu_ns / (span_ms * 1e6);
	agent->look_ms = now_ms;
	pthread_mutex_lock(&agent->lock);
	agent->status.targets = look;
	agent->figures.threads = look.threads;
	if (look.threads)
		history__add(&agent->status.history,
			     agent->status.attached_ms + now_ms - agent->attached_at_ms, &point);
	pthread_mutex_unlock(&agent->lock);
	schedule_look(agent, now_ms);
}

/* Told by the kernel side: the end of the last process, too. */
static void keep_up(struct agent *agent)
{
	int64_t now_ms = clock__monotonic_ms();
	bool is_outdated = targets__tick(agent->targets);

	agent->target_gone = !targets__alive(agent->targets);
	if (now_ms >= agent->look_due_ms || agent->target_gone)
		look_at_targets(agent);
	if (now_ms < agent->publish_ms && !is_outdated && !agent->target_gone)
		return;
	agent->publish_ms = now_ms + PUBLISH_MS;
	publish(agent);
}

static void hand_over(struct agent *agent, struct job *job)
{
	if (job->measurement.samples)
		collector__annotate(agent->collector, job->measurement.samples);
	pthread_mutex_lock(&agent->lock);
	queue__push(&agent->collected, job);
	pthread_cond_signal(&agent->collected_some);
	pthread_mutex_unlock(&agent->lock);
}

static enum ending ending_of(struct agent *agent, const struct job *job)
{
	enum ending ending;

	pthread_mutex_lock(&agent->lock);
	ending = job->ending;
	pthread_mutex_unlock(&agent->lock);
	return ending;
}

/* Starts what takes time; what does not is done at once. */
static void begin(struct agent *agent, struct job *job)
{
	if (ending_of(agent, job) == ENDING_DROP)
		job->err = -ECANCELED;
	else if (job->is_call)
		;
	else if (job->addresses)
		job->maps = targets__maps(agent->targets);
	else
		job->err = measurement__begin(&job->measurement, &agent->measuring, &job->request);
	if (job->err || job->measurement.samples || job->addresses || job->is_call) {
		hand_over(agent, job);
		return;
	}
	job->deadline_ms = clock__monotonic_ms() + job->request.seconds * 1000LL;
	job->next = agent->running;
	agent->running = job;
}

/* Takes a job off the running ones. */
static void finish(struct agent *agent, struct job **at)
{
	struct job *job = *at;
	bool early = agent->target_gone && clock__monotonic_ms() < job->deadline_ms;

	*at = job->next;
	job->err = measurement__end(&job->measurement, &agent->measuring, &job->request);
	if (job->measurement.samples)
		job->measurement.samples->target_gone = early;
	hand_over(agent, job);
}

static void cancel(struct agent *agent, struct job **at)
{
	struct job *job = *at;

	*at = job->next;
	measurement__cancel(&job->measurement, &agent->measuring, &job->request);
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

static void end_early(struct agent *agent)
{
	struct job **at = &agent->running;

	while (*at) {
		switch (ending_of(agent, *at)) {
		case ENDING_NONE:
			at = &(*at)->next;
			break;
		case ENDING_KEEP:
			finish(agent, at);
			break;
		case ENDING_DROP:
			cancel(agent, at);
			break;
		}
	}
}

static void refresh_if_asked(struct agent *agent, uint64_t asked)
{
	/* Nobody else writes refreshes_done. */
	if (asked == agent->refreshes_done)
		return;
	targets__refresh(agent->targets);
	publish(agent);
	pthread_mutex_lock(&agent->lock);
	agent->refreshes_done = asked;
	pthread_cond_broadcast(&agent->refreshed);
	pthread_mutex_unlock(&agent->lock);
}

/* Does what others have asked for. False once it is to stop. */
static bool take_orders(struct agent *agent)
{
	struct queue inbox;
	uint64_t refreshes;
	struct job *job;
	bool stopping;

	pthread_mutex_lock(&agent->lock);
	inbox.first = agent->inbox.first;
	inbox.end = inbox.first ? agent->inbox.end : &inbox.first;
	queue__init(&agent->inbox);
	refreshes = agent->refreshes_asked;
	stopping = agent->stopping;
	pthread_mutex_unlock(&agent->lock);

	refresh_if_asked(agent, refreshes);
	while ((job = queue__pop(&inbox)))
		begin(agent, job);
	end_early(agent);
	return !stopping;
}

static int ms_to_next(const struct agent *agent)
{
	int64_t next_ms = targets__next_tick_ms(agent->targets);
	int64_t left_ms;

	if (next_ms > agent->look_due_ms && !agent->target_gone)
		next_ms = agent->look_due_ms;
	for (const struct job *job = agent->running; job; job = job->next) {
		if (job->deadline_ms < next_ms)
			next_ms = job->deadline_ms;
	}
	if (next_ms == INT64_MAX)
		return -1;
	left_ms = next_ms - clock__monotonic_ms();
	return left_ms > 0 ? left_ms : 0;
}

/* Each program that starts anywhere on the machine maps code a dozen times within milliseconds.
 * As often as the mappings of one process are read at most (targets__take_news). */
#define NEWS_REST_MS 20

static void wait_for_news(struct agent *agent)
{
	int64_t rest_ms = agent->news_ms - clock__monotonic_ms();
	int timeout_ms = ms_to_next(agent);
	struct pollfd fds[] = {
		{.fd = agent->wake_fd,                       .events = POLLIN},
		{.fd = collector__news_fd(agent->collector), .events = POLLIN},
	};
	uint64_t ignored;
	int ready;

	if (rest_ms > 0) {
		fds[1].fd = -1;
		if (timeout_ms < 0 || timeout_ms > rest_ms)
			timeout_ms = rest_ms;
	}
	thread_watch__rest(&agent->collecting_watch, true);
	ready = poll(fds, 2, timeout_ms);
	thread_watch__rest(&agent->collecting_watch, false);
	if (ready <= 0)
		return;
	if (fds[0].revents) {
		ssize_t got = read(agent->wake_fd, &ignored, sizeof(ignored));

		(void)got;
	}
	if (fds[1].revents) {
		targets__take_news(agent->targets);
		agent->news_ms = clock__monotonic_ms() + NEWS_REST_MS;
	}
}

/* Perf events are opened as long as exoprof runs, by each CPU profile and by probes of that kind.
 * Kernels of Debian and Ubuntu want CAP_SYS_ADMIN for any while kernel.perf_event_paranoid is above
 * 2, which it is where nobody has set it; others want CAP_PERFMON. */
static bool events_take_admin(const struct agent *agent)
{
	if (agent->options.heap.enabled && heap__probes_by_perf(agent->collector))
		return true;
	return capabilities__try_without(CAP_SYS_ADMIN, support__cpu_clock) == -EACCES;
}

static enum sandbox_extra beyond_collecting(const struct agent *agent)
{
	enum sandbox_extra extra = SANDBOX_NO_EXTRA;

	if (events_take_admin(agent))
		extra |= SANDBOX_PERF_EVENTS;
	if (agent->options.heap.enabled && agent->options.heap.mode == HEAP_MODE_INLINE)
		extra |= SANDBOX_STOPPING;
	return extra;
}

static void *collecting_thread(void *context)
{
	struct agent *agent = context;

	sandbox__enter(SANDBOX_COLLECT, beyond_collecting(agent));
	while (take_orders(agent)) {
		keep_up(agent);
		finish_due(agent);
		wait_for_news(agent);
	}
	while (agent->running)
		cancel(agent, &agent->running);
	targets__leave(agent->targets);
	pthread_mutex_lock(&agent->lock);
	agent->collecting_over = true;
	pthread_cond_signal(&agent->collected_some);
	pthread_mutex_unlock(&agent->lock);
	return NULL;
}

static bool is_of_many(const struct agent *agent)
{
	return agent->options.follow_children || agent->given > 1;
}

/* Java's classpaths are long, and each profile has a copy. */
#define COMMAND_BYTES 4096

/* The arguments in one line. NULL where there are none, as of a process that has cleared them. */
static char *command_of(const struct process *process)
{
	size_t size;
	char *command = process__cmdline(process, &size);

	if (!command)
		return NULL;
	while (size && !command[size - 1])
		size--;
	if (size > COMMAND_BYTES) {
		memcpy(command + COMMAND_BYTES - 3, "...", 3);
		size = COMMAND_BYTES;
	}
	command[size] = '\0';
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)command[i] < ' ' || command[i] == 0x7f)
			command[i] = command[i] ? '?' : ' ';
	}
	if (size)
		return command;
	free(command);
	return NULL;
}

static void tell_facts(const struct profile *profile, struct agent_answer *answer)
{
	snprintf(answer->title, sizeof(answer->title), "%s", profile->strings[profile->title]);
	answer->time_ns = profile->time_ns;
	answer->duration_ns = profile->duration_ns;
	answer->outcome = profile->outcome;
}

static int write_out(struct agent *agent, const struct job *job, struct agent_answer *answer)
{
	struct samples *samples = job->measurement.samples;
	char *command = command_of(agent->first);
	struct profile_subject subject = {
		.pid = process__pid(agent->first),
		.command = command,
		.many = is_of_many(agent),
	};
	const struct profile *profile;
	FILE *out;
	int err;

	process__comm(agent->first, subject.comm);
	if (*job->request.thread)
		samples__keep_thread(samples, job->request.thread);
	profile = profile__assemble(samples, job->request.kind, &subject, agent->symbolizer);
	free(command);
	if (!profile)
		return -errno;
	tell_facts(profile, answer);
	out = open_memstream(&answer->body, &answer->size);
	err = out ? job->request.format->write(profile, out) : -errno;
	if (out && memory_stream__close(out, &answer->body) && !err)
		err = -ENOMEM;
	profile__free(profile);
	return err;
}

static void write_name(FILE *out, uint64_t address, const char *name)
{
	bool is_cut = strnlen(name, AGENT_NAME_MAX + 1) > AGENT_NAME_MAX;

	fprintf(out, "%#" PRIx64 " %.*s%s\n", address, AGENT_NAME_MAX, name, is_cut ? "..." : "");
}

/* A request may ask for one long name a hundred thousand times. */
static int write_names(struct agent *agent, const struct job *job, struct agent_answer *answer)
{
	FILE *out = open_memstream(&answer->body, &answer->size);
	struct symbol_answer symbol;
	bool fits = true;

	if (!out)
		return -errno;
	symbolizer__look_again(agent->symbolizer);
	for (size_t i = 0; i < job->address_count; i++)
		profile__expect(agent->symbolizer, job->maps, job->addresses[i]);
	symbolizer__look_up(agent->symbolizer);
	for (size_t i = 0; i < job->address_count && fits; i++) {
		uint64_t address = job->addresses[i];

		if (!profile__name(agent->symbolizer, job->maps, address, &symbol))
			write_name(out, address, symbol.lines[0].name);
		fits = ftell(out) <= AGENT_NAMES_MAX;
	}
	if (memory_stream__close(out, &answer->body))
		return -ENOMEM;
	return fits ? 0 : -EMSGSIZE;
}

static void publish_names(struct agent *agent)
{
	struct symbolizer_figures figures;

	symbolizer__figures(agent->symbolizer, &figures);
	pthread_mutex_lock(&agent->lock);
	agent->figures.symbolizer = figures;
	pthread_mutex_unlock(&agent->lock);
}

/* Seconds; a client has its answer by then, and what that took is free. */
#define TRIM_AFTER 2

/* Whether nobody has answered it meanwhile. */
static bool forget(struct agent *agent, const struct job *job)
{
	struct job **at = &agent->alive;
	bool is_answered;

	pthread_mutex_lock(&agent->lock);
	while (*at != job)
		at = &(*at)->next_alive;
	*at = job->next_alive;
	is_answered = job->is_answered;
	if (!agent->trim_in)
		agent->trim_in = TRIM_AFTER;
	pthread_mutex_unlock(&agent->lock);
	return !is_answered;
}

static void answer_job(struct agent *agent, struct job *job)
{
	struct agent_answer answer = {.err = job->err};

	if (ending_of(agent, job) == ENDING_DROP)
		answer.err = -ECANCELED;
	else if (!answer.err && job->addresses)
		answer.err = write_names(agent, job, &answer);
	else if (!answer.err && !job->is_call)
		answer.err = write_out(agent, job, &answer);
	if (answer.err) {
		free(answer.body);
		answer.body = NULL;
		answer.size = 0;
	}
	samples__free(job->measurement.samples);
	maps__put(job->maps);
	/* Who has the answer may ask for them. */
	publish_names(agent);
	if (forget(agent, job))
		job->done(job->context, &answer);
	else
		free(answer.body);
	free(job->addresses);
	free(job);
}

static struct job *next_collected(struct agent *agent)
{
	struct job *job;

	pthread_mutex_lock(&agent->lock);
	thread_watch__rest(&agent->naming_watch, true);
	while (!agent->collected.first && !agent->collecting_over)
		pthread_cond_wait(&agent->collected_some, &agent->lock);
	thread_watch__rest(&agent->naming_watch, false);
	job = queue__pop(&agent->collected);
	pthread_mutex_unlock(&agent->lock);
	return job;
}

static void *naming_thread(void *context)
{
	struct agent *agent = context;
	struct job *job;

	sandbox__enter(SANDBOX_NAMES, SANDBOX_NO_EXTRA);
	while ((job = next_collected(agent)))
		answer_job(agent, job);
	return NULL;
}

/* A thread that is stuck is in the kernel: for a file of the target's, as a rule, whose file system
 * does not answer. A busy machine leaves it some of a CPU in this time, and the worker that reads
 * files for names is waited for for 10 s at most. Seconds. */
#define STUCK_AFTER        15
#define STUCK_AFTER_ENDING 2

/* Under the lock, which it lets go of meanwhile. What is answered so stays with its thread. */
static void answer_all(struct agent *agent, int err)
{
	const struct agent_answer answer = {.err = err};
	struct job *job = agent->alive;

	while (job) {
		agent_done *done = job->done;
		void *context = job->context;

		if (job->is_answered) {
			job = job->next_alive;
			continue;
		}
		job->is_answered = true;
		pthread_mutex_unlock(&agent->lock);
		done(context, &answer);
		pthread_mutex_lock(&agent->lock);
		/* It may be gone by now. */
		job = agent->alive;
	}
}

/* Under the lock. */
static void look_at_threads(struct agent *agent)
{
	unsigned int collecting = thread_watch__look(&agent->collecting_watch);
	unsigned int naming = thread_watch__look(&agent->naming_watch);
	unsigned int limit = agent->is_ending ? STUCK_AFTER_ENDING : STUCK_AFTER;
	bool is_stuck = collecting >= limit || naming >= limit;

	if (is_stuck && !agent->is_stuck && !agent->is_ending)
		say("%s: who asks gets an error until it does", agent__error(-ETIMEDOUT));
	agent->is_stuck = is_stuck;
	if (!is_stuck)
		return;
	pthread_cond_broadcast(&agent->refreshed);
	answer_all(agent, agent->is_ending ? -ECANCELED : -ETIMEDOUT);
}

/* Under the lock, which it lets go of meanwhile. */
static void give_memory_back(struct agent *agent)
{
	if (!agent->trim_in || --agent->trim_in)
		return;
	pthread_mutex_unlock(&agent->lock);
	spare_memory__give_back();
	pthread_mutex_lock(&agent->lock);
}

static void *watching_thread(void *context)
{
	struct agent *agent = context;
	struct timespec next;

	sandbox__enter(SANDBOX_WATCH, SANDBOX_NO_EXTRA);
	clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&agent->lock);
	while (!agent->watching_over) {
		next.tv_sec++;
		while (!agent->watching_over &&
		       !pthread_cond_clockwait(&agent->watch_again, &agent->lock, CLOCK_MONOTONIC,
					       &next))
			;
		look_at_threads(agent);
		give_memory_back(agent);
	}
	pthread_mutex_unlock(&agent->lock);
	return NULL;
}

static int start_threads(struct agent *agent)
{
	int err = pthread_create(&agent->naming, NULL, naming_thread, agent);

	agent->naming_runs = !err;
	if (!err)
		err = pthread_create(&agent->collecting, NULL, collecting_thread, agent);
	if (err)
		return -err;
	agent->collecting_runs = true;
	err = thread_watch__begin(&agent->naming_watch, agent->naming);
	if (!err)
		err = thread_watch__begin(&agent->collecting_watch, agent->collecting);
	if (err)
		return err;
	err = pthread_create(&agent->watching, NULL, watching_thread, agent);
	agent->watching_runs = !err;
	return -err;
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
	case ENXIO:
		return "the kernel does not tell when a thread is back on the CPU (use "
		       "--offcpu-walk auto)";
	default:
		return strerror(err);
	}
}

static int open_collector(struct agent *agent, char *why, size_t why_size)
{
	struct collector_options options = {
		.follow_children = agent->options.follow_children,
		.frequency = agent->options.frequency,
		.heap_rate = agent->options.heap_rate,
		.flavour = agent->options.flavour,
		.offcpu = agent->options.offcpu,
		.row_workers = agent->options.row_workers,
	};

	agent->collector = collector__open(&options);
	if (!agent->collector) {
		snprintf(why, why_size, "cannot load the BPF programs: %s", load_error(errno));
		return -errno;
	}
	agent->targets = targets__new(agent->collector, &agent->options.heap);
	agent->measuring.collector = agent->collector;
	agent->measuring.targets = agent->targets;
	if (agent->targets)
		return 0;
	snprintf(why, why_size, "%s", strerror(errno));
	return -errno;
}

/* The processes are the targets' from here on. */
static int attach(struct agent *agent, struct process **processes, size_t count, char *why,
		  size_t why_size)
{
	int err = open_collector(agent, why, why_size);

	agent->first = processes[0];
	agent->given = count;
	for (size_t i = 0; i < count; i++) {
		if (err)
			process__close(processes[i]);
		else
			err = targets__add(agent->targets, processes[i], why, why_size);
	}
	if (err)
		return err;
	if (agent->options.follow_children)
		targets__follow_children(agent->targets);
	publish(agent);
	agent->attached_at_ms = clock__monotonic_ms();
	agent->status.attached_ms = clock__realtime_ns() / 1000000;
	look_at_targets(agent);
	/* A name that leads nowhere is a mistake, unless what it names may still come. */
	if (agent->options.heap.allocator && !agent->options.heap.from_start &&
	    !agent->figures.heap.is_followed) {
		snprintf(why, why_size, "%s", agent->figures.heap.text);
		return -ENOENT;
	}
	return 0;
}

static struct agent *new_agent(const struct agent_options *options)
{
	struct agent *agent = calloc(1, sizeof(*agent));

	if (!agent)
		return NULL;
	agent->options = *options;
	agent->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	agent->symbolizer = symbolizer__new(&options->symbols);
	pthread_mutex_init(&agent->lock, NULL);
	pthread_cond_init(&agent->collected_some, NULL);
	pthread_cond_init(&agent->refreshed, NULL);
	pthread_cond_init(&agent->watch_again, NULL);
	queue__init(&agent->inbox);
	queue__init(&agent->collected);
	if (agent->wake_fd >= 0 && agent->symbolizer)
		return agent;
	agent__close(agent, EXIT_FAILURE);
	return NULL;
}

struct agent *agent__open(struct process **processes, size_t count,
			  const struct agent_options *options, char *why, size_t why_size)
{
	struct agent *agent = new_agent(options);
	int err;

	spare_memory__limit();
	if (!agent) {
		for (size_t i = 0; i < count; i++)
			process__close(processes[i]);
		snprintf(why, why_size, "cannot start: %s", strerror(errno));
		return NULL;
	}
	err = attach(agent, processes, count, why, why_size);
	if (err)
		goto fail;
	err = start_threads(agent);
	if (!err)
		return agent;
	snprintf(why, why_size, "cannot start a thread: %s", strerror(-err));
fail:
	agent__close(agent, EXIT_FAILURE);
	return NULL;
}

static bool is_stuck(struct agent *agent)
{
	bool is_stuck;

	pthread_mutex_lock(&agent->lock);
	is_stuck = agent->is_stuck;
	pthread_mutex_unlock(&agent->lock);
	return is_stuck;
}

/* Ends the process if the thread is stuck: nothing of it may be taken away while it is in use, and
 * the rest is the kernel's. */
static void join(struct agent *agent, pthread_t thread, int status)
{
	struct timespec next;

	do {
		if (is_stuck(agent)) {
			collector__let_go(agent->collector);
			fflush(NULL);
			_exit(status);
		}
		clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_sec++;
	} while (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &next));
}

static void stop_watching(struct agent *agent)
{
	if (!agent->watching_runs)
		return;
	pthread_mutex_lock(&agent->lock);
	agent->watching_over = true;
	pthread_cond_signal(&agent->watch_again);
	pthread_mutex_unlock(&agent->lock);
	pthread_join(agent->watching, NULL);
}

void agent__close(struct agent *agent, int status)
{
	if (!agent)
		return;
	pthread_mutex_lock(&agent->lock);
	agent->stopping = true;
	agent->is_ending = true;
	agent->collecting_over = !agent->collecting_runs;
	pthread_cond_signal(&agent->collected_some);
	pthread_mutex_unlock(&agent->lock);
	if (agent->collecting_runs) {
		wake(agent);
		join(agent, agent->collecting, status);
	}
	/* Before anything that takes time: the targets are free again. */
	collector__close(agent->collector);
	if (agent->targets)
		targets__warn_of_tracers(agent->targets);
	if (agent->naming_runs)
		join(agent, agent->naming, status);
	stop_watching(agent);
	measuring__release(&agent->measuring);
	targets__free(agent->targets);
	symbolizer__free(agent->symbolizer);
	if (agent->wake_fd >= 0)
		close(agent->wake_fd);
	pthread_mutex_destroy(&agent->lock);
	pthread_cond_destroy(&agent->collected_some);
	pthread_cond_destroy(&agent->refreshed);
	pthread_cond_destroy(&agent->watch_again);
	free(agent);
}

const char *agent__error(int err)
{
	return err == -ETIMEDOUT ? "a file system that the target has files on does not answer"
				 : strerror(-err);
}

const struct process *agent__process(const struct agent *agent)
{
	return agent->first;
}

void agent__heap(struct agent *agent, struct heap_state *state)
{
	pthread_mutex_lock(&agent->lock);
	*state = agent->figures.heap;
	pthread_mutex_unlock(&agent->lock);
}

void agent__why_not(struct agent *agent, const struct profile_kind *kind, char *why, size_t size)
{
	struct heap_state heap;

	agent__heap(agent, &heap);
	if (kind->source != SAMPLES_HEAP)
		snprintf(why, size, "time off the CPU is not followed (--no-offcpu)");
	else if (heap.is_followed)
		snprintf(why, size, "its malloc was not mapped yet (it is now: ask again)");
	else
		snprintf(why, size, "%s", heap.text);
}

bool agent__has(struct agent *agent, const struct profile_kind *kind)
{
	struct heap_state heap;

	if (kind->source == SAMPLES_WAITS)
		return agent->options.offcpu.enabled;
	if (kind->source != SAMPLES_HEAP)
		return true;
	agent__heap(agent, &heap);
	return heap.is_followed;
}

void agent__status(struct agent *agent, struct agent_status *status)
{
	pthread_mutex_lock(&agent->lock);
	*status = agent->status;
	pthread_mutex_unlock(&agent->lock);
}

int agent__only_pidfd(const struct agent *agent)
{
	return is_of_many(agent) ? -1 : process__pidfd(agent->first);
}

size_t agent__alive(struct agent *agent)
{
	size_t alive;

	pthread_mutex_lock(&agent->lock);
	alive = agent->figures.processes;
	pthread_mutex_unlock(&agent->lock);
	return alive;
}

void agent__figures(struct agent *agent, struct agent_figures *figures)
{
	struct debuginfod_figures fetches;

	symbolizer__fetches(agent->symbolizer, &fetches);
	pthread_mutex_lock(&agent->lock);
	*figures = agent->figures;
	pthread_mutex_unlock(&agent->lock);
	figures->fetches = fetches;
}

void agent__refresh(struct agent *agent)
{
	uint64_t number;

	pthread_mutex_lock(&agent->lock);
	number = ++agent->refreshes_asked;
	wake(agent);
	while (agent->refreshes_done < number && !agent->is_stuck)
		pthread_cond_wait(&agent->refreshed, &agent->lock);
	pthread_mutex_unlock(&agent->lock);
}

static uint64_t submit(struct agent *agent, struct job *job)
{
	uint64_t number;

	pthread_mutex_lock(&agent->lock);
	number = job->number = ++agent->last_number;
	job->next_alive = agent->alive;
	agent->alive = job;
	queue__push(&agent->inbox, job);
	pthread_mutex_unlock(&agent->lock);
	wake(agent);
	return number;
}

uint64_t agent__submit(struct agent *agent, const struct agent_request *request, agent_done *done,
		       void *context)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return 0;
	job->request = *request;
	job->request.with_tid |= request->format->by_thread;
	job->done = done;
	job->context = context;
	return submit(agent, job);
}

uint64_t agent__call(struct agent *agent, agent_done *done, void *context)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return 0;
	job->is_call = true;
	job->done = done;
	job->context = context;
	return submit(agent, job);
}

uint64_t agent__name(struct agent *agent, const uint64_t *addresses, size_t count, agent_done *done,
		     void *context)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return 0;
	job->addresses = calloc(count + 1, sizeof(*addresses));
	if (!job->addresses) {
		free(job);
		return 0;
	}
	memcpy(job->addresses, addresses, count * sizeof(*addresses));
	job->address_count = count;
	job->done = done;
	job->context = context;
	return submit(agent, job);
}

void agent__end(struct agent *agent, uint64_t number, bool keep)
{
	enum ending ending = keep ? ENDING_KEEP : ENDING_DROP;

	pthread_mutex_lock(&agent->lock);
	agent->is_ending |= !number;
	for (struct job *job = agent->alive; job; job = job->next_alive) {
		if ((!number || job->number == number) && job->ending < ending)
			job->ending = ending;
	}
	pthread_mutex_unlock(&agent->lock);
	wake(agent);
}
