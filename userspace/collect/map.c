// SPDX-License-Identifier: Apache-2.0
/* Reading BPF maps. */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/intern.h"
#include "collect/internal.h"

/* Elements a system call brings; a bucket with more of them than this makes the kernel say ENOSPC.
 */
#define BATCH 1024

struct batch {
	void *keys, *values;
	__u32 capacity;
};

static int batch_grow(struct batch *batch, __u32 capacity, size_t key_size, size_t value_size)
{
	void *keys = reallocarray(batch->keys, capacity, key_size);
	void *values;

	if (!keys)
		return -ENOMEM;
	batch->keys = keys;
	values = reallocarray(batch->values, capacity, value_size);
	if (!values)
		return -ENOMEM;
	batch->values = values;
	batch->capacity = capacity;
	return 0;
}

int map__each(int map_fd, size_t key_size, size_t value_size,
	      int (*each)(void *context, const void *key, const void *value), void *context)
{
	struct batch batch = {};
	bool at_end = false;
	/* A hash map's position is a u32 bucket number. */
	__u32 position, *from = NULL;
	int err = batch_grow(&batch, BATCH, key_size, value_size);

	while (!err && !at_end) {
		__u32 count = batch.capacity;

		err = bpf_map_lookup_batch(map_fd, from, &position, batch.keys, batch.values,
					   &count, NULL);
		if (err == -ENOSPC) {
			err = batch_grow(&batch, batch.capacity * 2, key_size, value_size);
			continue;
		}
		at_end = err == -ENOENT;
		if (err && !at_end)
			break;
		err = 0;
		for (__u32 i = 0; i < count && !err; i++)
			err = each(context, (char *)batch.keys + i * key_size,
				   (char *)batch.values + i * value_size);
		from = &position;
	}
	free(batch.keys);
	free(batch.values);
	return err;
}

int map__sum_cpus(const struct bpf_map *map, uint64_t *sums, uint32_t count)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values;
	int err = 0;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (__u32 i = 0; i < count && !err; i++) {
		err = bpf_map__lookup_elem(map, &i, sizeof(i), values, cpus * sizeof(*values), 0);
		sums[i] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			sums[i] += values[cpu];
	}
	free(values);
	return err;
}

uint64_t map__bytes(const struct bpf_map *map)
{
	uint64_t bytes = 0;
	char path[64], line[128];
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
	in = fopen(path, "re");
	if (!in)
		return 0;
	while (!bytes && fgets(line, sizeof(line), in))
		sscanf(line, "memlock: %" SCNu64, &bytes);
	fclose(in);
	return bytes;
}

int counters__read(const struct collector *collector, uint64_t counters[WIRE_COUNTERS])
{
	int err = map__sum_cpus(collector->skel->maps.counters, counters, WIRE_COUNTERS);

	for (int i = 0; i < WIRE_COUNTERS; i++)
		counters[i] += collector->counted[i];
	return err;
}

int counters__of_program(struct collector *collector, struct samples *samples)
{
	int err = counters__read(collector, samples->counters);

	samples->since_era = collector->since_era;
	for (int i = 0; i < WIRE_COUNTERS; i++)
		samples->counters[i] -= collector->since_counters[i];
	return err;
}

int map__read_stack(int map_fd, uint64_t hash, struct sample_stack *stack)
{
	uint64_t words[WIRE_CHUNKS_MAX * WIRE_CHUNK_WORDS];
	const struct wire_stack_head *head = (const struct wire_stack_head *)words;
	struct wire_chunk_key key = {.stack = hash};
	uint32_t depth;

	*stack = (struct sample_stack){.hash = hash};
	if (hash == WIRE_STACK_LOST || bpf_map_lookup_elem(map_fd, &key, words))
		return 0;
	depth = head->kernel_depth + head->user_depth;
	if (depth > WIRE_KERNEL_DEPTH + WIRE_USER_DEPTH || head->end >= WIRE_ENDS)
		return 0;
	for (key.index = 1; key.index * WIRE_CHUNK_WORDS <= depth; key.index++) {
		if (bpf_map_lookup_elem(map_fd, &key, &words[key.index * WIRE_CHUNK_WORDS]))
			return 0;
	}
	stack->frames = malloc((depth + 1) * sizeof(*stack->frames));
	if (!stack->frames)
		return -ENOMEM;
	memcpy(stack->frames, &words[1], depth * sizeof(*stack->frames));
	stack->kernel_depth = head->kernel_depth;
	stack->user_depth = head->user_depth;
	stack->end = head->end;
	return 0;
}

int gathering__stack(struct gathering *gathering, uint64_t hash, uint32_t *index, bool *is_new)
{
	struct sample_stack stack;
	int err;

	*index = intern__id(gathering->ids, &hash, sizeof(hash), is_new);
	if (*index == INTERN_FAILED)
		return -ENOMEM;
	if (!*is_new)
		return 0;
	err = map__read_stack(gathering->stacks_fd, hash, &stack);
	return err ? err : samples__add_stack(gathering->samples, stack);
}

int gathering__process(struct gathering *gathering, uint32_t number, uint32_t *index)
{
	const struct era *era = eras__find(gathering->eras, number);
	bool is_new;

	if (!era)
		return -ENOENT;
	*index = intern__id(gathering->process_ids, &number, sizeof(number), &is_new);
	if (*index == INTERN_FAILED)
		return -ENOMEM;
	if (!is_new)
		return 0;
	return samples__add_process(gathering->samples, (struct sample_process){
								.era = number,
								.pid = era->pid,
								.maps = era->maps,
							});
}

struct row_key {
	uint32_t stack, process, tid, is_running;
	struct wire_wait wait;
	char thread[WIRE_COMM_BYTES];
};

int gathering__row(struct gathering *gathering, const struct sample_row *like,
		   struct sample_row **row)
{
	struct samples *samples = gathering->samples;
	struct row_key key = {
		.stack = like->stack,
		.process = like->process,
		.tid = like->tid,
		.is_running = like->is_running,
		.wait = like->wait,
	};
	bool is_new;
	uint32_t id;
	int err = 0;

	memcpy(key.thread, like->thread, sizeof(key.thread));
	id = intern__id(gathering->row_ids, &key, sizeof(key), &is_new);
	if (id == INTERN_FAILED)
		return -ENOMEM;
	if (is_new)
		err = samples__add_row(samples, *like);
	*row = &samples->rows[id];
	return err;
}

/* What was asked for is there even without a sample, and first. */
static int note_asked_for(struct gathering *gathering)
{
	size_t count;
	const struct era *all = eras__all(gathering->eras, &count);
	uint32_t index;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		if (all[i].was_asked_for && era__counts(&all[i]))
			err = gathering__process(gathering, all[i].number, &index);
	}
	return err;
}

int gathering__begin(struct gathering *gathering, struct collector *collector,
		     struct samples *samples, const struct bpf_map *stacks)
{
	int err = eras__update(collector->eras, NULL, NULL);

	samples->rowless_files = tables__files_without_room(collector->tables);
	*gathering = (struct gathering){
		.samples = samples,
		.eras = collector->eras,
		.ids = intern__new(),
		.process_ids = intern__new(),
		.row_ids = intern__new(),
		.stacks_fd = bpf_map__fd(stacks),
	};
	if (err)
		return err;
	return gathering->ids && gathering->process_ids && gathering->row_ids
		       ? note_asked_for(gathering)
		       : -ENOMEM;
}

void gathering__end(struct gathering *gathering)
{
	intern__free(gathering->ids);
	intern__free(gathering->process_ids);
	intern__free(gathering->row_ids);
}
