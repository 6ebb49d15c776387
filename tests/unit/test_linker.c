// SPDX-License-Identifier: Apache-2.0
/* The order in which a dynamic linker looks symbols up: of real processes, and in made-up memory.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/launch.h"
#include "target/linker.h"
#include "target/maps.h"

/* Comes with libc, and nothing of ours needs it. */
#define EXTRA_LIBRARY "libanl.so.1"

#define PAGE          4096L

static int list_biases(struct dl_phdr_info *info, size_t size, void *context)
{
	struct linker_order *order = context;

	(void)size;
	order->biases = realloc(order->biases, (order->count + 1) * sizeof(*order->biases));
	order->biases[order->count++] = info->dlpi_addr;
	return 0;
}

static void assert_order_is_our_linkers(pid_t pid)
{
	struct linker_order expected = {}, order;

	dl_iterate_phdr(list_biases, &expected);
	assert_true(expected.count > 3);
	assert_int_equal(linker__order(pid, &order), 0);
	assert_int_equal(order.count, expected.count);
	assert_memory_equal(order.biases, expected.biases, order.count * sizeof(*order.biases));
	linker__release(&order);
	linker__release(&expected);
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static pid_t fork_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

/* cat with this in LD_PRELOAD, when its linker is done: it has given back the byte sent to it. */
static pid_t start_cat(const char *preload)
{
	int in[2], out[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(in) | pipe(out), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("LD_PRELOAD", preload, 1);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execlp("cat", "cat", NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(write(in[1], "x", 1), 1);
	close(out[1]);
	assert_int_equal(read(out[0], &byte, 1), 1);
	close(in[0]);
	close(out[0]);
	/* The end it waits on stays open. */
	return pid;
}

/* The rank of the file whose code is mapped under a name that has this in it. */
static size_t rank_of(pid_t pid, const char *name)
{
	struct process *process = process__open(pid);
	struct files *files = files__new();
	struct maps *maps = maps__read(process, files, NULL);
	struct linker_order order;
	size_t rank = SIZE_MAX;
	uint64_t bias;

	assert_non_null(maps);
	assert_int_equal(linker__order(pid, &order), 0);
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];

		if (name ? !strstr(mapping->name, name) : !mapping->is_main)
			continue;
		assert_true(mapping__bias(mapping, &bias));
		rank = linker__rank(&order, bias);
	}
	linker__release(&order);
	maps__put(maps);
	files__free(files);
	process__close(process);
	return rank;
}

static void our_own_order_is_that_of_dl_iterate_phdr(void **state)
{
	(void)state;
	assert_order_is_our_linkers(getpid());
}

static void a_childs_order_is_its_parents(void **state)
{
	pid_t pid = fork_child();

	(void)state;
	assert_order_is_our_linkers(pid);
	end_child(pid);
}

static void what_is_opened_later_comes_last(void **state)
{
	struct link_map *opened;
	struct linker_order before, after;

	(void)state;
	assert_null(dlopen(EXTRA_LIBRARY, RTLD_NOW | RTLD_NOLOAD));
	assert_int_equal(linker__order(getpid(), &before), 0);
	opened = dlopen(EXTRA_LIBRARY, RTLD_NOW);
	assert_non_null(opened);
	assert_int_equal(linker__order(getpid(), &after), 0);
	assert_int_equal(after.count, before.count + 1);
	assert_int_equal(linker__rank(&before, opened->l_addr), SIZE_MAX);
	assert_int_equal(linker__rank(&after, opened->l_addr), before.count);
	dlclose(opened);
	linker__release(&before);
	linker__release(&after);
}

static void the_program_comes_first_then_preloads_then_libc(void **state)
{
	pid_t pid = start_cat(EXTRA_LIBRARY);

	(void)state;
	assert_int_equal(rank_of(pid, NULL), 0);
	assert_true(rank_of(pid, "/libanl.so") < rank_of(pid, "/libc.so"));
	assert_int_not_equal(rank_of(pid, "/libc.so"), SIZE_MAX);
	assert_int_not_equal(rank_of(pid, "/ld-linux"), SIZE_MAX);
	assert_int_not_equal(rank_of(pid, "[vdso]"), SIZE_MAX);
	end_child(pid);
}

static void a_linker_that_has_not_begun_has_no_order(void **state)
{
	char *command[] = {"cat", NULL};
	struct linker_order order;
	struct launch_inherited inherited;
	pid_t pid;

	(void)state;
	sigemptyset(&inherited.mask);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &inherited.descriptors), 0);
	pid = launch__start(command, &inherited);
	assert_true(pid > 0);
	assert_int_equal(linker__order(pid, &order), -ENOENT);
	assert_int_equal(order.count, 0);
	end_child(pid);
}

