// SPDX-License-Identifier: Apache-2.0
/* What is kept for others, in a table of descriptors of its own: here the writing ends of pipes,
 * whose readers see when the last one is closed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collect/link_keeper.h"

/* The reading end of a pipe, and what its writing end is kept as. */
struct kept {
	int reader, link;
};

static struct kept keep(struct link_keeper *keeper)
{
	struct kept kept;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	kept.reader = ends[0];
	kept.link = link_keeper__keep(keeper, ends[1]);
	assert_true(kept.link >= 0);
	return kept;
}

/* Whether anybody has the writing end. */
static bool is_held(const struct kept *kept)
{
	struct pollfd reader = {.fd = kept->reader, .events = POLLIN};

	return poll(&reader, 1, 0) == 0;
}

static void what_is_dropped_is_gone_at_once(void **state)
{
	struct link_keeper *keeper = link_keeper__start();
	struct kept first, second;

	(void)state;
	assert_non_null(keeper);
	first = keep(keeper);
	second = keep(keeper);
	assert_int_not_equal(first.link, second.link);
	assert_true(is_held(&first));
	link_keeper__drop(keeper, &first.link);
	assert_int_equal(first.link, -1);
	assert_false(is_held(&first));
	assert_true(is_held(&second));
	link_keeper__drop(keeper, &first.link);
	assert_true(is_held(&second));
	link_keeper__end(keeper);
	assert_false(is_held(&second));
	close(first.reader);
	close(second.reader);
}

/* Else a process that cannot close what it has open would keep it, too. */
static void what_is_kept_is_in_no_table_of_the_process(void **state)
{
	struct link_keeper *keeper = link_keeper__start();
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_true(link_keeper__keep(keeper, ends[1]) >= 0);
	assert_int_equal(fcntl(ends[1], F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	close(ends[0]);
	link_keeper__end(keeper);
}

/* And the keeper has nothing of what the process had open before. */
static void it_keeps_nothing_that_it_was_not_given(void **state)
{
	struct link_keeper *keeper;
	struct kept own;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	keeper = link_keeper__start();
	own = (struct kept){.reader = ends[0]};
	assert_true(is_held(&own));
	close(ends[1]);
	assert_false(is_held(&own));
	close(ends[0]);
	link_keeper__end(keeper);
}

static void all_of_it_can_be_let_go_of(void **state)
{
	struct link_keeper *keeper = link_keeper__start();
	struct kept kept[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		kept[i] = keep(keeper);
	link_keeper__let_go(keeper);
	for (int i = 0; i < 3; i++) {
		assert_false(is_held(&kept[i]));
		close(kept[i].reader);
	}
	/* Whoever asks it now does not wait. */
	link_keeper__drop(keeper, &kept[0].link);
	assert_true(link_keeper__keep(keeper, dup(0)) < 0);
	link_keeper__end(keeper);
}

static void a_full_table_is_told(void **state)
{
	struct link_keeper *keeper = link_keeper__start();
	struct rlimit old, few;
	struct kept kept;
	int fd;

	(void)state;
	kept = keep(keeper);
	fd = dup(kept.reader);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){.rlim_cur = kept.link + 1, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(link_keeper__keep(keeper, fd), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(is_held(&kept));
	link_keeper__drop(keeper, &kept.link);
	assert_false(is_held(&kept));
	close(kept.reader);
	link_keeper__end(keeper);
}

static void without_a_keeper_the_caller_keeps_it(void **state)
{
	struct kept kept = keep(NULL);

	(void)state;
	assert_true(is_held(&kept));
	assert_int_equal(fcntl(kept.link, F_GETFD), 0);
	link_keeper__drop(NULL, &kept.link);
	assert_false(is_held(&kept));
	close(kept.reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_dropped_is_gone_at_once),
		cmocka_unit_test(what_is_kept_is_in_no_table_of_the_process),
		cmocka_unit_test(it_keeps_nothing_that_it_was_not_given),
		cmocka_unit_test(all_of_it_can_be_let_go_of),
		cmocka_unit_test(a_full_table_is_told),
		cmocka_unit_test(without_a_keeper_the_caller_keeps_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
