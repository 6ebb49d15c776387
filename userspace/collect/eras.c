// SPDX-License-Identifier: Apache-2.0
#include "collect/eras.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/search.h"
#include "collect/internal.h"

/* What a process allocated stays in the profile for some time after its exit. */
#define EXITED_KEPT 256

struct eras {
	struct exoprof_bpf *skel;
	struct era *items; /* by number, ascending */
	size_t count, capacity;
	uint64_t forgotten;
	uint32_t *dropped; /* numbers, since eras__clear_dropped() */
	size_t dropped_count, dropped_capacity;
};

bool era__counts(const struct era *era)
{
	return !era->is_over || era->has_exited;
}

struct eras *eras__new(struct exoprof_bpf *skel)
{
	struct eras *eras = calloc(1, sizeof(*eras));

	if (eras)
		eras->skel = skel;
	return eras;
}

void eras__free(struct eras *eras)
{
	if (!eras)
		return;
	for (size_t i = 0; i < eras->count; i++)
		maps__put(eras->items[i].maps);
	free(eras->dropped);
	free(eras->items);
	free(eras);
}

static int eras_fd(const struct eras *eras)
{
	return bpf_map__fd(eras->skel->maps.eras);
}

static int processes_fd(const struct eras *eras)
{
	return bpf_map__fd(eras->skel->maps.processes);
}

static struct era *find(const struct eras *eras, uint32_t number)
{
	size_t at = search_lower_bound(i, eras->count, eras->items[i].number < number);

	return at < eras->count && eras->items[at].number == number ? &eras->items[at] : NULL;
}

const struct era *eras__all(const struct eras *eras, size_t *count)
{
	*count = eras->count;
	return eras->items;
}

const struct era *eras__find(const struct eras *eras, uint32_t number)
{
	return find(eras, number);
}

uint32_t eras__follow(struct eras *eras, pid_t pid, bool was_asked_for, bool with_children)
{
	uint32_t number = __atomic_add_fetch(&eras->skel->bss->last_era, 1, __ATOMIC_SEQ_CST);
	struct wire_era era = {.tgid = pid, .origin = WIRE_ERA_ATTACH};
	struct wire_process process = {.era = number, .follows_children = with_children};
	__u32 tgid = pid;
	int err = bpf_map_update_elem(eras_fd(eras), &number, &era, BPF_NOEXIST);

	if (!err)
		err = bpf_map_update_elem(processes_fd(eras), &tgid, &process, BPF_NOEXIST);
	if (!err)
		err = eras__update(eras, NULL, NULL);
	if (!err && find(eras, number)) {
		find(eras, number)->was_asked_for = was_asked_for;
		return number;
	}
	eras__unfollow(eras, number);
	errno = err ? -err : ENOMEM;
	return 0;
}

void eras__unfollow(struct eras *eras, uint32_t number)
{
	struct wire_era era;
	__u32 tgid;

	if (bpf_map_lookup_elem(eras_fd(eras), &number, &era))
		return;
	tgid = era.tgid;
	if (eras__current(eras, tgid) == number)
		bpf_map_delete_elem(processes_fd(eras), &tgid);
	bpf_map_delete_elem(eras_fd(eras), &number);
}

uint32_t eras__current(const struct eras *eras, pid_t pid)
{
	struct wire_process process;
	__u32 tgid = pid;

	return bpf_map_lookup_elem(processes_fd(eras), &tgid, &process) ? 0 : process.era;
}

struct news_of_eras {
	struct eras *eras;
	size_t known; /* how many there were */
};

static int note_era(void *context, const void *key, const void *value)
{
	struct news_of_eras *news = context;
	struct eras *eras = news->eras;
	const struct wire_era *wire = value;
	struct era era = {
		.number = *(const __u32 *)key,
		.parent = wire->parent,
		.pid = wire->tgid,
		.origin = wire->origin,
		.is_new = true,
		.retry_ms = INT64_MAX,
	};

	/* Those behind are not in order yet. */
	if (find(&(struct eras){.items = eras->items, .count = news->known}, era.number))
		return 0;
	return array_append(&eras->items, &eras->count, &eras->capacity, era);
}

static int compare_numbers(const void *left, const void *right)
{
	const struct era *a = left, *b = right;

	return (a->number > b->number) - (a->number < b->number);
}

static int note_eras(struct eras *eras)
{
	struct news_of_eras news = {.eras = eras, .known = eras->count};
	int err = map__each(eras_fd(eras), sizeof(__u32), sizeof(struct wire_era), note_era, &news);

	/* qsort takes no NULL. */
	if (eras->count)
		qsort(eras->items, eras->count, sizeof(*eras->items), compare_numbers);
	return err;
}

static bool is_exec(const struct era *era)
{
	return era->origin == WIRE_ERA_EXEC || era->origin == WIRE_ERA_EXEC_BY_THREAD;
}

/* What the process began with was asked for, and so is what it executes later. A fork's memory
 * looks like its parent's. The walk may have passed the parent by: then it comes the next time. */
static void inherit(const struct eras *eras, struct era *era)
{
	const struct era *parent = find(eras, era->parent);

	if (era->has_inherited || !parent)
		return;
	era->has_inherited = true;
	if (is_exec(era))
		era->was_asked_for = parent->was_asked_for;
	else if (parent->maps && !era->maps)
		era->maps = maps__get(parent->maps);
}

static bool is_current(const struct eras *eras, const struct era *era)
{
	return eras__current(eras, era->pid) == era->number;
}