static void a_process_that_is_gone_has_no_order(void **state)
{
	struct linker_order order = {(uint64_t *)1, 1};
	pid_t pid = fork_child();
	siginfo_t info;
	int err;

	(void)state;
	kill(pid, SIGKILL);
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	err = linker__order(pid, &order);
	/* Of what is left of it, only root may read. */
	assert_true(err == -ESRCH || err == -EACCES);
	assert_null(order.biases);
	waitpid(pid, NULL, 0);
	order = (struct linker_order){(uint64_t *)1, 1};
	assert_int_equal(linker__order(pid, &order), -ESRCH);
	assert_null(order.biases);
}

static size_t count_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void no_descriptor_is_left_open(void **state)
{
	size_t before = count_descriptors();
	struct linker_order order;

	(void)state;
	assert_int_equal(linker__order(getpid(), &order), 0);
	assert_int_equal(count_descriptors(), before);
	linker__release(&order);
}

/* --- made-up memory: a program at 0x1000, whose headers say 0x800 --- */

#define BASE         0x1000
#define BIAS         0x800
#define DYNAMIC_SIZE 600

struct world {
	Elf64_Phdr headers[4];
	Elf64_Dyn dynamic[DYNAMIC_SIZE];
	struct r_debug debug;
	struct link_map objects[3];
	unsigned char guard[8]; /* no access */
	bool is_endless;        /* wherever one reads, there is an object that leads to another */
	uint64_t reads;
};

#define READABLE   offsetof(struct world, guard)
#define AT(member) (BASE + offsetof(struct world, member))

static int read_world(void *context, uint64_t address, void *buffer, size_t size)
{
	struct world *world = context;
	struct link_map object = {};

	world->reads++;
	if (world->is_endless && address >= AT(objects)) {
		object.l_prev = (void *)(address == AT(objects) ? 0 : address - sizeof(object));
		object.l_next = (void *)(address + sizeof(object));
		memcpy(buffer, &object, size);
		return 0;
	}
	if (address < BASE || address - BASE > READABLE || READABLE - (address - BASE) < size)
		return -EBADMSG;
	memcpy(buffer, (char *)world + (address - BASE), size);
	return 0;
}

static void link_objects(struct world *world, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		world->objects[i].l_addr = BIAS + 0x100000 * i;
		world->objects[i].l_prev = (void *)(i ? AT(objects[i - 1]) : 0);
		world->objects[i].l_next = (void *)(i + 1 < count ? AT(objects[i + 1]) : 0);
		/* What nobody has to look at. */
		world->objects[i].l_name = (void *)-1;
		world->objects[i].l_ld = (void *)-1;
	}
}

static struct world make_world(void)
{
	struct world world = {
		.headers = {{.p_type = PT_LOAD, .p_vaddr = 0xbad},
			    {.p_type = PT_DYNAMIC, .p_vaddr = AT(dynamic) - BIAS},
			    {.p_type = PT_PHDR, .p_vaddr = AT(headers) - BIAS},
			    {.p_type = PT_INTERP, .p_vaddr = 0xbad}},
		.dynamic = {{.d_tag = DT_NEEDED, .d_un.d_val = 1},
			    {.d_tag = DT_DEBUG, .d_un.d_ptr = AT(debug)},
			    {.d_tag = DT_NULL}},
		.debug = {.r_version = 1, .r_map = (void *)AT(objects)                                   },
	};

	link_objects(&world, 3);
	return world;
}

static const struct linker_program made_program = {AT(headers), 4, sizeof(Elf64_Phdr)};

static int walk_as(struct world *world, struct linker_program program, struct linker_order *order)
{
	struct linker_memory memory = {.read = read_world, .context = world};

	return linker__walk(&memory, &program, order);
}

static void assert_walk(struct world *world, int err)
{
	struct linker_order order;

	assert_int_equal(walk_as(world, made_program, &order), err);
	assert_int_equal(order.count, 0);
	assert_null(order.biases);
}

static void a_good_list_is_read_in_its_order(void **state)
{
	struct world world = make_world();
	struct linker_order order;

	(void)state;
	assert_int_equal(walk_as(&world, made_program, &order), 0);
	assert_int_equal(order.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(order.biases[i], BIAS + 0x100000 * i);
		assert_int_equal(linker__rank(&order, BIAS + 0x100000 * i), i);
	}
	assert_int_equal(linker__rank(&order, 0), SIZE_MAX);
	linker__release(&order);
	assert_int_equal(linker__rank(&order, BIAS), SIZE_MAX);
}

static void the_bias_is_0_without_a_header_of_the_headers(void **state)
{
	struct world world = make_world();
	struct linker_order order;

	(void)state;
	world.headers[1].p_vaddr = AT(dynamic);
	world.headers[2].p_type = PT_NULL;
	assert_int_equal(walk_as(&world, made_program, &order), 0);
	assert_int_equal(order.count, 3);
	linker__release(&order);
}

