// SPDX-License-Identifier: Apache-2.0
/* Stacks with counts, and the difference of two collections. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "collect/samples.h"

static struct samples *new_samples(void)
{
	struct samples *samples = samples__new(SAMPLES_HEAP);

	assert_non_null(samples);
	assert_int_equal(samples__add_process(samples, (struct sample_process){.era = 1}), 0);
	return samples;
}

static uint32_t add_stack(struct samples *samples, uint64_t hash)
{
	struct sample_stack stack = {
		.hash = hash, .user_depth = 1, .frames = calloc(1, sizeof(uint64_t))};

	assert_int_equal(samples__add_stack(samples, stack), 0);
	return samples->stack_count - 1;
}

static void add_row(struct samples *samples, uint32_t stack, uint64_t size, int64_t allocs,
		    int64_t frees)
{
	assert_int_equal(samples__add_row(samples, (struct sample_row){.stack = stack,
								       .size = size,
								       .samples = allocs,
								       .frees = frees}),
			 0);
}

static void assert_row(const struct samples *samples, size_t index, uint64_t hash, uint64_t size,
		       int64_t allocs, int64_t frees)
{
	const struct sample_row *row = &samples->rows[index];

	assert_true(index < samples->row_count);
	assert_int_equal(samples->stacks[row->stack].hash, hash);
	assert_int_equal(row->size, size);
	assert_int_equal(row->samples, allocs);
	assert_int_equal(row->frees, frees);
}

static void new_samples_are_empty_and_hold_maps(void **state)
{
	struct maps *maps = calloc(1, sizeof(*maps));
	struct samples *samples;

	(void)state;
	maps->refs = 1;
	samples = samples__new(SAMPLES_CPU);
	assert_int_equal(samples->source, SAMPLES_CPU);
	assert_int_equal(samples__add_process(samples, (struct sample_process){.maps = maps}), 0);
	assert_int_equal(samples__add_process(samples, (struct sample_process){}), 0);
	assert_ptr_equal(samples->processes[0].maps, maps);
	assert_int_equal(maps->refs, 2);
	assert_int_equal(samples->row_count, 0);
	assert_int_equal(samples->stack_count, 0);
	samples__free(samples);
	assert_int_equal(maps->refs, 1);
	maps__put(maps);
	samples__free(NULL);
}

static void what_is_added_is_there(void **state)
{
	struct samples *samples = new_samples();

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		add_row(samples, add_stack(samples, 100 + i), i, 2 * i, i);
	assert_int_equal(samples->stack_count, 1000);
	assert_int_equal(samples->row_count, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_row(samples, i, 100 + i, i, 2 * i, i);
	samples__free(samples);
}

static void equal_rows_vanish(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	add_row(earlier, add_stack(earlier, 1), 16, 5, 3);
	add_row(later, add_stack(later, 1), 16, 5, 3);
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_int_equal(later->row_count, 0);
	assert_row(earlier, 0, 1, 16, 5, 3);
	samples__free(earlier);
	samples__free(later);
}

static void what_is_new_stays(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();
	uint32_t stack;

	(void)state;
	add_row(earlier, add_stack(earlier, 1), 16, 5, 3);
	stack = add_stack(later, 1);
	add_row(later, stack, 16, 5, 3);
	add_row(later, stack, 32, 4, 1); /* the same stack, another size */
	add_row(later, add_stack(later, 2), 16, 7, 0);
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_int_equal(later->row_count, 2);
	assert_row(later, 0, 1, 32, 4, 1);
	assert_row(later, 1, 2, 16, 7, 0);
	samples__free(earlier);
	samples__free(later);
}

static void what_grew_is_what_it_grew_by(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	add_row(earlier, add_stack(earlier, 1), 16, 5, 3);
	add_row(later, add_stack(later, 1), 16, 9, 4);
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_row(later, 0, 1, 16, 4, 1);
	samples__free(earlier);
	samples__free(later);
}

/* More freed than allocated in between: what is in use has shrunk. */
static void a_row_that_was_only_freed_stays(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	add_row(earlier, add_stack(earlier, 1), 16, 5, 0);
	add_row(later, add_stack(later, 1), 16, 5, 2);
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_int_equal(later->row_count, 1);
	assert_row(later, 0, 1, 16, 0, 2);
	samples__free(earlier);
	samples__free(later);
}

