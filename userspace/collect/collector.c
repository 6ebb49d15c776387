// SPDX-License-Identifier: Apache-2.0
#include "collect/collector.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/intern.h"
#include "collect/internal.h"
#include "collect/news.h"

/* libbpf tells a verifier's whole story; what we have to say of a failure, the caller says. */
static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && getenv("EXOPROF_LIBBPF_DEBUG"))
		return vfprintf(stderr, format, args);
	return 0;
}

static int configure(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	int cpus = libbpf_num_possible_cpus();
	int err;

	if (cpus < 0)
		return cpus;
	err = bpf_map__set_max_entries(skel->maps.scratches, cpus * WIRE_SCRATCH_PER_CPU);
	if (err)
		return err;
	threads__configure(collector);
	err = offcpu__configure(collector);
	return err ? err : heap_source__configure(collector);
}

static int open_tables(struct collector *collector)
{
	collector->eras = eras__new(collector->skel);
	if (!collector->eras)
		return -errno;
	collector->file_rows =
		file_rows__new(collector->options.row_workers, &(struct file_rows_patience){});
	if (!collector->file_rows)
		return -errno;
	collector->tables = tables__new(collector->skel, collector->eras, collector->file_rows);
	if (!collector->tables)
		return -errno;
	collector->news = news__open(bpf_map__fd(collector->skel->maps.news));
	return collector->news ? 0 : -errno;
}

/* Once: all of them have their memory from the start, but for what is kept with a task, which the
 * kernel does not tell. */
static void measure_maps(struct collector *collector)
{
	const struct bpf_map *map;

	bpf_object__for_each_map (map, collector->skel->obj) {
		if (bpf_map__fd(map) >= 0)
			collector->map_bytes += map__bytes(map);
	}
}

struct collector *collector__open(const struct collector_options *options)
{
	struct collector *collector = calloc(1, sizeof(*collector));
	int err;

	if (!collector)
		return NULL;
	libbpf_set_print(print_nothing);
	collector->options = *options;
	for (size_t i = 0; i < LIFE_LINKS; i++)
		collector->life_links[i] = -1;
	collector->keeper = link_keeper__start();
	collector->cpu = cpu_source__new(collector->keeper);
	collector->heap = heap_source__new(collector->keeper);
	if (!collector->keeper || !collector->cpu || !collector->heap) {
		err = -errno;
		goto fail;
	}
	collector->skel = exoprof_bpf__open();
	if (!collector->skel) {
		err = -errno;
		goto fail;
	}
	err = configure(collector);
	if (err)
		goto fail;
	err = exoprof_bpf__load(collector->skel);
	if (!err)
		err = open_tables(collector);
	if (err)
		goto fail;
	offcpu__find_scheduler(collector);
	measure_maps(collector);
	return collector;
fail:
	collector__close(collector);
	errno = -err;
	return NULL;
}

void collector__close(struct collector *collector)
{
	if (!collector)
		return;
	cpu_source__free(collector->cpu);
	heap_source__free(collector->heap);
	news__close(collector->news);
	tables__free(collector->tables);
	file_rows__free(collector->file_rows);
	for (size_t i = 0; i < LIFE_LINKS; i++)
		link_keeper__drop(collector->keeper, &collector->life_links[i]);
	link_keeper__end(collector->keeper);
	eras__free(collector->eras);
	intern__free(collector->unused_stacks);
	exoprof_bpf__destroy(collector->skel);
	free(collector);
}

void collector__let_go(struct collector *collector)
{
	link_keeper__let_go(collector->keeper);
}

int collector__news_fd(const struct collector *collector)
{
	return news__fd(collector->news);
}

void collector__take_news(struct collector *collector, const struct news_receiver *receiver)
{
	news__take(collector->news, receiver);
}

/* What its link is kept as, or -errno. */
static int attach(struct collector *collector, const struct bpf_program *program)
{
	struct bpf_link *link = bpf_program__attach(program);
	int fd = link ? dup(bpf_link__fd(link)) : -1;
	int err = fd < 0 ? -errno : 0;

	bpf_link__destroy(link);
	return err ? err : link_keeper__keep(collector->keeper, fd);
}