static void a_static_program_has_no_order(void **state)
{
	struct world world = make_world();

	(void)state;
	world.headers[3].p_type = PT_NULL;
	assert_walk(&world, -ENOENT);
	world = make_world();
	world.headers[1].p_type = PT_NULL;
	assert_walk(&world, -ENOENT);
}

static void without_a_pointer_for_debuggers_there_is_no_order(void **state)
{
	struct world world = make_world();

	(void)state;
	world.dynamic[1].d_tag = DT_NEEDED;
	assert_walk(&world, -ENOENT);
	world = make_world();
	world.dynamic[0].d_tag = DT_NULL;
	assert_walk(&world, -ENOENT);
}

static void a_linker_that_has_not_filled_it_in_has_no_order(void **state)
{
	struct world world = make_world();

	(void)state;
	world.dynamic[1].d_un.d_ptr = 0;
	assert_walk(&world, -ENOENT);
	world = make_world();
	world.debug.r_map = NULL;
	assert_walk(&world, -ENOENT);
}

static void a_dynamic_section_without_end_is_refused(void **state)
{
	struct world world = make_world();

	(void)state;
	for (size_t i = 0; i < DYNAMIC_SIZE; i++)
		world.dynamic[i] = (Elf64_Dyn){.d_tag = DT_NEEDED};
	world.dynamic[DYNAMIC_SIZE - 1].d_tag = DT_NULL;
	assert_walk(&world, -EBADMSG);
	assert_true(world.reads <= 1 + 512);
}

static void a_cycle_is_refused(void **state)
{
	struct world world = make_world();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		world.objects[2].l_next = (void *)AT(objects[i]);
		world.reads = 0;
		assert_walk(&world, -EBADMSG);
		/* Headers, two entries, r_debug, three objects, the first again. */
		assert_int_equal(world.reads, 8);
	}
}

static void an_object_that_was_unloaded_is_refused(void **state)
{
	struct world world = make_world();

	(void)state;
	world.objects[2].l_prev = (void *)AT(objects[0]);
	assert_walk(&world, -EBADMSG);
	world = make_world();
	world.objects[0].l_prev = (void *)AT(objects[2]);
	assert_walk(&world, -EBADMSG);
}

static void a_list_without_end_is_refused(void **state)
{
	struct world world = make_world();

	(void)state;
	world.is_endless = true;
	assert_walk(&world, -EBADMSG);
	assert_int_equal(world.reads, 4 + 16384);
}

static void what_cannot_be_read_is_refused(void **state)
{
	static const uint64_t bad[] = {1,         BASE - 1,  AT(guard) - 8,
				       AT(guard), INT64_MAX, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct linker_program program = made_program;
		struct world world = make_world();
		struct linker_order order;

		world.objects[1].l_next = (void *)bad[i];
		assert_walk(&world, -EBADMSG);
		world.debug.r_map = (void *)bad[i];
		assert_walk(&world, -EBADMSG);
		world.dynamic[1].d_un.d_ptr = bad[i];
		assert_walk(&world, -EBADMSG);
		world.headers[1].p_vaddr = bad[i] - BIAS;
		assert_walk(&world, -EBADMSG);
		program.phdr = bad[i];
		assert_int_equal(walk_as(&world, program, &order), -EBADMSG);
		assert_null(order.biases);
	}
}

static void headers_of_another_size_are_refused(void **state)
{
	static const uint64_t sizes[] = {
		0, 1, 32, sizeof(Elf64_Phdr) - 1, sizeof(Elf64_Phdr) + 1, UINT64_MAX};
	struct linker_program program = made_program;
	struct world world = make_world();
	struct linker_order order;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		program.phent = sizes[i];
		assert_int_equal(walk_as(&world, program, &order), -EBADMSG);
		assert_null(order.biases);
	}
	assert_int_equal(world.reads, 0);
}

static void too_many_headers_are_refused(void **state)
{
	static const uint64_t counts[] = {65, 65535, UINT64_MAX / sizeof(Elf64_Phdr) + 2,
					  UINT64_MAX};
	struct linker_program program = made_program;
	struct world world = make_world();
	struct linker_order order;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		program.phnum = counts[i];
		assert_int_equal(walk_as(&world, program, &order), -EBADMSG);
		assert_null(order.biases);
	}
	assert_int_equal(world.reads, 0);
	/* So many are fine; in this world, what lies behind the headers are no such headers. */
	program.phnum = 64;
	assert_int_equal(walk_as(&world, program, &order), 0);
	linker__release(&order);
}

static void lead_nowhere(uint64_t address)
{
	_r_debug.r_map->l_next = (void *)address;
}

