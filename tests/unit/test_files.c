// SPDX-License-Identifier: Apache-2.0
/* One table of open files for all processes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jail.h"
#include "target/files.h"
#include "target/maps.h"

struct fixture {
	struct files *files;
	char dir[64], path[80];
};

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->dir, "/tmp/test-files-XXXXXX");
	if (!mkdtemp(fixture->dir))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/file", fixture->dir);
	write_file(fixture->path, "before");
	fixture->files = files__new();
	*state = fixture;
	return fixture->files ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	files__free(fixture->files);
	unlink(fixture->path);
	rmdir(fixture->dir);
	free(fixture);
	return 0;
}

static size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static struct elf_file *share_as(struct fixture *fixture, const char *name, struct root *root)
{
	int fd = open(fixture->path, O_RDONLY | O_CLOEXEC);
	struct elf_file *file;

	assert_true(fd >= 0);
	file = elf_file__open(fd, name);
	assert_non_null(file);
	file = files__share(fixture->files, file, root);
	assert_non_null(file);
	return file;
}

static struct elf_file *share(struct fixture *fixture)
{
	return share_as(fixture, "name", NULL);
}

static void put(struct elf_file *a, struct elf_file *b)
{
	elf_file__put(a);
	elf_file__put(b);
}

static void what_is_equal_is_open_once(void **state)
{
	struct elf_file *a = share(*state), *b;
	size_t before = open_descriptors();

	b = share(*state);
	assert_ptr_equal(a, b);
	assert_int_equal(open_descriptors(), before);
	assert_string_equal(elf_file__name(a), "name");
	put(a, b);
}

static void what_was_written_to_is_another_file(void **state)
{
	struct fixture *fixture = *state;
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct elf_file *a = share(fixture), *b, *c;

	write_file(fixture->path, "longer than before");
	b = share(fixture);
	assert_ptr_not_equal(a, b);
	assert_int_equal(utimensat(AT_FDCWD, fixture->path, times, 0), 0);
	c = share(fixture);
	assert_ptr_not_equal(b, c);
	elf_file__put(c);
	put(a, b);
}

static struct elf_file *find(struct fixture *fixture, char *name, const struct root *root)
{
	struct map_line line = {.path = name};
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	line.device = st.st_dev;
	line.inode = st.st_ino;
	return files__find(fixture->files, &line, root);
}

static void what_is_there_is_found_without_being_opened(void **state)
{
	struct fixture *fixture = *state;
	char name[] = "name", other[] = "other";
	struct elf_file *a, *b;

	assert_null(find(fixture, name, NULL));
	a = share(fixture);
	b = find(fixture, name, NULL);
	assert_ptr_equal(a, b);
	elf_file__put(b);
	assert_null(find(fixture, other, NULL));
	write_file(fixture->path, "longer than before");
	assert_null(find(fixture, name, NULL));
	b = share(fixture);
	put(find(fixture, name, NULL), b);
	elf_file__put(a);
	files__drop_unused(fixture->files);
	assert_null(find(fixture, name, NULL));
}

static void what_has_another_inode_is_another_file(void **state)
{
	struct fixture *fixture = *state;
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct elf_file *a, *b;

	utimensat(AT_FDCWD, fixture->path, times, 0);
	a = share(fixture);
	unlink(fixture->path);
	write_file(fixture->path, "before");
	utimensat(AT_FDCWD, fixture->path, times, 0);
	b = share(fixture);
	assert_ptr_not_equal(a, b);
	put(a, b);
}

static void what_has_another_name_is_another_file(void **state)
{
	struct elf_file *a = share_as(*state, "name", NULL), *b = share_as(*state, "names", NULL);

	assert_ptr_not_equal(a, b);
	assert_string_equal(elf_file__name(a), "name");
	assert_string_equal(elf_file__name(b), "names");
	put(a, b);
}

static void equal_roots_are_one_and_take_one_descriptor(void **state)
{
	struct root *root = root__own(), *again = root__own();
	struct elf_file *a = share_as(*state, "a", root), *b;
	size_t before = open_descriptors();

	assert_ptr_equal(share_as(*state, "a", again), a);
	elf_file__put(a);
	b = share_as(*state, "b", again);
	assert_ptr_equal(elf_file__root(a), root);
	assert_ptr_equal(elf_file__root(b), root);
	root__put(again);
	/* The file of another name, and not the other root. */
	assert_int_equal(open_descriptors(), before);
	root__put(root);
	put(a, b);
}

static void what_is_in_another_root_is_another_file(void **state)
{
	struct fixture *fixture = *state;
	pid_t jailed = jail__start(fixture->dir);
	struct root *inside = root__open(jailed), *own = root__own();
	struct elf_file *a, *b, *c;

	assert_non_null(inside);
	a = share_as(fixture, "name", own);
	b = share_as(fixture, "name", inside);
	c = share_as(fixture, "name", NULL);
	assert_ptr_not_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_ptr_not_equal(b, c);
	assert_ptr_equal(elf_file__root(b), inside);
	assert_null(elf_file__root(c));
	put(a, b);
	elf_file__put(c);
	root__put(own);
	root__put(inside);
	jail__end(jailed);
}

