/* SPDX-License-Identifier: Apache-2.0 */
/* Does much of one thing, beside a thread whose shares of CPU time are known (burn_a 3, burn_b 1)
 * and allocations that are counted. What comes on stdin moves it: 'g' begins, 's' ends what it does
 * and says its books, anything else how far it is. Usage: pressure MODE
 *   threads N         that many threads that wait in site_waits
 *   births            a thousand threads a second, each allocates in site_born
 *   mappings N LIB    as many copies of the library, each burns and allocates, and as many pages of
 *                     code that no file has
 *   loads LIB...      loads and unloads them, one after the other; each burns and allocates
 *   different N LIB   as many copies, of which no two have the same build ID
 *   plugins MS LIB    loads and unloads copies of the library, each for so long, of which no two
 *                     have the same build ID
 *   forks             children that end at once
 *   stacks N          as many different stacks, each allocates
 *   blocks N          as many blocks in use
 *   execs N           executes itself again and again; this is the N'th time */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "busy.h"

/* About a third of a millisecond. */
#define ROUND       100000
#define STACK_BYTES 16384
#define SIZE        100
#define AT_A_TIME   10

static volatile uint64_t sink;
static void *volatile kept;
static atomic_ulong cycles, done, allocated;
static atomic_bool is_on, is_over;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static char **arguments;
static int argument_count;

BUSY_FUNCTION(burn_a)
BUSY_FUNCTION(burn_b)

static void start_thread(void *(*run)(void *), pthread_t *thread)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(thread, &attributes, run, NULL)) {
		perror("pthread_create");
		exit(1);
	}
	pthread_attr_destroy(&attributes);
}

APART static void *site_waits(void *unused)
{
	pthread_mutex_lock(&gate);
	for (;;)
		pthread_cond_wait(&never, &gate);
	return unused;
}

static void run_threads(void)
{
	long count = atol(arguments[0]);
	pthread_t thread;

	for (long i = 0; i < count; i++, done++)
		start_thread(site_waits, &thread);
}

APART static void *site_born(void *unused)
{
	kept = malloc(SIZE);
	allocated++;
	sink += burn_a(1000);
	return unused;
}

static void births(void)
{
	pthread_t threads[AT_A_TIME];

	for (int i = 0; i < AT_A_TIME; i++)
		start_thread(site_born, &threads[i]);
	for (int i = 0; i < AT_A_TIME; i++, done++)
		pthread_join(threads[i], NULL);
	usleep(AT_A_TIME * 900);
}

/* Of tests/targets/pressure/library.c. */
typedef uint64_t (*lib_burn_function)(uint64_t rounds);
typedef void *(*lib_allocate_function)(size_t size);

static void *load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return library;
}

APART static void site_library(void *library)
{
	lib_burn_function burn = (lib_burn_function)(uintptr_t)dlsym(library, "lib_burn");
	lib_allocate_function allocate =
		(lib_allocate_function)(uintptr_t)dlsym(library, "lib_allocate");

	sink += burn(ROUND);
	kept = allocate(SIZE);
	allocated++;
}

static void copy(const char *from, const char *to)
{
	static char bytes[1 << 20];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t size = read(in, bytes, sizeof(bytes));

	if (size <= 0 || write(out, bytes, size) != size)
		exit(1);
	close(in);
	close(out);
}

/* Writes over the file's build ID what nobody else does. */
static void mark_file(const char *path)
{
	static const char note[] = "\x14\0\0\0\x03\0\0\0GNU"; /* size, type, name */
	static uint32_t marks;
	uint32_t mark[2] = {getpid(), marks++};
	static char bytes[1 << 20];
	int fd = open(path, O_RDWR);
	ssize_t size = read(fd, bytes, sizeof(bytes));
	char *found = size > 0 ? memmem(bytes, size, note, sizeof(note)) : NULL;

	if (!found || pwrite(fd, mark, sizeof(mark), found + sizeof(note) - bytes) < 0)
		exit(1);
	close(fd);
}