/* Puts so much of struct r_debug at the end of a mapping. */
static void cut_off(uint64_t size)
{
	char *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *cut = pages + PAGE - size;
	ElfW(Dyn) *entry = _DYNAMIC;

	munmap(pages + PAGE, PAGE);
	memcpy(cut, &_r_debug, size);
	while (entry->d_tag != DT_DEBUG)
		entry++;
	/* The linker has made it read-only. */
	mprotect((void *)((uintptr_t)entry & -PAGE), 2 * PAGE, PROT_READ | PROT_WRITE);
	entry->d_un.d_ptr = (uintptr_t)cut;
}

/* What the child does to its linker's list, it does to its own copy. */
static void assert_order_after(void (*damage)(uint64_t), uint64_t argument, int err)
{
	struct linker_order order;
	int status;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		damage(argument);
		raise(SIGSTOP);
		_exit(0);
	}
	assert_true(pid > 0);
	waitpid(pid, &status, WUNTRACED);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(linker__order(pid, &order), err);
	if (err)
		assert_null(order.biases);
	linker__release(&order);
	end_child(pid);
}

static void real_memory_that_is_not_there_is_refused(void **state)
{
	(void)state;
	assert_order_after(lead_nowhere, 0, 0);
	assert_order_after(lead_nowhere, 8, -EBADMSG);
	assert_order_after(lead_nowhere, INT64_MAX - 8, -EBADMSG);
	assert_order_after(lead_nowhere, UINT64_MAX - 4095, -EBADMSG);
	assert_order_after(cut_off, sizeof(struct r_debug), 0);
	assert_order_after(cut_off, sizeof(struct r_debug) - 1, -EBADMSG);
}

/* --- auxv --- */

static const Elf64_auxv_t good_auxv[] = {
	{AT_SYSINFO_EHDR, {0x7fff0000}},
	{AT_PHENT,        {56}        },
	{AT_PHDR,         {0x400040}  },
	{AT_PHNUM,        {13}        },
	{AT_NULL,         {0}         },
	{AT_PHNUM,        {99}        },
};

static void the_headers_are_where_the_kernel_says(void **state)
{
	struct linker_program program;

	(void)state;
	assert_int_equal(linker__program(good_auxv, 6, &program), 0);
	assert_int_equal(program.phdr, 0x400040);
	assert_int_equal(program.phnum, 13);
	assert_int_equal(program.phent, 56);
}

static void a_cut_auxv_is_refused(void **state)
{
	struct linker_program program;

	(void)state;
	for (size_t count = 0; count < 5; count++)
		assert_int_equal(linker__program(good_auxv, count, &program), -EBADMSG);
	assert_int_equal(linker__program(good_auxv, 5, &program), 0);
}

static void an_auxv_that_lacks_something_is_refused(void **state)
{
	struct linker_program program;

	(void)state;
	for (size_t i = 1; i < 4; i++) {
		Elf64_auxv_t auxv[6];

		memcpy(auxv, good_auxv, sizeof(auxv));
		auxv[i].a_type = AT_IGNORE;
		assert_int_equal(linker__program(auxv, 6, &program), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_order_is_that_of_dl_iterate_phdr),
		cmocka_unit_test(a_childs_order_is_its_parents),
		cmocka_unit_test(what_is_opened_later_comes_last),
		cmocka_unit_test(the_program_comes_first_then_preloads_then_libc),
		cmocka_unit_test(a_linker_that_has_not_begun_has_no_order),
		cmocka_unit_test(a_process_that_is_gone_has_no_order),
		cmocka_unit_test(no_descriptor_is_left_open),
		cmocka_unit_test(a_good_list_is_read_in_its_order),
		cmocka_unit_test(the_bias_is_0_without_a_header_of_the_headers),
		cmocka_unit_test(a_static_program_has_no_order),
		cmocka_unit_test(without_a_pointer_for_debuggers_there_is_no_order),
		cmocka_unit_test(a_linker_that_has_not_filled_it_in_has_no_order),
		cmocka_unit_test(a_dynamic_section_without_end_is_refused),
		cmocka_unit_test(a_cycle_is_refused),
		cmocka_unit_test(an_object_that_was_unloaded_is_refused),
		cmocka_unit_test(a_list_without_end_is_refused),
		cmocka_unit_test(what_cannot_be_read_is_refused),
		cmocka_unit_test(headers_of_another_size_are_refused),
		cmocka_unit_test(too_many_headers_are_refused),
		cmocka_unit_test(real_memory_that_is_not_there_is_refused),
		cmocka_unit_test(the_headers_are_where_the_kernel_says),
		cmocka_unit_test(a_cut_auxv_is_refused),
		cmocka_unit_test(an_auxv_that_lacks_something_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
