// SPDX-License-Identifier: Apache-2.0
/* Paths below a process's root: none leads out of it, and only files are opened. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jail.h"
#include "target/root.h"

/* A folder with things in it, and a process whose root is a folder in there. */
static char outer[64], inner[80];
static pid_t jailed;

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "we");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void make_link(const char *to, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", inner, name);
	assert_int_equal(symlink(to, path), 0);
}

static int make_folders(void **state)
{
	char path[256];

	(void)state;
	strcpy(outer, "/tmp/test_root.XXXXXX");
	assert_non_null(mkdtemp(outer));
	snprintf(inner, sizeof(inner), "%s/inner", outer);
	assert_int_equal(mkdir(inner, 0755), 0);
	write_file(outer, "secret", "outside");
	write_file(inner, "file", "inside");
	snprintf(path, sizeof(path), "%s/folder", inner);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/fifo", inner);
	assert_int_equal(mkfifo(path, 0600), 0);
	make_link("/file", "absolute");
	make_link("../../../../file", "upwards");
	snprintf(path, sizeof(path), "%s/secret", outer);
	make_link(path, "out");
	make_link("../secret", "out_upwards");
	make_link("loop", "loop");
	jailed = jail__start(inner);
	return 0;
}

static int remove_folders(void **state)
{
	char command[128];

	(void)state;
	jail__end(jailed);
	snprintf(command, sizeof(command), "rm -rf %s", outer);
	return system(command);
}

static void assert_reads(const struct root *root, const char *path, const char *text)
{
	char got[64] = "";
	int fd = root__open_file(root, path);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
	assert_string_equal(got, text);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void a_file_is_found_by_the_path_that_the_process_uses(void **state)
{
	struct root *root = root__open(jailed);

	(void)state;
	assert_non_null(root);
	assert_reads(root, "/file", "inside");
	assert_reads(root, "/folder/../file", "inside");
	assert_int_equal(root__open_file(root, "/nothing"), -ENOENT);
	root__put(root);
}

static void symbolic_links_stay_inside(void **state)
{
	struct root *root = root__open(jailed);

	(void)state;
	assert_reads(root, "/absolute", "inside");
	assert_reads(root, "/upwards", "inside");
	assert_int_equal(root__open_file(root, "/out"), -ENOENT);
	assert_int_equal(root__open_file(root, "/out_upwards"), -ENOENT);
	assert_int_equal(root__open_file(root, "/../secret"), -ENOENT);
	assert_int_equal(root__open_file(root, "/loop"), -ELOOP);
	root__put(root);
}

static void only_regular_files_are_opened(void **state)
{
	struct root *root = root__open(jailed), *own = root__own();

	(void)state;
	assert_int_equal(root__open_file(root, "/folder"), -EACCES);
	assert_int_equal(root__open_file(root, "/fifo"), -EACCES);
	assert_int_equal(root__open_file(own, "/dev/null"), -EACCES);
	/* A link of the kernel's leads anywhere. */
	assert_int_equal(root__open_file(own, "/proc/self/exe"), -ELOOP);
	root__put(root);
	root__put(own);
}

static void a_link_is_not_the_file_itself(void **state)
{
	struct root *root = root__open(jailed);
	int fd = root__open_file_itself(root, "/folder/../file");

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(root__open_file_itself(root, "/absolute"), -EACCES);
	assert_int_equal(root__open_file_itself(root, "/fifo"), -EACCES);
	root__put(root);
}

static void files_are_found_after_the_process_has_ended(void **state)
{
	pid_t pid = jail__start(inner);
	struct root *root = root__open(pid);

	(void)state;
	jail__end(pid);
	assert_reads(root, "/file", "inside");
	root__put(root);
	errno = 0;
	assert_null(root__open(pid));
	assert_int_equal(errno, ENOENT);
}

static void a_root_is_the_same_as_itself_only(void **state)
{
	struct root *root = root__open(jailed), *again = root__open(jailed), *own = root__own();

	(void)state;
	assert_true(root__is_same(root, again));
	assert_false(root__is_same(root, own));
	root__put(root);
	root__put(again);
	root__put(own);
}

static void a_chroots_path_loses_what_is_above_it(void **state)
{
	struct root *root = root__open(jailed), *own = root__own();
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/opt/app/program", inner);
	assert_string_equal(root__inside(root, path), "/opt/app/program");
	assert_string_equal(root__inside(own, path), path);
	/* A folder beside it, whose name begins alike. */
	snprintf(path, sizeof(path), "%s-too/program", inner);
	assert_string_equal(root__inside(root, path), path);
	assert_string_equal(root__inside(root, "/elsewhere"), "/elsewhere");
	assert_string_equal(root__inside(root, "[vdso]"), "[vdso]");
	root__put(root);
	root__put(own);
}

static void the_last_reference_closes_it(void **state)
{
	int before = dup(0), after;
	struct root *root;

	(void)state;
	close(before);
	root = root__own();
	root__get(root);
	root__put(root);
	assert_int_equal(root__open_file(root, "/nothing/at/all"), -ENOENT);
	root__put(root);
	root__put(NULL);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_found_by_the_path_that_the_process_uses),
		cmocka_unit_test(symbolic_links_stay_inside),
		cmocka_unit_test(only_regular_files_are_opened),
		cmocka_unit_test(a_link_is_not_the_file_itself),
		cmocka_unit_test(files_are_found_after_the_process_has_ended),
		cmocka_unit_test(a_root_is_the_same_as_itself_only),
		cmocka_unit_test(a_chroots_path_loses_what_is_above_it),
		cmocka_unit_test(the_last_reference_closes_it),
	};

	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
