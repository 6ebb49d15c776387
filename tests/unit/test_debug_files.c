// SPDX-License-Identifier: Apache-2.0
/* Where debug files are looked for, and which are refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "debug_copies.h"
#include "jail.h"
#include "symbol/debug_files.h"

/* Instead of the program's own: a minute goes by when a test says so. */
static int64_t now_ms = 1000000;

int64_t clock__monotonic_ms(void)
{
	return now_ms;
}

int64_t clock__realtime_ns(void)
{
	return 0;
}

/* A folder of its own for each test; in it the target's file, app/program, and DIRs. */
struct fixture {
	char dir[64];
	struct bytes bytes; /* of the file, and of its debug file */
	struct elf_file *file;
	struct debug_files *files;
	char build_id[64];
};

static const char *at(const struct fixture *fixture, const char *format, ...)
{
	static char paths[4][512];
	static int turn;
	char *path = paths[turn++ % 4];
	int length = snprintf(path, sizeof(*paths), "%s/", fixture->dir);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path + length, sizeof(*paths) - length, format, arguments);
	va_end(arguments);
	return path;
}

/* DIR/.build-id/ab/cdef.debug */
static const char *by_id(const struct fixture *fixture, const char *dir)
{
	return at(fixture, "%s/.build-id/%.2s/%s.debug", dir, fixture->build_id,
		  fixture->build_id + 2);
}

static void open_program(struct fixture *fixture)
{
	const char *path = at(fixture, "app/program");
	int fd;

	save(path, fixture->bytes);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	fixture->file = elf_file__open(fd, path);
	assert_non_null(fixture->file);
	strcpy(fixture->build_id, elf_file__build_id(fixture->file));
}

static int set_up(void **state)
{
	static struct fixture fixture;
	const char *dirs[] = {fixture.dir, fixture.dir, NULL};
	char second[96];

	unsetenv("DEBUGINFOD_URLS");
	strcpy(fixture.dir, "/tmp/test_debug_files.XXXXXX");
	assert_non_null(mkdtemp(fixture.dir));
	fixture.bytes = read_own_file();
	open_program(&fixture);
	assert_int_equal(strlen(fixture.build_id), 40);
	dirs[0] = strcpy(second, at(&fixture, "first"));
	dirs[1] = at(&fixture, "second");
	fixture.files = debug_files__new(dirs);
	assert_non_null(fixture.files);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	debug_files__free(fixture->files);
	elf_file__put(fixture->file);
	free(fixture->bytes.data);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	return system(command);
}

/* A NULL path: none is found. */
static void assert_found(struct fixture *fixture, const char *debuglink, uint32_t crc,
			 const char *expected)
{
	struct debug_place place = {};
	int fd = debug_files__find(fixture->files, fixture->file, debuglink, crc, &place);

	if (expected) {
		assert_true(fd >= 0);
		assert_string_equal(place.path, expected);
		assert_non_null(place.root);
		close(fd);
	} else {
		assert_int_equal(fd, -1);
		assert_null(place.path);
	}
	free(place.path);
}

static void a_debug_file_is_found_by_build_id(void **state)
{
	struct fixture *fixture = *state;

	save(by_id(fixture, "second"), fixture->bytes);
	assert_found(fixture, NULL, 0, by_id(fixture, "second"));
	save(by_id(fixture, "first"), fixture->bytes);
	assert_found(fixture, NULL, 0, by_id(fixture, "first"));
}

static void without_any_there_is_none(void **state)
{
	struct fixture *fixture = *state;

	assert_found(fixture, NULL, 0, NULL);
	assert_found(fixture, "program.debug", 0, NULL);
}

static void a_relative_folder_is_one_from_here(void **state)
{
	struct fixture *fixture = *state;
	const char *dirs[] = {"here", NULL};
	char *before = getcwd(NULL, 0);

	debug_files__free(fixture->files);
	assert_int_equal(chdir(fixture->dir), 0);
	fixture->files = debug_files__new(dirs);
	/* And stays it. */
	assert_int_equal(chdir("/"), 0);
	save(by_id(fixture, "here"), fixture->bytes);
	assert_found(fixture, NULL, 0, by_id(fixture, "here"));
	assert_int_equal(chdir(before), 0);
	free(before);
}

static void another_build_is_refused_and_the_search_goes_on(void **state)
{
	struct fixture *fixture = *state;

	build_id_note(fixture->bytes)[20] ^= 1;
	save(by_id(fixture, "first"), fixture->bytes);
	build_id_note(fixture->bytes)[20] ^= 1;
	save(by_id(fixture, "second"), fixture->bytes);
	assert_found(fixture, NULL, 0, by_id(fixture, "second"));
}