static bool has_successor(const struct eras *eras, const struct era *era)
{
	for (size_t i = 0; i < eras->count; i++) {
		if (eras->items[i].parent == era->number && is_exec(&eras->items[i]))
			return true;
	}
	return false;
}

/* The kernel side needs no more to know of it: no process can come from it. */
static void end(struct eras *eras, struct era *era)
{
	era->is_over = true;
	era->has_exited = !has_successor(eras, era);
	era->end_epoch = eras->skel->bss->cpu_epoch + 1;
	bpf_map_delete_elem(eras_fd(eras), &era->number);
}

/* Those are over that no process is in. A new one may not be in any yet: the kernel side makes the
 * era first. What they have executed is there to be noted once they are not current any more. */
static int note_ends(struct eras *eras)
{
	bool some = false;
	int err;

	for (size_t i = 0; i < eras->count; i++) {
		struct era *era = &eras->items[i];

		era->is_ending = !era->is_over && !era->is_new && !is_current(eras, era);
		some |= era->is_ending;
	}
	if (!some)
		return 0;
	err = note_eras(eras);
	for (size_t i = 0; i < eras->count && !err; i++) {
		if (eras->items[i].is_ending)
			end(eras, &eras->items[i]);
		eras->items[i].is_ending = false;
	}
	return err;
}

int eras__update(struct eras *eras, void (*each)(void *context, const struct era *era),
		 void *context)
{
	int err;

	for (size_t i = 0; i < eras->count; i++)
		eras->items[i].is_new = false;
	err = note_eras(eras);
	if (!err)
		err = note_ends(eras);
	for (size_t i = 0; i < eras->count; i++)
		inherit(eras, &eras->items[i]);
	for (size_t i = 0; i < eras->count && each; i++) {
		if (eras->items[i].was_told_of)
			continue;
		eras->items[i].was_told_of = true;
		each(context, &eras->items[i]);
	}
	return err;
}

void eras__set_maps(struct eras *eras, uint32_t number, struct maps *maps)
{
	struct era *era = find(eras, number);

	if (!era)
		return;
	maps__get(maps);
	maps__put(era->maps);
	era->maps = maps;
}

void eras__set_retry(struct eras *eras, uint32_t number, int64_t retry_ms)
{
	struct era *era = find(eras, number);

	if (era)
		era->retry_ms = retry_ms;
}

void eras__note_begun(struct eras *eras, uint32_t number)
{
	struct era *era = find(eras, number);

	if (era)
		era->has_begun = true;
}

static int read_wire(const struct eras *eras, uint32_t number, struct wire_era *era)
{
	return bpf_map_lookup_elem(eras_fd(eras), &number, era);
}

static int write_wire(struct eras *eras, uint32_t number, const struct wire_era *era)
{
	return bpf_map_update_elem(eras_fd(eras), &number, era, BPF_EXIST);
}

int eras__set_mappings(struct eras *eras, uint32_t number, uint32_t first, uint32_t count)
{
	struct wire_era era;
	int err = read_wire(eras, number, &era);

	if (err)
		return err;
	era.first_mapping = first;
	era.mapping_count = count;
	return write_wire(eras, number, &era);
}

int eras__set_safe_size(struct eras *eras, uint32_t number, uint64_t bytes)
{
	struct wire_era era;
	int err = read_wire(eras, number, &era);

	if (err)
		return err;
	era.safe_size = bytes;
	return write_wire(eras, number, &era);
}

int eras__next_spell(struct eras *eras, uint32_t number)
{
	struct era *known = find(eras, number);
	struct wire_era era;
	int err = known ? read_wire(eras, number, &era) : -ENOENT;

	if (err)
		return err;
	era.spell = ++known->spell;
	return write_wire(eras, number, &era);
}

/* Whether nobody will ask for it any more. */
static bool is_useless(const struct era *era, uint64_t oldest_epoch, size_t exited_behind)
{
	if (!era->is_over || era->end_epoch > oldest_epoch)
		return false;
	/* The last state of what was asked for stays; of a child, as long as there is room. */
	return !era->has_exited || (!era->was_asked_for && exited_behind >= EXITED_KEPT);
}

void eras__forget(struct eras *eras, uint64_t oldest_epoch)
{
	size_t kept = 0, exited = 0;

	for (size_t i = 0; i < eras->count; i++)
		exited += eras->items[i].has_exited && !eras->items[i].was_asked_for;
	for (size_t i = 0; i < eras->count; i++) {
		struct era *era = &eras->items[i];

		if (!is_useless(era, oldest_epoch, exited ? exited - 1 : 0)) {
			eras->items[kept++] = *era;
			continue;
		}
		/* Where memory is short its allocations stay in the kernel's books, unseen. */
		array_append(&eras->dropped, &eras->dropped_count, &eras->dropped_capacity,
			     era->number);
		if (era->has_exited) {
			exited--;
			eras->forgotten++;
		}
		maps__put(era->maps);
	}
	eras->count = kept;
}

uint64_t eras__forgotten(const struct eras *eras)
{
	return eras->forgotten;
}

size_t eras__alive(const struct eras *eras)
{
	size_t alive = 0;

	for (size_t i = 0; i < eras->count; i++)
		alive += !eras->items[i].is_over;
	return alive;
}

bool eras__was_dropped(const struct eras *eras, uint32_t number)
{
	for (size_t i = 0; i < eras->dropped_count; i++) {
		if (eras->dropped[i] == number)
			return true;
	}
	return false;
}

void eras__clear_dropped(struct eras *eras)
{
	eras->dropped_count = 0;
}
