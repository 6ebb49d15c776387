// SPDX-License-Identifier: Apache-2.0
/* Time off the CPU, and the threads that are created: what is counted from the attach on. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/kernel.h"
#include "collect/internal.h"
#include "collect/sweep.h"

/* What the kernel has of the tracepoints that are of interest. */
struct tracepoints {
	bool has_exit;    /* sched_exit_tp: from 6.16 on (commit adcc3bfa8806) */
	bool tells_state; /* sched_switch, as its fourth argument: from 5.18 on (9c2136be0878) */
};

/* How many arguments a tracepoint's probes have, beside their own; -1: there is no such tracepoint.
 * The kernel has a typedef of their type. */
static int count_arguments(const struct btf *kernel, const char *type_name)
{
	int id = btf__find_by_name_kind(kernel, type_name, BTF_KIND_TYPEDEF);
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, id) : NULL;

	while (type && (btf_is_typedef(type) || btf_is_ptr(type)))
		type = btf__type_by_id(kernel, type->type);
	return type && btf_is_func_proto(type) ? btf_vlen(type) - 1 : -1;
}

static struct tracepoints find_tracepoints(void)
{
	struct tracepoints found = {};
	struct btf *kernel = btf__load_vmlinux_btf();

	if (!kernel)
		return found;
	found.has_exit = count_arguments(kernel, "btf_trace_sched_exit_tp") >= 0;
	found.tells_state = count_arguments(kernel, "btf_trace_sched_switch") == 4;
	btf__free(kernel);
	return found;
}

static bool walks_at_switch(const struct collector *collector)
{
	return collector->skel->rodata->offcpu_walks_at_switch;
}

static int choose_walk(struct collector *collector)
{
	struct tracepoints tracepoints = find_tracepoints();
	enum offcpu_walk walk = collector->options.offcpu.walk;

	if (walk == OFFCPU_WALK_AUTO)
		walk = tracepoints.has_exit ? OFFCPU_WALK_BACK : OFFCPU_WALK_SWITCH;
	if (walk == OFFCPU_WALK_BACK && !tracepoints.has_exit)
		return -ENXIO;
	collector->skel->rodata->offcpu_is_told_state = tracepoints.tells_state;
	collector->skel->rodata->offcpu_walks_at_switch = walk == OFFCPU_WALK_SWITCH;
	return bpf_program__set_autoload(collector->skel->progs.offcpu_back,
					 walk == OFFCPU_WALK_BACK);
}

static int configure_maps(struct exoprof_bpf *skel)
{
	struct bpf_map *const as_they_come[] = {
		skel->maps.kept_stacks,
		skel->maps.offcpu_counts,
		skel->maps.clone_counts,
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(as_they_come) / sizeof(*as_they_come) && !err; i++) {
		if (kernel__allocates_safely())
			err = bpf_map__set_map_flags(as_they_come[i], BPF_F_NO_PREALLOC);
	}
	return err;
}

/* bpf_kallsyms_lookup_name() */
static bool can_look_up(void)
{
	return kernel__version() >= KERNEL_VERSION(5, 16, 0);
}

/* Each program with a walk takes the verifier some 50 ms. */
static void leave_out(struct exoprof_bpf *skel)
{
	bpf_program__set_autoload(skel->progs.offcpu_switch, false);
	bpf_program__set_autoload(skel->progs.offcpu_back, false);
	bpf_program__set_autoload(skel->progs.offcpu_begin, false);
	bpf_program__set_autoload(skel->progs.offcpu_held, false);
}

int offcpu__configure(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	const struct offcpu_options *options = &collector->options.offcpu;
	int err;

	skel->rodata->offcpu_is_followed = options->enabled;
	skel->rodata->offcpu_min_ns = options->min_ns;
	skel->rodata->offcpu_rate_ns = options->rate_ns ? options->rate_ns : 1;
	bpf_program__set_autoload(skel->progs.offcpu_find_scheduler, can_look_up());
	err = choose_walk(collector);
	if (err)
		return err;
	bpf_program__set_autoload(skel->progs.offcpu_held, walks_at_switch(collector));
	if (!options->enabled)
		leave_out(skel);
	return configure_maps(skel);
}

/* Where it is not known, stacks begin with the tracepoint's own frames. */
void offcpu__find_scheduler(struct collector *collector)
{
	static const char *const names[2] = {"__sched_text_start", "__sched_text_end"};
	LIBBPF_OPTS(bpf_test_run_opts, run);
	struct exoprof_bpf *skel = collector->skel;
	uint64_t ends[2];
	int fd = bpf_program__fd(skel->progs.offcpu_find_scheduler);

	if (fd >= 0 && !bpf_prog_test_run_opts(fd, &run) && !run.retval)
		return;
	if (kernel__find_symbols(names, ends))
		return;
	skel->bss->scheduler_start = ends[0];
	skel->bss->scheduler_end = ends[1];
}

int offcpu__begin(struct collector *collector, pid_t pid)
{
	if (!collector->options.offcpu.enabled)
		return 0;
	collector->skel->bss->offcpu_begun = pid;
	if (walks_at_switch(collector) && threads__can_look())
		return threads__begin_waits(collector);
	return iterate__silently(collector->skel->progs.offcpu_begin);
}

/* The stacks of waits that have not ended, which no row is of yet. Where they are walked at the end
 * of a wait there are none for longer than a moment. */
static int find_held(struct collector *collector, char **hashes, size_t *size)
{
	*hashes = NULL;
	*size = 0;
	if (!collector->options.offcpu.enabled || !walks_at_switch(collector))
		return 0;
	return iterate__threads(collector->skel->progs.offcpu_held, hashes, size);
}

