// SPDX-License-Identifier: Apache-2.0
/* Who asks for files may be hostile. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lead.h"
#include "opens.h"

#define SEED "tests/fuzz/corpus/symbolize/dwarf5"

static struct lead lead;
static char seed[PATH_MAX];

static int open_lead(void **state)
{
	struct root *own = root__own();

	(void)state;
	lead__init(&lead, open(SEED, O_RDONLY | O_CLOEXEC), SEED, own, NULL);
	root__put(own);
	return realpath(SEED, seed) ? 0 : -1;
}

static int close_lead(void **state)
{
	(void)state;
	lead__release(&lead);
	return 0;
}

static int try(bool of_debug, bool on_host, const char *path)
{
	int fd = companions__open_part(lead.companions, of_debug, on_host, path);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : fd;
}

static void an_elf_file_is_given(void **state)
{
	(void)state;
	assert_int_equal(try(false, true, seed), 0);
	assert_int_equal(try(false, false, seed), 0);
	assert_int_equal(try(false, false, "/nowhere"), -ENOENT);
	/* No debug file was found, whose paths would begin anywhere. */
	assert_int_equal(try(true, false, seed), -ENOENT);
}

static void no_other_file_is(void **state)
{
	char makefile[PATH_MAX], path[] = "/tmp/test_companions.XXXXXX";
	int opens;

	(void)state;
	assert_non_null(realpath("Makefile", makefile));
	assert_int_equal(try(false, true, makefile), -EACCES);
	assert_int_equal(try(false, true, "/dev/zero"), -EACCES);
	assert_int_equal(try(false, true, "/tmp"), -EACCES);
	assert_non_null(mkdtemp(path));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	opens = opens__watch(path);
	assert_int_equal(try(false, true, path), -EACCES);
	assert_false(opens__happened(opens));
	close(opens);
	assert_int_equal(unlink(path), 0);
}

static void the_place_is_the_files_folder(void **state)
{
	(void)state;
	assert_true(lead.opener.place.is_hosts);
	*strrchr(seed, '/') = '\0';
	assert_string_equal(lead.opener.place.directory, seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_elf_file_is_given),
		cmocka_unit_test(no_other_file_is),
		cmocka_unit_test(the_place_is_the_files_folder),
	};

	return cmocka_run_group_tests(tests, open_lead, close_lead);
}
