// SPDX-License-Identifier: Apache-2.0
#include "symbol/debuginfod.h"

#include <dlfcn.h>
#include <elfutils/debuginfod.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/intern.h"
#include "privilege/sandbox.h"
#include "target/root.h"

/* A debug file of 1.5 GB (a browser's) takes that long at 40 Mbit/s. */
#define TIME_MAX_MS    (INT64_C(5) * 60 * 1000)
#define SIZE_MAX_BYTES (2ULL << 30)

/* What a program with all its libraries asks for at once. */
#define WAITING_MAX    64

/* What is kept in mind; then all of it is forgotten, and found in the client's cache. */
#define FILES_MAX      4096

/* As long as the client itself remembers by default that a server has no such file. */
#define ABSENT_MS      (INT64_C(10) * 60 * 1000)

/* The client looks whether it is to stop once a second. */
#define STOP_S         3

struct client_library {
	typeof(debuginfod_begin) *begin;
	typeof(debuginfod_end) *end;
	typeof(debuginfod_find_debuginfo) *find_debuginfo;
	typeof(debuginfod_set_progressfn) *set_progressfn;
	typeof(debuginfod_set_user_data) *set_user_data;
};

enum state {
	ABSENT,
	WAITED_FOR,
	ARRIVED,
};

struct remote_file {
	enum state state;
	char *build_id;
	char *path;       /* ARRIVED: in the client's cache */
	int64_t until_ms; /* ABSENT: then it may be asked for again */
};

struct debuginfod {
	struct client_library library;
	struct debuginfod_options options;
	struct root *own;
	char *cache; /* NULL: unknown */
	pthread_t thread;

	/* Shared, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct intern *build_ids;
	struct remote_file *files; /* by the number of the build ID */
	size_t count, capacity;
	uint32_t waiting[WAITING_MAX]; /* numbers of files, the oldest first */
	size_t waiting_count;
	uint64_t arrived, failed; /* fetches, all there were */
	bool is_stopping;

	int64_t deadline_ms; /* the thread's own: of what it is fetching */
};

