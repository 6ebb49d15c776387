// SPDX-License-Identifier: Apache-2.0
/* The threads there are, and where they are. Those off the CPU are looked at by an iterator, those
 * on it by a tick; who is neither then is looked at again. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/intern.h"
#include "base/kernel.h"
#include "collect/internal.h"
#include "collect/ticking.h"

/* bpf_copy_from_user_task() and iterators that may sleep. */
#define ITERATOR_VERSION KERNEL_VERSION(5, 18, 0)

bool threads__can_look(void)
{
	return kernel__version() >= ITERATOR_VERSION;
}

void threads__configure(struct collector *collector)
{
	bpf_program__set_autoload(collector->skel->progs.threads_look, threads__can_look());
}

static int read_all(int fd, char **bytes, size_t *size)
{
	size_t capacity = 0;
	ssize_t got;

	*bytes = NULL;
	*size = 0;
	do {
		char *grown = *bytes;

		/* What an iterator writes at once fits in 32 KiB (kernel/bpf/bpf_iter.c). */
		if (capacity - *size < 65536) {
			capacity = capacity * 2 + 65536;
			grown = realloc(*bytes, capacity);
		}
		if (!grown)
			return -ENOMEM;
		*bytes = grown;
		got = read(fd, *bytes + *size, capacity - *size);
		if (got > 0)
			*size += got;
	} while (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN)));
	return got < 0 ? -errno : 0;
}

int iterate__threads(struct bpf_program *program, char **bytes, size_t *size)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd, err;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	err = fd < 0 ? -errno : 0;
	bpf_link__destroy(link);
	if (err)
		return err;
	err = read_all(fd, bytes, size);
	if (err)
		free(*bytes);
	close(fd);
	return err;
}

int iterate__silently(struct bpf_program *program)
{
	char *bytes = NULL;
	size_t size = 0;
	int err = iterate__threads(program, &bytes, &size);

	if (!err)
		free(bytes);
	return err;
}

int threads__begin_waits(struct collector *collector)
{
	int err;

	collector->skel->bss->threads_begin_waits = 1;
	err = iterate__silently(collector->skel->progs.threads_look);
	collector->skel->bss->threads_begin_waits = 0;
	return err;
}

/* What is known of the threads so far, by their number. */
struct looking {
	struct intern *ids;
	struct wire_thread *threads;
	size_t count, capacity;
};

static bool is_settled(const struct wire_thread *thread)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a number has its thread */
	return thread->look == WIRE_LOOK_TAKEN || thread->look == WIRE_LOOK_LOST;
}

static int note(struct looking *looking, const struct wire_thread *thread)
{
	uint32_t id = intern__id(looking->ids, &thread->tid, sizeof(thread->tid), NULL);

	if (id == INTERN_FAILED)
		return -ENOMEM;
	if (id == looking->count)
		return array_append(&looking->threads, &looking->count, &looking->capacity,
				    *thread);
	if (!is_settled(&looking->threads[id]))
		looking->threads[id] = *thread;
	return 0;
}

static int look(struct collector *collector, struct looking *looking)
{
	char *bytes = NULL;
	size_t size = 0;
	int err = iterate__threads(collector->skel->progs.threads_look, &bytes, &size);

	if (err)
		return err;
	for (size_t at = 0; at + sizeof(struct wire_thread) <= size && !err;
	     at += sizeof(struct wire_thread)) {
		struct wire_thread thread;

		memcpy(&thread, bytes + at, sizeof(thread));
		err = note(looking, &thread);
	}
	free(bytes);
	return err;
}

static size_t unsettled(const struct looking *looking)
{
	size_t count = 0;

	for (size_t i = 0; i < looking->count; i++)
		count += !is_settled(&looking->threads[i]);
	return count;
}

/* A thread that ran is where the tick found it, unless it was met off the CPU since. */
static int note_running(void *context, const void *key, const void *value)
{
	struct looking *looking = context;
	const struct wire_running *running = value;
	uint32_t id = intern__find(looking->ids, key, sizeof(uint32_t));
	struct wire_thread *thread;

	if (id == INTERN_FAILED || is_settled(&looking->threads[id]))
		return 0;
	thread = &looking->threads[id];
	thread->stack = running->stack;
	thread->era = running->era;
	thread->look = running->stack == WIRE_STACK_LOST ? WIRE_LOOK_LOST : WIRE_LOOK_TAKEN;
	thread->wait = (struct wire_wait){};
	thread->since_ns = 0;
	memcpy(thread->comm, running->comm, sizeof(thread->comm));
	thread->is_running = 1;
	return 0;
}

static void forget_running(struct bpf_map *map)
{
	uint32_t tid;

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, &tid))
		bpf_map_delete_elem(bpf_map__fd(map), &tid);
}

