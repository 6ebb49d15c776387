// SPDX-License-Identifier: Apache-2.0
/* What does not come back is not waited for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/patience.h"

/* Half of it is what a hung one is waited for, the rest for the others. */
#define LIMIT_MS 4000

struct fixture {
	struct patience *patience;
	int gate[2]; /* a pipe: who is to hang reads from it */
};

static atomic_int ran, released;

struct reading {
	struct errand errand;
	int fd; /* -1: returns at once */
};

static void run(struct errand *errand)
{
	struct reading *reading = (struct reading *)errand;
	char byte;

	atomic_fetch_add(&ran, 1);
	if (reading->fd >= 0 && read(reading->fd, &byte, 1) < 0)
		abort();
}

static void release(struct errand *errand)
{
	(void)errand;
	atomic_fetch_add(&released, 1);
}

static struct errand *new_errand(int fd)
{
	struct reading *reading = calloc(1, sizeof(*reading));

	assert_non_null(reading);
	reading->errand = (struct errand){.run = run, .release = release};
	reading->fd = fd;
	return &reading->errand;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	ran = released = 0;
	fixture->patience = patience__new();
	patience__begin(fixture->patience, LIMIT_MS);
	*state = fixture;
	return pipe(fixture->gate);
}

static void open_gate(struct fixture *fixture)
{
	close(fixture->gate[1]);
	fixture->gate[1] = -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	open_gate(fixture);
	patience__free(fixture->patience);
	close(fixture->gate[0]);
	free(fixture);
	return 0;
}

/* Ten seconds at most. */
static void wait_for(const atomic_int *count, int wanted)
{
	for (int i = 0; i < 1000 && atomic_load(count) < wanted; i++)
		poll(NULL, 0, 10);
	assert_int_equal(atomic_load(count), wanted);
}

static void what_is_done_is_the_callers(void **state)
{
	struct fixture *fixture = *state;
	struct errand *errand = new_errand(-1);

	assert_int_equal(patience__run(fixture->patience, errand, 1), 0);
	assert_int_equal(ran, 1);
	assert_int_equal(released, 0);
	assert_int_equal(patience__out(fixture->patience), 0);
	errand__discard(errand);
	wait_for(&released, 1);
}

static void who_does_not_come_back_is_not_waited_for_again(void **state)
{
	struct fixture *fixture = *state;
	int64_t began_ms = clock__monotonic_ms();
	struct errand *errand;

	assert_int_equal(patience__run(fixture->patience, new_errand(fixture->gate[0]), 1),
			 -ETIMEDOUT);
	assert_true(clock__monotonic_ms() - began_ms >= LIMIT_MS / 2);
	assert_int_equal(patience__out(fixture->patience), 1);
	/* Of the same device nothing more, of others whatever there is. */
	assert_int_equal(patience__run(fixture->patience, new_errand(-1), 1), -EBUSY);
	assert_int_equal(ran, 1);
	errand = new_errand(-1);
	assert_int_equal(patience__run(fixture->patience, errand, 2), 0);
	errand__discard(errand);
	wait_for(&released, 2);
	open_gate(fixture);
	for (int i = 0; i < 1000 && patience__out(fixture->patience); i++)
		poll(NULL, 0, 10);
	patience__begin(fixture->patience, LIMIT_MS);
	errand = new_errand(-1);
	assert_int_equal(patience__run(fixture->patience, errand, 1), 0);
	errand__discard(errand);
	wait_for(&released, 4);
}

static void once_the_time_is_over_nothing_begins(void **state)
{
	struct fixture *fixture = *state;

	patience__begin(fixture->patience, 0);
	assert_int_equal(patience__run(fixture->patience, new_errand(-1), 1), -EBUSY);
	assert_int_equal(ran, 0);
	assert_int_equal(released, 1);
}

static void who_is_out_discards_by_itself(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(patience__run(fixture->patience, new_errand(fixture->gate[0]), 1),
			 -ETIMEDOUT);
	patience__free(fixture->patience);
	fixture->patience = NULL;
	assert_int_equal(released, 0);
	open_gate(fixture);
	wait_for(&released, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_done_is_the_callers),
		TEST(who_does_not_come_back_is_not_waited_for_again),
		TEST(once_the_time_is_over_nothing_begins),
		TEST(who_is_out_discards_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