static void stacks_match_by_hash_not_by_index(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();
	uint32_t one, two, three;

	(void)state;
	one = add_stack(earlier, 0x111);
	two = add_stack(earlier, 0x222);
	add_row(earlier, two, 16, 20, 2);
	add_row(earlier, one, 16, 10, 1);
	three = add_stack(later, 0x333);
	two = add_stack(later, 0x222);
	one = add_stack(later, 0x111);
	add_row(later, one, 16, 11, 1);
	add_row(later, three, 16, 33, 3);
	add_row(later, two, 16, 25, 4);
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_int_equal(later->row_count, 3);
	assert_row(later, 0, 0x111, 16, 1, 0);
	assert_row(later, 1, 0x333, 16, 33, 3);
	assert_row(later, 2, 0x222, 16, 5, 2);
	samples__free(earlier);
	samples__free(later);
}

static void counters_and_times_are_those_of_the_time_between(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	/* The clock was set back meanwhile. */
	earlier->time_ns = 9000;
	later->time_ns = 3500;
	earlier->monotonic_ns = 1000;
	later->monotonic_ns = 3500;
	for (int i = 0; i < WIRE_COUNTERS; i++) {
		earlier->counters[i] = i;
		later->counters[i] = 3 * i + 1;
	}
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_int_equal(later->time_ns, 3500);
	assert_int_equal(later->duration_ns, 2500);
	for (int i = 0; i < WIRE_COUNTERS; i++)
		assert_int_equal(later->counters[i], 2 * i + 1);
	samples__free(earlier);
	samples__free(later);
}

/* Its blocks are not followed any more: what became of them is not known, so nothing is said. */
static void the_end_of_an_era_frees_nothing(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	add_row(earlier, add_stack(earlier, 1), 100, 50, 20);
	add_row(later, add_stack(later, 1), 100, 60, 60);
	later->rows[0].is_closed = true;
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_row(later, 0, 1, 100, 10, 10);
	samples__free(earlier);
	samples__free(later);
}

static void rows_of_different_eras_are_different(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	add_row(earlier, add_stack(earlier, 1), 100, 50, 20);
	add_row(later, add_stack(later, 1), 100, 7, 2);
	later->processes[0].era = 2;
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_row(later, 0, 1, 100, 7, 2);
	samples__free(earlier);
	samples__free(later);
}

static void rows_of_different_spells_are_different(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	add_row(earlier, add_stack(earlier, 1), 100, 50, 20);
	add_row(later, add_stack(later, 1), 100, 7, 2);
	later->rows[0].spell = 1;
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_row(later, 0, 1, 100, 7, 2);
	samples__free(earlier);
	samples__free(later);
}

/* Their places in two collections differ. */
static void a_process_goes_by_its_era(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	assert_int_equal(samples__add_process(earlier, (struct sample_process){.era = 7}), 0);
	add_row(earlier, add_stack(earlier, 1), 100, 50, 20);
	earlier->rows[0].process = 1;
	add_row(later, add_stack(later, 1), 100, 60, 25);
	later->processes[0].era = 7;
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_row(later, 0, 1, 100, 10, 5);
	samples__free(earlier);
	samples__free(later);
}

static void counters_start_anew_at_an_exec(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	earlier->counters[WIRE_ALLOC_UNSAMPLED] = 1000;
	later->counters[WIRE_ALLOC_UNSAMPLED] = 10;
	later->since_era = 3;
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_int_equal(later->counters[WIRE_ALLOC_UNSAMPLED], 10);
	samples__free(earlier);
	samples__free(later);
}

/* A thread, off the CPU since `ns`, or a wait of that length. */
static void add_wait(struct samples *samples, uint32_t stack, const char *thread, int64_t count,
		     int64_t ns)
{
	struct sample_row row = {.stack = stack, .samples = count, .ns = ns};

	strncpy(row.thread, thread, sizeof(row.thread) - 1);
	assert_int_equal(samples__add_row(samples, row), 0);
}

static void assert_wait(const struct samples *samples, size_t index, uint64_t hash,
			const char *thread, int64_t count, int64_t ns)
{
	const struct sample_row *row = &samples->rows[index];

	assert_true(index < samples->row_count);
	assert_int_equal(samples->stacks[row->stack].hash, hash);
	assert_string_equal(row->thread, thread);
	assert_int_equal(row->samples, count);
	assert_int_equal(row->ns, ns);
}