static void only_what_nobody_uses_is_closed(void **state)
{
	struct fixture *fixture = *state;
	size_t before = open_descriptors();
	struct root *root = root__own();
	struct elf_file *used = share_as(fixture, "used", NULL);
	struct elf_file *unused = share_as(fixture, "unused", root);

	elf_file__put(unused);
	root__put(root);
	assert_int_equal(open_descriptors(), before + 3);
	files__drop_unused(fixture->files);
	assert_int_equal(open_descriptors(), before + 1);
	assert_ptr_equal(share_as(fixture, "used", NULL), used);
	put(used, used);
	files__drop_unused(fixture->files);
	assert_int_equal(open_descriptors(), before);
}

static void tending_drops_what_is_unused(void **state)
{
	struct fixture *fixture = *state;
	size_t before = open_descriptors();

	elf_file__put(share(fixture));
	files__tend(fixture->files);
	assert_int_equal(open_descriptors(), before);
	/* Not again at once. */
	elf_file__put(share(fixture));
	files__tend(fixture->files);
	assert_int_equal(open_descriptors(), before + 1);
}

static void a_file_outlives_the_table(void **state)
{
	struct fixture *fixture = *state;
	struct elf_file *file = share(fixture);
	char bytes[6];

	files__free(fixture->files);
	fixture->files = NULL;
	assert_int_equal(elf_file__read(file, 0, bytes, sizeof(bytes)), sizeof(bytes));
	elf_file__put(file);
}

static void there_is_one_vdso(void **state)
{
	struct fixture *fixture = *state;
	struct elf_file *a = files__vdso(fixture->files), *b = files__vdso(fixture->files);

	assert_non_null(a);
	assert_ptr_equal(a, b);
	put(a, b);
}

static void a_bad_descriptor_is_refused(void **state)
{
	struct fixture *fixture = *state;
	int fd = open(fixture->path, O_RDONLY | O_CLOEXEC);

	close(fd);
	assert_null(files__share(fixture->files, elf_file__open(fd, "name"), NULL));
	assert_int_equal(errno, EBADF);
}

/* What exoprof says while `act` runs: the caller's to free. */
static char *said(void (*act)(struct fixture *fixture), struct fixture *fixture)
{
	int former = dup(STDERR_FILENO), fds[2];
	char *text = calloc(1, 4096);

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	dup2(fds[1], STDERR_FILENO);
	act(fixture);
	dup2(former, STDERR_FILENO);
	if (read(fds[0], text, 4095) < 0)
		assert_int_equal(errno, EAGAIN);
	close(former);
	close(fds[0]);
	close(fds[1]);
	return text;
}

static void fail_and_tend(struct fixture *fixture)
{
	files__note_failure(fixture->files, -EACCES);
	files__note_failure(fixture->files, -EMFILE);
	files__note_failure(fixture->files, -ENFILE);
	files__tend(fixture->files);
	files__tend(fixture->files);
}

static void only_fail(struct fixture *fixture)
{
	files__note_failure(fixture->files, -EMFILE);
	files__free(fixture->files);
	fixture->files = NULL;
}

static void a_want_of_descriptors_is_said_with_what_to_do(void **state)
{
	char *text = said(fail_and_tend, *state);

	assert_non_null(strstr(text, "2 times"));
	assert_non_null(strstr(text, "ulimit -n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	free(text);
	text = said(only_fail, *state);
	assert_non_null(strstr(text, "3 times"));
	free(text);
}

static void fail_tend_and_free(struct fixture *fixture)
{
	fail_and_tend(fixture);
	files__free(fixture->files);
	fixture->files = NULL;
}

static void what_was_said_is_not_said_again(void **state)
{
	char *text = said(fail_tend_and_free, *state);

	assert_non_null(strchr(text, '\n'));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	free(text);
}

static void fail_otherwise(struct fixture *fixture)
{
	files__note_failure(fixture->files, -EACCES);
	files__free(fixture->files);
	fixture->files = NULL;
}

static void other_failures_are_not(void **state)
{
	char *text = said(fail_otherwise, *state);

	assert_string_equal(text, "");
	free(text);
}

/* Two processes with the same program and libraries. */
static void processes_share_their_files(void **state)
{
	struct fixture *fixture = *state;
	pid_t pids[] = {jail__start("/"), jail__start("/")};
	struct process *processes[] = {process__open(pids[0]), process__open(pids[1])};
	struct maps *first = maps__read(processes[0], fixture->files, NULL), *second;
	size_t before = open_descriptors();

	assert_non_null(first);
	second = maps__read(processes[1], fixture->files, NULL);
	assert_non_null(second);
	assert_int_equal(open_descriptors(), before);
	assert_true(maps__equal(first, second));
	maps__put(first);
	maps__put(second);
	for (size_t i = 0; i < 2; i++) {
		process__close(processes[i]);
		jail__end(pids[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_equal_is_open_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_there_is_found_without_being_opened, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_was_written_to_is_another_file, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_has_another_inode_is_another_file, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_has_another_name_is_another_file, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(equal_roots_are_one_and_take_one_descriptor, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_in_another_root_is_another_file, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(only_what_nobody_uses_is_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tending_drops_what_is_unused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_outlives_the_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(there_is_one_vdso, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bad_descriptor_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_want_of_descriptors_is_said_with_what_to_do,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_said_is_not_said_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_failures_are_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(processes_share_their_files, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