/* Forks are everybody's: that program is attached only where they are of interest. */
static int watch_life(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	bool waits = collector->options.offcpu.enabled;
	struct bpf_program *const programs[LIFE_LINKS] = {
		skel->progs.process_exec,
		skel->progs.process_exit,
		collector->options.follow_children ? skel->progs.process_fork : NULL,
		skel->progs.clone_thread,
		waits ? skel->progs.offcpu_switch : NULL,
		waits && bpf_program__autoload(skel->progs.offcpu_back) ? skel->progs.offcpu_back
									: NULL,
	};

	for (size_t i = 0; i < LIFE_LINKS; i++) {
		if (programs[i] && collector->life_links[i] < 0)
			collector->life_links[i] = attach(collector, programs[i]);
		if (programs[i] && collector->life_links[i] < 0)
			return collector->life_links[i];
	}
	return 0;
}

uint32_t collector__follow(struct collector *collector, pid_t pid, bool was_asked_for)
{
	int err = watch_life(collector);

	if (!err)
		return eras__follow(collector->eras, pid, was_asked_for,
				    collector->options.follow_children);
	errno = -err;
	return 0;
}

void collector__rebase(struct collector *collector, uint32_t era)
{
	uint64_t counters[WIRE_COUNTERS];

	if (counters__read(collector, counters))
		return;
	memcpy(collector->since_counters, counters, sizeof(counters));
	collector->since_era = era;
}

int collector__sweep(struct collector *collector)
{
	int err = heap__sweep(collector);

	if (!err)
		err = offcpu__sweep(collector);
	if (!err)
		eras__clear_dropped(collector->eras);
	return err;
}

void collector__want_tid(struct collector *collector, bool yes)
{
	collector->skel->bss->tid_wanted += yes ? 1 : -1;
	if (!collector->skel->bss->tid_wanted)
		offcpu__forget_tids(collector);
}

void collector__unfollow(struct collector *collector, uint32_t era)
{
	eras__unfollow(collector->eras, era);
}

uint32_t collector__current_era(const struct collector *collector, pid_t pid)
{
	return eras__current(collector->eras, pid);
}

uint64_t collector__forgotten(const struct collector *collector)
{
	return eras__forgotten(collector->eras);
}

int collector__update_eras(struct collector *collector,
			   void (*each)(void *context, const struct era *era), void *context)
{
	int err = eras__update(collector->eras, each, context);

	eras__forget(collector->eras, cpu__oldest_epoch(collector));
	return err;
}

const struct era *collector__era(const struct collector *collector, uint32_t number)
{
	return eras__find(collector->eras, number);
}

/* From the attach on what happens counts once it is known where. */
static int begin(struct collector *collector, uint32_t number)
{
	const struct era *era = eras__find(collector->eras, number);
	int err;

	if (!era || era->origin != WIRE_ERA_ATTACH || era->has_begun)
		return 0;
	err = offcpu__begin(collector, era->pid);
	if (!err)
		eras__note_begun(collector->eras, number);
	return err;
}

int collector__set_maps(struct collector *collector, uint32_t era, struct maps *maps)
{
	int err;

	eras__set_maps(collector->eras, era, maps);
	err = tables__update(collector->tables, era, maps);
	if (!err)
		err = begin(collector, era);
	/* Not before: it takes CPU time, and the target's threads would lose theirs meanwhile. */
	file_rows__rest(collector->file_rows);
	return err;
}

void collector__annotate(const struct collector *collector, struct samples *samples)
{
	struct file_rows_figures figures;
	char text[128];

	file_rows__figures(collector->file_rows, &figures);
	if (!figures.failed)
		return;
	snprintf(text, sizeof(text),
		 "%" PRIu64 " files have no unwind rows because reading them failed: their "
		 "functions are passed by frame pointer",
		 figures.failed);
	samples__add_note(samples, text);
}