int offcpu__sweep(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	const struct sweep_map rows[] = {
		{skel->maps.offcpu_counts, offsetof(struct wire_wait_key,  era),
		 &collector->removed[WIRE_FILL_OFFCPU_COUNTS]},
		{skel->maps.clone_counts,  offsetof(struct wire_clone_key, era),
		 &collector->removed[WIRE_FILL_CLONE_COUNTS] },
	};
	const struct sweep_map stacks = {
		.map = skel->maps.kept_stacks,
		.removed = &collector->removed[WIRE_FILL_KEPT_STACKS],
	};
	size_t count = sizeof(rows) / sizeof(*rows), size = 0;
	char *held = NULL;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = sweep__rows(&rows[i], collector->eras);
	if (!err)
		err = find_held(collector, &held, &size);
	if (!err)
		err = sweep__stacks(&stacks, &collector->unused_stacks, rows, count, held, size);
	free(held);
	return err;
}

struct tid_keys {
	struct wire_wait_key *keys;
	size_t count, capacity;
};

static int note_tid(void *context, const void *key_bytes, const void *value)
{
	struct tid_keys *tids = context;
	const struct wire_wait_key *key = key_bytes;

	(void)value;
	return key->tid ? array_append(&tids->keys, &tids->count, &tids->capacity, *key) : 0;
}

void offcpu__forget_tids(struct collector *collector)
{
	struct bpf_map *map = collector->skel->maps.offcpu_counts;
	struct tid_keys tids = {};

	/* What short memory leaves behind goes the next time. */
	map__each(bpf_map__fd(map), sizeof(struct wire_wait_key), sizeof(struct wire_wait_counts),
		  note_tid, &tids);
	for (size_t i = 0; i < tids.count; i++)
		collector->removed[WIRE_FILL_OFFCPU_COUNTS] +=
			!bpf_map_delete_elem(bpf_map__fd(map), &tids.keys[i]);
	free(tids.keys);
}

/* What of the counts is asked for. */
struct counting {
	struct gathering gathering;
	bool with_tid;
};

/* The row that a key is counted in; NULL with *err 0 for one of a program that is over. */
static struct sample_row *find_row(struct gathering *gathering, uint32_t number, uint64_t stack,
				   struct sample_row *like, int *err)
{
	const struct era *era = eras__find(gathering->eras, number);
	struct sample_row *row = NULL;
	bool is_new;

	*err = 0;
	if (!era || !era__counts(era))
		return NULL;
	*err = gathering__process(gathering, number, &like->process);
	if (!*err)
		*err = gathering__stack(gathering, stack, &like->stack, &is_new);
	if (!*err)
		*err = gathering__row(gathering, like, &row);
	return *err ? NULL : row;
}

static int add_wait(void *context, const void *key_bytes, const void *value)
{
	struct counting *counting = context;
	const struct wire_wait_key *key = key_bytes;
	const struct wire_wait_counts *counts = value;
	struct sample_row like = {.wait = key->wait, .tid = key->tid};
	struct sample_row *row;
	int err;

	/* While somebody wants to know the thread each wait is counted twice, once without. */
	if (counting->with_tid != (key->tid != 0))
		return 0;
	memcpy(like.thread, key->comm, sizeof(like.thread) - 1);
	row = find_row(&counting->gathering, key->era, key->stack, &like, &err);
	if (row) {
		row->samples += counts->waits;
		row->ns += counts->ns;
	}
	return err;
}

static int add_clone(void *context, const void *key_bytes, const void *value)
{
	struct counting *counting = context;
	const struct wire_clone_key *key = key_bytes;
	struct sample_row like = {}, *row;
	int err;

	memcpy(like.thread, key->comm, sizeof(like.thread) - 1);
	row = find_row(&counting->gathering, key->era, key->stack, &like, &err);
	if (row)
		row->samples += *(const uint64_t *)value;
	return err;
}

static int gather(struct collector *collector, struct samples *samples, const struct bpf_map *map,
		  int (*each)(void *context, const void *key, const void *value), bool with_tid)
{
	struct counting counting = {.with_tid = with_tid};
	int err = counters__of_program(collector, samples);

	samples__stamp(samples);
	if (!err)
		err = gathering__begin(&counting.gathering, collector, samples,
				       collector->skel->maps.kept_stacks);
	if (!err)
		err = map__each(bpf_map__fd(map), bpf_map__key_size(map), bpf_map__value_size(map),
				each, &counting);
	gathering__end(&counting.gathering);
	return err;
}

static struct samples *snapshot(struct collector *collector, enum samples_source source,
				const struct bpf_map *map,
				int (*each)(void *context, const void *key, const void *value),
				bool with_tid)
{
	struct samples *samples = samples__new(source);
	int err = samples ? gather(collector, samples, map, each, with_tid) : -ENOMEM;

	if (!err)
		return samples;
	samples__free(samples);
	errno = -err;
	return NULL;
}

struct samples *offcpu__snapshot(struct collector *collector, bool with_tid)
{
	struct samples *samples;

	if (!collector->options.offcpu.enabled) {
		errno = ENODATA;
		return NULL;
	}
	samples = snapshot(collector, SAMPLES_WAITS, collector->skel->maps.offcpu_counts, add_wait,
			   with_tid);
	if (!samples)
		return NULL;
	samples->walk = walks_at_switch(collector) ? "at each switch" : "when the thread is back";
	samples->wait_min_ns = collector->options.offcpu.min_ns;
	samples->wait_rate_ns = collector->options.offcpu.rate_ns;
	return samples;
}

struct samples *clones__snapshot(struct collector *collector)
{
	return snapshot(collector, SAMPLES_CLONES, collector->skel->maps.clone_counts, add_clone,
			false);
}