static void what_has_no_build_id_is_refused_by_build_id(void **state)
{
	struct fixture *fixture = *state;

	build_id_note(fixture->bytes)[12] = 'g';
	save(by_id(fixture, "first"), fixture->bytes);
	assert_found(fixture, NULL, 0, NULL);
}

static void only_regular_files_are_opened(void **state)
{
	struct fixture *fixture = *state;

	save(by_id(fixture, "first"), fixture->bytes);
	unlink(by_id(fixture, "first"));
	assert_int_equal(mkfifo(by_id(fixture, "first"), 0600), 0);
	assert_found(fixture, NULL, 0, NULL);
}

static void what_is_not_elf_is_refused(void **state)
{
	struct fixture *fixture = *state;

	fixture->bytes.size = 100;
	save(by_id(fixture, "first"), fixture->bytes);
	fixture->bytes.size = 0;
	save(by_id(fixture, "second"), fixture->bytes);
	assert_found(fixture, NULL, 0, NULL);
}

static void a_link_to_the_file_itself_is_no_debug_file(void **state)
{
	struct fixture *fixture = *state;

	save(by_id(fixture, "first"), fixture->bytes);
	unlink(by_id(fixture, "first"));
	assert_int_equal(symlink(elf_file__name(fixture->file), by_id(fixture, "first")), 0);
	assert_found(fixture, NULL, 0, NULL);
}

static void a_debug_link_is_followed_beside_the_file_and_below_the_folders(void **state)
{
	struct fixture *fixture = *state;
	uint32_t crc = crc_of(fixture->bytes);
	char mirrored[256];

	save(at(fixture, "app/.debug/x.debug"), fixture->bytes);
	assert_found(fixture, "x.debug", crc, at(fixture, "app/.debug/x.debug"));
	save(at(fixture, "app/x.debug"), fixture->bytes);
	assert_found(fixture, "x.debug", crc, at(fixture, "app/x.debug"));
	snprintf(mirrored, sizeof(mirrored), "%s%s/app/x.debug", at(fixture, "second"),
		 fixture->dir);
	save(mirrored, fixture->bytes);
	assert_found(fixture, "x.debug", crc, mirrored);
}

static void a_wrong_crc_is_refused_and_the_search_goes_on(void **state)
{
	struct fixture *fixture = *state;
	uint32_t crc = crc_of(fixture->bytes);

	assert_found(fixture, "x.debug", crc ^ 1, NULL);
	save(at(fixture, "app/.debug/x.debug"), fixture->bytes);
	/* Of another file's rest. */
	fixture->bytes.data[fixture->bytes.size - 1] ^= 1;
	save(at(fixture, "app/x.debug"), fixture->bytes);
	now_ms += 60000;
	assert_found(fixture, "x.debug", crc, at(fixture, "app/.debug/x.debug"));
}

static void a_right_crc_with_another_build_id_is_refused(void **state)
{
	struct fixture *fixture = *state;

	build_id_note(fixture->bytes)[20] ^= 1;
	save(at(fixture, "app/x.debug"), fixture->bytes);
	assert_found(fixture, "x.debug", crc_of(fixture->bytes), NULL);
}

static void by_name_a_file_may_have_no_build_id(void **state)
{
	struct fixture *fixture = *state;

	build_id_note(fixture->bytes)[12] = 'g';
	save(at(fixture, "app/x.debug"), fixture->bytes);
	assert_found(fixture, "x.debug", crc_of(fixture->bytes), at(fixture, "app/x.debug"));
}

static void a_debug_link_is_a_name_and_no_path(void **state)
{
	static const char *const names[] = {
		"/x.debug", "../app/x.debug", "app/x.debug", "./x.debug", "..", ".", ""};
	struct fixture *fixture = *state;
	uint32_t crc = crc_of(fixture->bytes);

	save(at(fixture, "app/x.debug"), fixture->bytes);
	save(at(fixture, "app/app/x.debug"), fixture->bytes);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_found(fixture, names[i], crc, NULL);
	assert_found(fixture, "x.debug", crc, at(fixture, "app/x.debug"));
}

/* Sparse files are large for nothing. */
static void the_sum_of_large_files_is_not_taken(void **state)
{
	struct fixture *fixture = *state;
	uint32_t crc = crc_of(fixture->bytes);

	save(at(fixture, "app/.debug/x.debug"), fixture->bytes);
	save(at(fixture, "app/x.debug"), fixture->bytes);
	assert_int_equal(truncate(at(fixture, "app/x.debug"), 1LL << 40), 0);
	assert_found(fixture, "x.debug", crc, at(fixture, "app/.debug/x.debug"));
}