static void merging_adds_equal_rows_up_and_takes_over_the_others(void **state)
{
	struct samples *into = new_samples(), *from = new_samples();

	(void)state;
	add_wait(into, add_stack(into, 1), "a", 5, 500);
	add_wait(from, add_stack(from, 2), "a", 7, 700);
	add_wait(from, add_stack(from, 1), "b", 1, 100);
	add_wait(from, 1, "a", 2, 200);
	assert_int_equal(samples__merge(into, from, 1), 0);
	assert_int_equal(into->row_count, 3);
	assert_int_equal(into->stack_count, 2);
	assert_wait(into, 0, 1, "a", 7, 700);
	assert_wait(into, 1, 2, "a", 7, 700);
	assert_wait(into, 2, 1, "b", 1, 100);
	/* Its own frames. */
	assert_ptr_not_equal(into->stacks[1].frames, from->stacks[0].frames);
	samples__free(from);
	assert_int_equal(into->stacks[1].frames[0], 0);
	samples__free(into);
}

static void merging_with_a_minus_takes_off(void **state)
{
	struct samples *into = new_samples(), *from = new_samples();

	(void)state;
	add_wait(into, add_stack(into, 1), "a", 5, 500);
	add_wait(from, add_stack(from, 1), "a", 2, 600);
	add_wait(from, 0, "b", 3, 300);
	assert_int_equal(samples__merge(into, from, -1), 0);
	assert_wait(into, 0, 1, "a", 3, -100);
	assert_wait(into, 1, 1, "b", -3, -300);
	samples__free(from);
	samples__free(into);
}

/* What a thread waits for, whether it runs and which one it is make rows different. */
static void merging_tells_rows_apart_by_all_that_is_known_of_a_thread(void **state)
{
	struct samples *into = new_samples(), *from = new_samples();

	(void)state;
	add_wait(into, add_stack(into, 1), "a", 1, 0);
	for (int i = 0; i < 4; i++)
		add_wait(from, i ? 0 : add_stack(from, 1), "a", 1, 0);
	from->rows[1].wait.syscall = 7;
	from->rows[2].is_running = true;
	from->rows[3].tid = 99;
	assert_int_equal(samples__merge(into, from, 1), 0);
	assert_int_equal(into->row_count, 4);
	assert_wait(into, 0, 1, "a", 2, 0);
	samples__free(from);
	samples__free(into);
}

static void merging_takes_over_processes_that_have_no_rows(void **state)
{
	struct samples *into = new_samples(), *from = new_samples();

	(void)state;
	assert_int_equal(samples__add_process(from, (struct sample_process){.era = 2, .pid = 9}),
			 0);
	assert_int_equal(samples__merge(into, from, 1), 0);
	assert_int_equal(into->process_count, 2);
	assert_int_equal(into->processes[1].pid, 9);
	samples__free(from);
	samples__free(into);
}

static void a_copy_is_equal_and_its_own(void **state)
{
	struct samples *samples = new_samples(), *copy;

	(void)state;
	add_wait(samples, add_stack(samples, 1), "a", 5, 500);
	/* One that was lost has no frames. */
	assert_int_equal(samples__add_stack(samples, (struct sample_stack){.hash = 2}), 0);
	add_wait(samples, 1, "b", 6, 600);
	samples__add_note(samples, "a note");
	samples->counters[3] = 33;
	samples->time_ns = 1234;
	copy = samples__copy(samples);
	assert_non_null(copy);
	samples__free(samples);
	assert_int_equal(copy->row_count, 2);
	assert_wait(copy, 0, 1, "a", 5, 500);
	assert_wait(copy, 1, 2, "b", 6, 600);
	assert_null(copy->stacks[1].frames);
	assert_string_equal(copy->notes[0], "a note");
	assert_int_equal(copy->counters[3], 33);
	assert_int_equal(copy->time_ns, 1234);
	samples__free(copy);
}

static void of_one_thread_only_its_rows_are_kept(void **state)
{
	struct samples *samples = new_samples();

	(void)state;
	add_wait(samples, add_stack(samples, 1), "worker", 1, 100);
	add_wait(samples, 0, "work", 2, 200);
	add_wait(samples, 0, "worker", 3, 300);
	samples__keep_thread(samples, "worker");
	assert_int_equal(samples->row_count, 2);
	assert_wait(samples, 0, 1, "worker", 1, 100);
	assert_wait(samples, 1, 1, "worker", 3, 300);
	samples__free(samples);
}