/* Every other page, so that the kernel does not make one mapping of them. */
static void map_pages(long count)
{
	char *pages =
		mmap(NULL, 2 * count * STACK_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (long i = 0; i < count; i++)
		mprotect(pages + 2 * i * STACK_BYTES, STACK_BYTES, PROT_READ | PROT_EXEC);
}

static void **libraries;
static long library_count;

static void map_copies(bool are_different)
{
	char path[64];

	library_count = atol(arguments[0]);
	libraries = calloc(library_count, sizeof(*libraries));
	for (long i = 0; i < library_count; i++) {
		snprintf(path, sizeof(path), "./copy-%ld.so", i);
		copy(arguments[1], path);
		if (are_different)
			mark_file(path);
		libraries[i] = load(path);
		unlink(path);
	}
}

static void map_libraries(void)
{
	map_copies(false);
	map_pages(library_count);
}

static void map_different(void)
{
	map_copies(true);
}

static void use_libraries(void)
{
	site_library(libraries[done++ % library_count]);
}

static void loads(void)
{
	void *library = load(arguments[done++ % argument_count]);

	site_library(library);
	dlclose(library);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static void plugins(void)
{
	uint64_t end_ms = now_ms() + atol(arguments[0]);
	char path[64];
	void *library;

	snprintf(path, sizeof(path), "./plugin-%d-%lu.so", getpid(), done++);
	copy(arguments[1], path);
	mark_file(path);
	library = load(path);
	while (now_ms() < end_ms)
		site_library(library);
	dlclose(library);
	unlink(path);
}

static void forks(void)
{
	pid_t child = fork();

	if (child < 0)
		exit(1);
	if (!child) {
		sink += burn_b(ROUND);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	done++;
}

/* Which of two functions calls, level by level, is a number's bits. */
APART static void *right(unsigned long bits, int levels);

APART static void *left(unsigned long bits, int levels)
{
	void *block;

	if (!levels)
		block = malloc(SIZE);
	else if (bits & 1)
		block = right(bits >> 1, levels - 1);
	else
		block = left(bits >> 1, levels - 1);
	NEEDS_FRAME();
	return block;
}

APART static void *right(unsigned long bits, int levels)
{
	void *block;

	if (!levels)
		block = malloc(SIZE);
	else if (bits & 1)
		block = right(bits >> 1, levels - 1);
	else
		block = left(bits >> 1, levels - 1);
	NEEDS_FRAME();
	return block;
}

#define LEVELS 24

static void stacks(void)
{
	if (done >= (unsigned long)atol(arguments[0])) {
		usleep(1000);
		return;
	}
	kept = left(done++, LEVELS);
	allocated++;
}

APART static void site_blocks(void)
{
	kept = malloc(SIZE);
	allocated++;
}

static void blocks(void)
{
	if (done >= (unsigned long)atol(arguments[0])) {
		usleep(1000);
		return;
	}
	site_blocks();
	done++;
}

static void again(void)
{
	char count[32];

	sink += burn_b(10 * ROUND);
	snprintf(count, sizeof(count), "%ld", atol(arguments[0]) + 1);
	execl("/proc/self/exe", "pressure", "execs", count, NULL);
	exit(1);
}

static void nothing(void)
{
	usleep(1000);
}

static const struct mode {
	const char *name;
	void (*prepare)(void);
	void (*step)(void); /* again and again, once it has begun */
} modes[] = {
	{"threads",   run_threads,   nothing      },
	{"births",    NULL,          births       },
	{"mappings",  map_libraries, use_libraries},
	{"loads",     NULL,          loads        },
	{"different", map_different, use_libraries},
	{"plugins",   NULL,          plugins      },
	{"forks",     NULL,          forks        },
	{"stacks",    NULL,          stacks       },
	{"blocks",    NULL,          blocks       },
};

static const struct mode *mode;

static void *steps(void *unused)
{
	while (!is_over) {
		if (is_on)
			mode->step();
		else
			usleep(1000);
	}
	printf("done %lu\nallocated %lu %lu\nend\n", done, allocated, allocated * SIZE);
	fflush(stdout);
	return unused;
}

static void *listen_to_stdin(void *unused)
{
	char command;

	while (read(0, &command, 1) == 1) {
		if (command == 'g')
			is_on = true;
		else if (command == 's')
			is_over = true;
		else
			printf("cycles %lu, done %lu\n", cycles, done);
		fflush(stdout);
	}
	return unused;
}

static void choose(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (!strcmp(modes[i].name, name))
			mode = &modes[i];
	}
	if (!mode)
		exit(2);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 2)
		return 2;
	arguments = argv + 2;
	argument_count = argc - 2;
	if (!strcmp(argv[1], "execs")) {
		printf("%s\n", !atol(arguments[0]) ? "ready" : arguments[0]);
		fflush(stdout);
		again();
	}
	choose(argv[1]);
	if (mode->prepare)
		mode->prepare();
	start_thread(steps, &thread);
	start_thread(listen_to_stdin, &thread);
	puts("ready");
	fflush(stdout);
	for (;; cycles++) {
		sink += burn_a(3 * ROUND);
		sink += burn_b(ROUND);
	}
}