/* Ticks this often, and for as long, are enough for one on each CPU. */
#define TICK_NS  100000
#define TICKS_NS 300000

static int tick(struct collector *collector, struct looking *looking)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = TICK_NS,
	};
	struct bpf_map *map = collector->skel->maps.threads_running;
	struct timespec pause = {.tv_nsec = TICKS_NS};
	struct ticking ticking = {};
	int err = ticking__start(&ticking, collector->skel->progs.cpu_tick, WIRE_TICK_LOOKS, &attr);

	if (err)
		return err;
	nanosleep(&pause, NULL);
	ticking__stop(&ticking);
	err = map__each(bpf_map__fd(map), sizeof(uint32_t), sizeof(struct wire_running),
			note_running, looking);
	forget_running(map);
	return err;
}

/* Threads that run for microseconds at a time can be missed by both, again and again. */
#define LOOKS_MAX 20

static int look_until_settled(struct collector *collector, struct looking *looking)
{
	int err = look(collector, looking);

	for (int i = 1; i < LOOKS_MAX && !err && unsettled(looking); i++) {
		err = tick(collector, looking);
		if (!err && unsettled(looking))
			err = look(collector, looking);
	}
	return err;
}

static int add_thread(struct gathering *gathering, const struct wire_thread *thread, int64_t now_ns,
		      bool with_tid)
{
	struct sample_row like = {.wait = thread->wait, .is_running = thread->is_running};
	struct sample_row *row;
	bool is_new;
	int err = gathering__process(gathering, thread->era, &like.process);

	if (err)
		return err == -ENOENT ? 0 : err;
	if (with_tid) {
		like.tid = thread->tid;
		if (thread->since_ns && (int64_t)thread->since_ns < now_ns)
			like.ns = now_ns - thread->since_ns;
	}
	memcpy(like.thread, thread->comm, sizeof(like.thread) - 1);
	err = gathering__stack(gathering, is_settled(thread) ? thread->stack : WIRE_STACK_LOST,
			       &like.stack, &is_new);
	if (!err)
		err = gathering__row(gathering, &like, &row);
	if (!err)
		row->samples++;
	return err;
}

static int gather(struct collector *collector, const struct looking *looking,
		  struct samples *samples, bool with_tid)
{
	int64_t now_ns = clock__monotonic_ns();
	struct gathering gathering;
	int err =
		gathering__begin(&gathering, collector, samples, collector->skel->maps.cpu_stacks);

	for (size_t i = 0; i < looking->count && !err; i++)
		err = add_thread(&gathering, &looking->threads[i], now_ns, with_tid);
	gathering__end(&gathering);
	samples->monotonic_ns = now_ns;
	samples->threads_missed = unsettled(looking);
	return err;
}

struct samples *threads__snapshot(struct collector *collector, bool with_tid)
{
	struct looking looking = {.ids = intern__new()};
	struct samples *samples = samples__new(SAMPLES_THREADS);
	int err = looking.ids && samples ? 0 : -ENOMEM;

	if (!err && !threads__can_look())
		err = -EOPNOTSUPP;
	if (!err)
		err = look_until_settled(collector, &looking);
	if (!err) {
		samples->time_ns = clock__realtime_ns();
		err = gather(collector, &looking, samples, with_tid);
	}
	cpu__forget_old(collector, true);
	intern__free(looking.ids);
	free(looking.threads);
	if (!err)
		return samples;
	samples__free(samples);
	errno = -err;
	return NULL;
}

/* Since when each thread is off the CPU, without a look at its stack. */
static int look_since(struct collector *collector, struct looking *looking)
{
	int err;

	collector->skel->bss->threads_only_since = 1;
	err = look(collector, looking);
	collector->skel->bss->threads_only_since = 0;
	return err;
}

static bool still_waits(const struct looking *looking, const struct samples *threads,
			const struct sample_row *row)
{
	uint32_t id = intern__find(looking->ids, &row->tid, sizeof(row->tid));
	const struct wire_thread *thread;

	if (id == INTERN_FAILED)
		return false;
	thread = &looking->threads[id];
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a number has its thread */
	return thread->look != WIRE_LOOK_RUNS &&
	       (int64_t)thread->since_ns == threads->monotonic_ns - row->ns;
}

int threads__drop_ended(struct collector *collector, struct samples *threads)
{
	struct looking looking = {.ids = intern__new()};
	int err = looking.ids ? look_since(collector, &looking) : -ENOMEM;
	size_t kept = 0;

	for (size_t i = 0; i < threads->row_count && !err; i++) {
		if (still_waits(&looking, threads, &threads->rows[i]))
			threads->rows[kept++] = threads->rows[i];
	}
	if (!err)
		threads->row_count = kept;
	intern__free(looking.ids);
	free(looking.threads);
	return err;
}