static int load(struct client_library *library)
{
	void *handle = dlopen(DEBUGINFOD_SONAME, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return -ENOENT;
	library->begin = dlsym(handle, "debuginfod_begin");
	library->end = dlsym(handle, "debuginfod_end");
	library->find_debuginfo = dlsym(handle, "debuginfod_find_debuginfo");
	library->set_progressfn = dlsym(handle, "debuginfod_set_progressfn");
	library->set_user_data = dlsym(handle, "debuginfod_set_user_data");
	if (library->begin && library->end && library->find_debuginfo && library->set_progressfn &&
	    library->set_user_data && dlsym(handle, "debuginfod_get_user_data"))
		return 0;
	dlclose(handle);
	return -ENOENT;
}

/* The client gives its callback no context but what it says itself when asked, and we reach it
 * through its library only, which is loaded already. */
static struct debuginfod *context_of(debuginfod_client *client)
{
	void *handle = dlopen(DEBUGINFOD_SONAME, RTLD_NOW | RTLD_NOLOAD);
	typeof(debuginfod_get_user_data) *get = dlsym(handle, "debuginfod_get_user_data");
	struct debuginfod *debuginfod = get(client);

	dlclose(handle);
	return debuginfod;
}

static bool is_stopping(struct debuginfod *debuginfod)
{
	bool stopping;

	pthread_mutex_lock(&debuginfod->lock);
	stopping = debuginfod->is_stopping;
	pthread_mutex_unlock(&debuginfod->lock);
	return stopping;
}

/* Called about once a second while it waits, too. Anything but 0 ends the transfer. `total` is 0 as
 * long as no server has said it; DEBUGINFOD_MAXSIZE and _MAXTIME, where they are set, are the
 * client's business. */
static int on_progress(debuginfod_client *client, long done, long total)
{
	struct debuginfod *debuginfod = context_of(client);
	long most = debuginfod->options.size_max_bytes;

	return done > most || total > most || clock__monotonic_ms() >= debuginfod->deadline_ms ||
	       is_stopping(debuginfod);
}

static bool is_too_large(const struct debuginfod *debuginfod, const struct stat *st)
{
	return (uint64_t)st->st_size > debuginfod->options.size_max_bytes;
}

/* The path in the client's cache, or NULL. */
static char *fetch(struct debuginfod *debuginfod, const char *build_id)
{
	debuginfod_client *client = debuginfod->library.begin();
	char *path = NULL;
	struct stat st;
	int fd;

	if (!client)
		return NULL;
	debuginfod->deadline_ms = clock__monotonic_ms() + debuginfod->options.time_max_ms;
	debuginfod->library.set_user_data(client, debuginfod);
	debuginfod->library.set_progressfn(client, on_progress);
	/* A length of 0: the build ID is in hex. */
	fd = debuginfod->library.find_debuginfo(client, (const unsigned char *)build_id, 0, &path);
	debuginfod->library.end(client);
	if (fd < 0)
		return NULL;
	/* A fast one is there before anybody asks for its progress. */
	if (fstat(fd, &st) || is_too_large(debuginfod, &st)) {
		free(path);
		path = NULL;
	}
	close(fd);
	return path;
}

static void set_absent(struct remote_file *file)
{
	free(file->path);
	file->path = NULL;
	file->state = ABSENT;
	file->until_ms = clock__monotonic_ms() + ABSENT_MS;
}

/* The number of the file to fetch next, once there is one; false at the end. */
static bool next_waiting(struct debuginfod *debuginfod, uint32_t *number)
{
	bool goes_on;

	pthread_mutex_lock(&debuginfod->lock);
	while (!debuginfod->waiting_count && !debuginfod->is_stopping)
		pthread_cond_wait(&debuginfod->changed, &debuginfod->lock);
	goes_on = !debuginfod->is_stopping;
	*number = debuginfod->waiting[0];
	pthread_mutex_unlock(&debuginfod->lock);
	return goes_on;
}

static void fetch_one(struct debuginfod *debuginfod, uint32_t number)
{
	char *build_id, *path;

	pthread_mutex_lock(&debuginfod->lock);
	build_id = debuginfod->files[number].build_id;
	pthread_mutex_unlock(&debuginfod->lock);
	/* Files that are waited for are not forgotten, so its build ID stays. */
	path = fetch(debuginfod, build_id);
	pthread_mutex_lock(&debuginfod->lock);
	set_absent(&debuginfod->files[number]);
	debuginfod->arrived += path != NULL;
	debuginfod->failed += !path;
	if (path) {
		debuginfod->files[number].path = path;
		debuginfod->files[number].state = ARRIVED;
	}
	debuginfod->waiting_count--;
	memmove(debuginfod->waiting, debuginfod->waiting + 1,
		debuginfod->waiting_count * sizeof(*debuginfod->waiting));
	pthread_mutex_unlock(&debuginfod->lock);
}

static void forget_all(struct debuginfod *debuginfod)
{
	for (size_t i = 0; i < debuginfod->count; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it has been counted */
		free(debuginfod->files[i].build_id);
		free(debuginfod->files[i].path);
	}
	debuginfod->count = 0;
	intern__free(debuginfod->build_ids);
	debuginfod->build_ids = intern__new();
}

static void free_all(struct debuginfod *debuginfod)
{
	forget_all(debuginfod);
	intern__free(debuginfod->build_ids);
	free(debuginfod->files);
	root__put(debuginfod->own);
	free(debuginfod->cache);
	pthread_mutex_destroy(&debuginfod->lock);
	pthread_cond_destroy(&debuginfod->changed);
	free(debuginfod);
}

static void *fetching_thread(void *context)
{
	struct debuginfod *debuginfod = context;
	uint32_t number;

	sandbox__enter(SANDBOX_FETCH, SANDBOX_NO_EXTRA);
	while (next_waiting(debuginfod, &number))
		fetch_one(debuginfod, number);
	return NULL;
}

/* debuginfod_find_debuginfo(3), "CACHE", says where the client keeps files. */
static char *cache_folder(void)
{
	const char *chosen = getenv(DEBUGINFOD_CACHE_PATH_ENV_VAR);
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char *folder = NULL;
	int length = -1;

	if (chosen && *chosen)
		length = asprintf(&folder, "%s", chosen);
	else if (xdg && *xdg)
		length = asprintf(&folder, "%s/debuginfod_client", xdg);
	else if (home)
		length = asprintf(&folder, "%s/.cache/debuginfod_client", home);
	return length < 0 ? NULL : folder;
}

struct debuginfod *debuginfod__start(const struct debuginfod_options *options)
{
	struct debuginfod *debuginfod = calloc(1, sizeof(*debuginfod));
	int err;

	if (!debuginfod)
		return NULL;
	debuginfod->options = *options;
	if (!debuginfod->options.time_max_ms)
		debuginfod->options.time_max_ms = TIME_MAX_MS;
	if (!debuginfod->options.size_max_bytes)
		debuginfod->options.size_max_bytes = SIZE_MAX_BYTES;
	pthread_mutex_init(&debuginfod->lock, NULL);
	pthread_cond_init(&debuginfod->changed, NULL);
	debuginfod->build_ids = intern__new();
	debuginfod->own = root__own();
	debuginfod->cache = cache_folder();
	err = debuginfod->build_ids && debuginfod->own ? load(&debuginfod->library) : -errno;
	if (!err)
		err = -pthread_create(&debuginfod->thread, NULL, fetching_thread, debuginfod);
	if (!err)
		return debuginfod;
	free_all(debuginfod);
	errno = -err;
	return NULL;
}

void debuginfod__stop(struct debuginfod *debuginfod)
{
	struct timespec until;

	if (!debuginfod)
		return;
	pthread_mutex_lock(&debuginfod->lock);
	debuginfod->is_stopping = true;
	pthread_cond_signal(&debuginfod->changed);
	pthread_mutex_unlock(&debuginfod->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_S;
	/* A name server that does not answer can hold libcurl up: then the thread keeps what it
	 * uses and ends with the process. */
	if (!pthread_timedjoin_np(debuginfod->thread, NULL, &until))
		free_all(debuginfod);
}

/* Under the lock, as what follows. */
static struct remote_file *known_file(struct debuginfod *debuginfod, const char *build_id)
{
	uint32_t number = INTERN_FAILED;

	if (debuginfod->build_ids)
		number = intern__find(debuginfod->build_ids, build_id, strlen(build_id));
	return number < debuginfod->count ? &debuginfod->files[number] : NULL;
}

/* More numbers than files: memory was short for one, and no other would be kept in mind. */
static bool is_full(const struct debuginfod *debuginfod)
{
	return !debuginfod->build_ids || debuginfod->count >= FILES_MAX ||
	       intern__count(debuginfod->build_ids) > debuginfod->count;
}

static struct remote_file *new_file(struct debuginfod *debuginfod, const char *build_id)
{
	struct remote_file file = {.state = ABSENT};

	if (is_full(debuginfod) && !debuginfod->waiting_count)
		forget_all(debuginfod);
	if (debuginfod->count >= FILES_MAX || !debuginfod->build_ids ||
	    intern__id(debuginfod->build_ids, build_id, strlen(build_id), NULL) !=
		    debuginfod->count)
		return NULL;
	file.build_id = strdup(build_id);
	if (file.build_id &&
	    !array_append(&debuginfod->files, &debuginfod->count, &debuginfod->capacity, file))
		return &debuginfod->files[debuginfod->count - 1];
	free(file.build_id);
	return NULL;
}

static int ask_for(struct debuginfod *debuginfod, struct remote_file *file)
{
	if (file->state == WAITED_FOR)
		return -EAGAIN;
	if (clock__monotonic_ms() < file->until_ms)
		return -ENOENT;
	if (debuginfod->waiting_count == WAITING_MAX)
		return -ENOBUFS;
	debuginfod->waiting[debuginfod->waiting_count++] = file - debuginfod->files;
	file->state = WAITED_FOR;
	pthread_cond_signal(&debuginfod->changed);
	return -EAGAIN;
}

/* The client's cache may have been cleaned since. */
static int open_arrived(struct debuginfod *debuginfod, struct remote_file *file, char **path)
{
	int fd = root__open_file(debuginfod->own, file->path);

	if (fd < 0) {
		set_absent(file);
		return -ENOENT;
	}
	*path = strdup(file->path);
	return fd;
}

/* What an earlier run has fetched is there at once, and not only after the client has been asked.
 * An empty file is the client's note that no server has it. */
static void take_cached(struct debuginfod *debuginfod, struct remote_file *file)
{
	char *path = NULL;
	struct stat st;

	if (!debuginfod->cache ||
	    asprintf(&path, "%s/%s/debuginfo", debuginfod->cache, file->build_id) < 0)
		return;
	if (stat(path, &st) || !st.st_size || is_too_large(debuginfod, &st)) {
		free(path);
		return;
	}
	file->path = path;
	file->state = ARRIVED;
}

int debuginfod__find(struct debuginfod *debuginfod, const char *build_id, char **path)
{
	struct remote_file *file;
	int fd = -ENOBUFS;

	pthread_mutex_lock(&debuginfod->lock);
	file = known_file(debuginfod, build_id);
	if (!file) {
		file = new_file(debuginfod, build_id);
		if (file)
			take_cached(debuginfod, file);
	}
	if (file && file->state == ARRIVED)
		fd = open_arrived(debuginfod, file, path);
	else if (file)
		fd = ask_for(debuginfod, file);
	pthread_mutex_unlock(&debuginfod->lock);
	return fd;
}

bool debuginfod__has_arrived(struct debuginfod *debuginfod, const char *build_id)
{
	const struct remote_file *file;
	bool arrived;

	pthread_mutex_lock(&debuginfod->lock);
	file = known_file(debuginfod, build_id);
	arrived = file && file->state == ARRIVED;
	pthread_mutex_unlock(&debuginfod->lock);
	return arrived;
}

void debuginfod__figures(struct debuginfod *debuginfod, struct debuginfod_figures *figures)
{
	pthread_mutex_lock(&debuginfod->lock);
	*figures = (struct debuginfod_figures){
		.arrived = debuginfod->arrived,
		.failed = debuginfod->failed,
		.waiting = debuginfod->waiting_count,
	};
	pthread_mutex_unlock(&debuginfod->lock);
}

void debuginfod__reject(struct debuginfod *debuginfod, const char *build_id)
{
	struct remote_file *file;

	pthread_mutex_lock(&debuginfod->lock);
	file = known_file(debuginfod, build_id);
	if (file && file->state == ARRIVED)
		set_absent(file);
	pthread_mutex_unlock(&debuginfod->lock);
}