static void in_a_container_its_own_debug_files_are_used(void **state)
{
	struct fixture *fixture = *state;
	pid_t jailed = jail__start(fixture->dir);
	struct root *root = root__open(jailed);

	elf_file__set_root(fixture->file, root);
	root__put(root);
	save(at(fixture, "usr/lib/debug/app/x.debug"), fixture->bytes);
	assert_found(fixture, "x.debug", crc_of(fixture->bytes), "/usr/lib/debug/app/x.debug");
	save(by_id(fixture, "usr/lib/debug"), fixture->bytes);
	assert_found(fixture, NULL, 0, by_id(fixture, "usr/lib/debug") + strlen(fixture->dir));
	jail__end(jailed);
	assert_found(fixture, NULL, 0, by_id(fixture, "usr/lib/debug") + strlen(fixture->dir));
}

/* Its path is another file's on the host, beside which there may be something else. */
static void a_containers_path_means_nothing_on_the_host(void **state)
{
	struct fixture *fixture = *state;
	pid_t jailed = jail__start("/proc");
	struct root *root = root__open(jailed);

	elf_file__set_root(fixture->file, root);
	root__put(root);
	save(at(fixture, "app/x.debug"), fixture->bytes);
	assert_found(fixture, "x.debug", crc_of(fixture->bytes), at(fixture, "app/x.debug"));
	/* Replaced: another file is there now. */
	save(at(fixture, "app/program"), fixture->bytes);
	assert_found(fixture, "x.debug", crc_of(fixture->bytes), NULL);
	jail__end(jailed);
}

static void a_failure_is_remembered_for_a_minute(void **state)
{
	struct fixture *fixture = *state;

	assert_found(fixture, NULL, 0, NULL);
	save(by_id(fixture, "first"), fixture->bytes);
	now_ms += 59999;
	assert_found(fixture, NULL, 0, NULL);
	assert_false(debug_files__has_arrived(fixture->files, fixture->file));
	now_ms += 1;
	assert_found(fixture, NULL, 0, by_id(fixture, "first"));
}

static void what_is_installed_later_arrives_once(void **state)
{
	struct fixture *fixture = *state;
	uint32_t crc = crc_of(fixture->bytes);

	/* Nobody has asked. */
	assert_false(debug_files__has_arrived(fixture->files, fixture->file));
	assert_found(fixture, "x.debug", crc, NULL);
	now_ms += 60000;
	assert_false(debug_files__has_arrived(fixture->files, fixture->file));
	save(at(fixture, "app/x.debug"), fixture->bytes);
	assert_false(debug_files__has_arrived(fixture->files, fixture->file));
	now_ms += 60000;
	assert_true(debug_files__has_arrived(fixture->files, fixture->file));
	assert_false(debug_files__has_arrived(fixture->files, fixture->file));
	assert_found(fixture, "x.debug", crc, at(fixture, "app/x.debug"));
	now_ms += 60000;
	assert_false(debug_files__has_arrived(fixture->files, fixture->file));
}

static void many_failures_are_remembered_within_bounds(void **state)
{
	struct fixture *fixture = *state;
	struct bytes empty = {.data = fixture->bytes.data, .size = 1};

	assert_found(fixture, NULL, 0, NULL);
	save(by_id(fixture, "first"), fixture->bytes);
	assert_found(fixture, NULL, 0, NULL);
	for (int i = 0; i < 5000; i++) {
		struct debug_place place = {};
		struct elf_file *file;

		save(at(fixture, "app/file"), empty);
		file = elf_file__open(open(at(fixture, "app/file"), O_RDONLY | O_CLOEXEC), "/x");
		assert_int_equal(debug_files__find(fixture->files, file, "x.debug", 0, &place), -1);
		rename(at(fixture, "app/file"), at(fixture, "app/file%d", i));
		elf_file__put(file);
	}
	/* Forgotten, with all the others. */
	assert_found(fixture, NULL, 0, by_id(fixture, "first"));
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(a_debug_file_is_found_by_build_id),
		FRESH(without_any_there_is_none),
		FRESH(a_relative_folder_is_one_from_here),
		FRESH(another_build_is_refused_and_the_search_goes_on),
		FRESH(what_has_no_build_id_is_refused_by_build_id),
		FRESH(only_regular_files_are_opened),
		FRESH(what_is_not_elf_is_refused),
		FRESH(a_link_to_the_file_itself_is_no_debug_file),
		FRESH(a_debug_link_is_followed_beside_the_file_and_below_the_folders),
		FRESH(a_wrong_crc_is_refused_and_the_search_goes_on),
		FRESH(a_right_crc_with_another_build_id_is_refused),
		FRESH(by_name_a_file_may_have_no_build_id),
		FRESH(a_debug_link_is_a_name_and_no_path),
		FRESH(the_sum_of_large_files_is_not_taken),
		FRESH(in_a_container_its_own_debug_files_are_used),
		FRESH(a_containers_path_means_nothing_on_the_host),
		FRESH(a_failure_is_remembered_for_a_minute),
		FRESH(what_is_installed_later_arrives_once),
		FRESH(many_failures_are_remembered_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
