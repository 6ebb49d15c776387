// SPDX-License-Identifier: Apache-2.0
#include "collect/collector.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

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
	skel->rodata->target_tgid = collector->options.pid;
	err = bpf_map__set_max_entries(skel->maps.scratches, cpus * WIRE_SCRATCH_PER_CPU);
	if (err)
		return err;
	return heap_source__configure(collector);
}

static int open_tables(struct collector *collector)
{
	collector->tables = tables__new(collector->skel);
	if (!collector->tables)
		return -errno;
	collector->news =
		news__open(bpf_map__fd(collector->skel->maps.news), collector->options.pid);
	return collector->news ? 0 : -errno;
}

struct collector *collector__open(const struct collector_options *options)
{
	struct collector *collector = calloc(1, sizeof(*collector));
	int err = -ENOMEM;

	if (!collector)
		return NULL;
	libbpf_set_print(print_nothing);
	collector->options = *options;
	collector->cpu = cpu_source__new();
	collector->heap = heap_source__new();
	if (!collector->cpu || !collector->heap)
		goto fail;
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
	if (!err)
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
	exoprof_bpf__destroy(collector->skel);
	free(collector);
}

int collector__news_fd(const struct collector *collector)
{
	return news__fd(collector->news);
}

bool collector__take_news(struct collector *collector)
{
	return news__take(collector->news);
}

int collector__set_maps(struct collector *collector, const struct maps *maps)
{
	return tables__update(collector->tables, maps);
}

void collector__tables_size(const struct collector *collector, struct tables_size *size)
{
	tables__size(collector->tables, size);
}