static void threads_that_are_gone_count_less_than_nothing(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	earlier->source = later->source = SAMPLES_THREADS;
	add_wait(earlier, add_stack(earlier, 1), "gone", 2, 0);
	add_wait(earlier, 0, "stays", 1, 0);
	add_wait(later, add_stack(later, 1), "stays", 1, 0);
	add_wait(later, 0, "new", 1, 0);
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_int_equal(later->row_count, 2);
	assert_wait(later, 0, 1, "new", 1, 0);
	assert_wait(later, 1, 1, "gone", -2, 0);
	samples__free(earlier);
	samples__free(later);
}

static void waits_are_those_between(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	earlier->source = later->source = SAMPLES_WAITS;
	add_wait(earlier, add_stack(earlier, 1), "a", 2, 200);
	add_wait(earlier, 0, "b", 1, 100);
	add_wait(later, add_stack(later, 1), "a", 3, 900);
	add_wait(later, 0, "b", 1, 100);
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_int_equal(later->row_count, 1);
	assert_wait(later, 0, 1, "a", 1, 700);
	samples__free(earlier);
	samples__free(later);
}

/* 5 of 9 are in use now, whenever they were allocated; 4 were allocated in between. */
static void the_difference_of_allocations_leaves_what_is_in_use(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	add_row(earlier, add_stack(earlier, 1), 16, 5, 3);
	add_row(later, add_stack(later, 1), 16, 9, 4);
	add_row(later, 0, 32, 6, 6); /* nothing of it is new, nor in use */
	add_row(earlier, 0, 32, 6, 2);
	assert_int_equal(samples__subtract_allocs(later, earlier), 0);
	assert_int_equal(later->row_count, 1);
	assert_row(later, 0, 1, 16, 4, 4 - 5);
	samples__free(earlier);
	samples__free(later);
}

static void notes_are_kept_in_order(void **state)
{
	struct samples *samples = new_samples();
	char text[] = "one";

	(void)state;
	assert_int_equal(samples__add_note(samples, text), 0);
	text[0] = 'x';
	assert_int_equal(samples__add_note(samples, "two"), 0);
	assert_int_equal(samples->note_count, 2);
	assert_string_equal(samples->notes[0], "one");
	assert_string_equal(samples->notes[1], "two");
	samples__free(samples);
}

static void nothing_earlier_changes_nothing(void **state)
{
	struct samples *earlier = new_samples(), *later = new_samples();

	(void)state;
	add_row(later, add_stack(later, 1), 16, 9, 4);
	assert_int_equal(samples__subtract(later, earlier), 0);
	assert_int_equal(later->row_count, 1);
	assert_row(later, 0, 1, 16, 9, 4);
	samples__free(earlier);
	samples__free(later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_samples_are_empty_and_hold_maps),
		cmocka_unit_test(what_is_added_is_there),
		cmocka_unit_test(equal_rows_vanish),
		cmocka_unit_test(what_is_new_stays),
		cmocka_unit_test(what_grew_is_what_it_grew_by),
		cmocka_unit_test(a_row_that_was_only_freed_stays),
		cmocka_unit_test(stacks_match_by_hash_not_by_index),
		cmocka_unit_test(counters_and_times_are_those_of_the_time_between),
		cmocka_unit_test(nothing_earlier_changes_nothing),
		cmocka_unit_test(the_end_of_an_era_frees_nothing),
		cmocka_unit_test(rows_of_different_eras_are_different),
		cmocka_unit_test(rows_of_different_spells_are_different),
		cmocka_unit_test(a_process_goes_by_its_era),
		cmocka_unit_test(counters_start_anew_at_an_exec),
		cmocka_unit_test(merging_adds_equal_rows_up_and_takes_over_the_others),
		cmocka_unit_test(merging_with_a_minus_takes_off),
		cmocka_unit_test(merging_tells_rows_apart_by_all_that_is_known_of_a_thread),
		cmocka_unit_test(merging_takes_over_processes_that_have_no_rows),
		cmocka_unit_test(a_copy_is_equal_and_its_own),
		cmocka_unit_test(of_one_thread_only_its_rows_are_kept),
		cmocka_unit_test(threads_that_are_gone_count_less_than_nothing),
		cmocka_unit_test(waits_are_those_between),
		cmocka_unit_test(the_difference_of_allocations_leaves_what_is_in_use),
		cmocka_unit_test(notes_are_kept_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
