// SPDX-License-Identifier: Apache-2.0
#include "symbol/debug_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/intern.h"
#include "base/say.h"
#include "symbol/debuginfod.h"
#include "target/root.h"

#define DEFAULT_DIR "/usr/lib/debug"

/* How long a look-up that failed is not repeated. */
#define RETRY_MS    60000

/* Failures remembered; then all are forgotten. A big program maps some hundreds of files. */
#define MISSES_MAX  4096

/* What the CRCs of files may read within RETRY_MS: about two seconds' work. The target may point to
 * as many large files as it likes. By build ID nothing is summed up. */
#define SUM_MAX     (2LL << 30)

/* A look-up that failed, by the number of its file. */
struct miss {
	bool is_known;
	char *debuglink; /* NULL: none */
	uint32_t crc;
	int64_t retry_ms;
};

struct debug_files {
	char **dirs; /* absolute, ends with NULL */
	struct root *host;
	struct debuginfod *debuginfod; /* NULL: not wanted, or not there */
	struct intern *keys;
	struct miss *misses;
	size_t count, capacity;
	int64_t summed, summed_since_ms;
};

/* One look-up. */
struct search {
	struct debug_files *files;
	const struct elf_file *file;
	const char *debuglink;
	uint32_t crc;
	struct debug_place *place;
};

static char *absolute(const char *dir)
{
	char *here, *path;
	int length;

	if (*dir == '/')
		return strdup(dir);
	here = getcwd(NULL, 0);
	if (!here)
		return NULL;
	length = asprintf(&path, "%s/%s", here, dir);
	free(here);
	return length < 0 ? NULL : path;
}

static int copy_dirs(struct debug_files *files, const char *const *dirs)
{
	size_t count = 0;

	while (dirs && dirs[count])
		count++;
	files->dirs = calloc(count + 1, sizeof(*files->dirs));
	if (!files->dirs)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		files->dirs[i] = absolute(dirs[i]);
		if (!files->dirs[i])
			return -errno;
	}
	return 0;
}

static struct debuginfod *start_debuginfod(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	struct debuginfod *debuginfod;

	if (!urls || !*urls)
		return NULL;
	debuginfod = debuginfod__start(&(struct debuginfod_options){});
	if (!debuginfod)
		say("DEBUGINFOD_URLS is set, but debug files cannot be fetched: %s",
		    errno == ENOENT ? "there is no libdebuginfod.so.1 (install libdebuginfod1)"
				    : strerror(errno));
	return debuginfod;
}

struct debug_files *debug_files__new(const char *const *dirs)
{
	struct debug_files *files = calloc(1, sizeof(*files));
	int err;

	if (!files)
		return NULL;
	files->host = root__own();
	files->keys = intern__new();
	err = files->host && files->keys ? copy_dirs(files, dirs) : -errno;
	if (!err) {
		files->debuginfod = start_debuginfod();
		return files;
	}
	debug_files__free(files);
	errno = -err;
	return NULL;
}

static void forget_misses(struct debug_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->misses[i].debuglink);
	files->count = 0;
	intern__free(files->keys);
	files->keys = intern__new();
}

void debug_files__free(struct debug_files *files)
{
	if (!files)
		return;
	debuginfod__stop(files->debuginfod);
	forget_misses(files);
	intern__free(files->keys);
	free(files->misses);
	for (char **dir = files->dirs; dir && *dir; dir++)
		free(*dir);
	free(files->dirs);
	root__put(files->host);
	free(files);
}

/* --- whether a file that was found is the right one --- */

/* As much as may still be summed up for now; taken off beforehand, whether it is read or not. */
static bool take_sum(struct debug_files *files, int64_t size)
{
	int64_t now_ms = clock__monotonic_ms();

	if (now_ms - files->summed_since_ms >= RETRY_MS) {
		files->summed = 0;
		files->summed_since_ms = now_ms;
	}
	if (size > SUM_MAX - files->summed)
		return false;
	files->summed += size;
	return true;
}

/* gdb's manual, "Separate Debug Files": the CRC is zlib's. */
static bool has_crc(struct debug_files *files, int fd, uint32_t expected)
{
	unsigned char buffer[65536];
	uLong crc = crc32(0, NULL, 0);
	struct stat st;
	off_t offset = 0;

	if (fstat(fd, &st) || !take_sum(files, st.st_size))
		return false;
	/* No further than its size was then: it may grow. */
	while (offset < st.st_size) {
		ssize_t got = pread(fd, buffer, sizeof(buffer), offset);

		if (got <= 0)
			return false;
		crc = crc32(crc, buffer, got);
		offset += got;
	}
	return crc == expected;
}

/* The build IDs agree; by name it is enough that one of the files has none. */
static bool has_build_id(const struct elf_file *file, int fd, bool by_name)
{
	const char *wanted = elf_file__build_id(file);
	struct elf_file *found;
	const char *build_id;
	bool agrees;

	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	found = fd < 0 ? NULL : elf_file__open(fd, "");
	if (!found)
		return false;
	build_id = elf_file__build_id(found);
	agrees = *wanted && *build_id ? !strcmp(wanted, build_id) : by_name;
	/* A binary without a name of its own for its debug file may name itself. */
	agrees = agrees && !elf_file__is_same(file, found);
	elf_file__put(found);
	return agrees;
}

/* Takes the path over: it is the answer's where the file is the right one. */
static int open_right(const struct search *search, const struct root *root, char *path,
		      bool by_name)
{
	int fd = root__open_file(root, path);

	if (fd >= 0 && has_build_id(search->file, fd, by_name) &&
	    (!by_name || has_crc(search->files, fd, search->crc))) {
		*search->place = (struct debug_place){root, path};
		return fd;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return -1;
}

static int open_by_build_id(const struct search *search, const struct root *root, const char *dir)
{
	const char *build_id = elf_file__build_id(search->file);
	char *path;

	/* DIR/.build-id/ab/cdef....debug, as distributions lay them out. */
	if (asprintf(&path, "%s/.build-id/%.2s/%s.debug", dir, build_id, build_id + 2) < 0)
		return -1;
	return open_right(search, root, path, false);
}

/* The file of the debug link in a folder: DIR, the binary's folder, and perhaps another one. */
static int open_by_name(const struct search *search, const struct root *root, const char *dir,
			const char *folder, const char *below)
{
	char *path;

	if (asprintf(&path, "%s%s%s/%s", dir, folder, below, search->debuglink) < 0)
		return -1;
	return open_right(search, root, path, true);
}

/* --- where to look --- */

/* Whether paths in the target's root are other files than on the host. */
static bool has_own_root(const struct search *search)
{
	const struct root *root = elf_file__root(search->file);

	return root && !root__is_same(root, search->files->host);
}

static int look_by_build_id(const struct search *search)
{
	const struct debug_files *files = search->files;
	int fd = -1;

	if (strlen(elf_file__build_id(search->file)) < 3)
		return -1;
	for (char **dir = files->dirs; *dir && fd < 0; dir++)
		fd = open_by_build_id(search, files->host, *dir);
	if (fd < 0)
		fd = open_by_build_id(search, files->host, DEFAULT_DIR);
	if (fd < 0 && has_own_root(search))
		fd = open_by_build_id(search, elf_file__root(search->file), DEFAULT_DIR);
	return fd;
}

static int look_around(const struct search *search, const struct root *root, const char *folder)
{
	int fd = open_by_name(search, root, "", folder, "");

	if (fd < 0)
		fd = open_by_name(search, root, "", folder, "/.debug");
	if (fd < 0)
		fd = open_by_name(search, root, DEFAULT_DIR, folder, "");
	return fd;
}

/* The folder that a path is in; "" for the topmost. */
static bool folder_of(const char *path, char *folder, size_t size)
{
	const char *last = strrchr(path, '/');

	if (*path != '/' || (size_t)(last - path) >= size)
		return false;
	memcpy(folder, path, last - path);
	folder[last - path] = '\0';
	return true;
}

/* A container's path means nothing on the host, but below the user's own folders, which may well be
 * laid out for it. */
static int look_by_name(const struct search *search)
{
	const struct debug_files *files = search->files;
	const struct root *root = elf_file__root(search->file);
	const char *name = elf_file__name(search->file);
	char folder[PATH_MAX];
	int fd = -1;

	if (!search->debuglink ||
	    !folder_of(root ? root__inside(root, name) : name, folder, sizeof(folder)))
		return -1;
	for (char **dir = files->dirs; *dir && fd < 0; dir++)
		fd = open_by_name(search, files->host, *dir, folder, "");
	if (fd < 0 && root)
		fd = look_around(search, root, folder);
	if (fd < 0 && (!root || has_own_root(search)) && elf_file__is_at(search->file, name) &&
	    folder_of(name, folder, sizeof(folder)))
		fd = look_around(search, files->host, folder);
	return fd;
}

static int look(const struct search *search)
{
	int fd = look_by_build_id(search);

	return fd < 0 ? look_by_name(search) : fd;
}

static int fetch(const struct search *search)
{
	struct debuginfod *debuginfod = search->files->debuginfod;
	const char *build_id = elf_file__build_id(search->file);
	char *path = NULL;
	int fd;

	if (!debuginfod || strlen(build_id) < 3)
		return -1;
	fd = debuginfod__find(debuginfod, build_id, &path);
	if (fd < 0)
		return -1;
	if (has_build_id(search->file, fd, false)) {
		*search->place = (struct debug_place){search->files->host, path};
		return fd;
	}
	close(fd);
	free(path);
	debuginfod__reject(debuginfod, build_id);
	return -1;
}

/* --- what failed --- */

/* The number under which a file's failure is kept; the same file in another root is another one. */
static uint32_t number_of(struct debug_files *files, const struct elf_file *file, bool is_wanted)
{
	struct {
		struct file_stamp stamp;
		struct root_id root;
		char build_id[136];
	} key;

	if (!files->keys)
		return INTERN_FAILED;
	memset(&key, 0, sizeof(key));
	key.stamp = *elf_file__stamp(file);
	if (elf_file__root(file))
		key.root = root__id(elf_file__root(file));
	snprintf(key.build_id, sizeof(key.build_id), "%s", elf_file__build_id(file));
	return is_wanted ? intern__id(files->keys, &key, sizeof(key), NULL)
			 : intern__find(files->keys, &key, sizeof(key));
}

static struct miss *miss_of(struct debug_files *files, const struct elf_file *file)
{
	uint32_t number = number_of(files, file, false);

	return number < files->count && files->misses[number].is_known ? &files->misses[number]
								       : NULL;
}

static void forget_miss(struct miss *miss)
{
	free(miss->debuglink);
	*miss = (struct miss){};
}

static void remember_miss(const struct search *search)
{
	struct debug_files *files = search->files;
	struct miss miss = {
		.is_known = true,
		.crc = search->crc,
		.retry_ms = clock__monotonic_ms() + RETRY_MS,
	};
	uint32_t number;

	/* More numbers than failures: memory was short for one, and no other would be remembered.
	 */
	if (!files->keys || files->count >= MISSES_MAX || intern__count(files->keys) > files->count)
		forget_misses(files);
	number = number_of(files, search->file, true);
	if (number == files->count)
		array_append(&files->misses, &files->count, &files->capacity, (struct miss){});
	/* Not remembered where memory is short. */
	if (number >= files->count)
		return;
	if (search->debuglink)
		miss.debuglink = strdup(search->debuglink);
	forget_miss(&files->misses[number]);
	files->misses[number] = miss;
}

/* A debug link is a name and no path. */
static bool is_name(const char *debuglink)
{
	return *debuglink && !strchr(debuglink, '/') && strcmp(debuglink, ".") &&
	       strcmp(debuglink, "..");
}

int debug_files__find(struct debug_files *files, const struct elf_file *file, const char *debuglink,
		      uint32_t crc, struct debug_place *place)
{
	struct search search = {
		.files = files,
		.file = file,
		.debuglink = debuglink,
		.crc = crc,
		.place = place,
	};
	struct miss *miss;
	int fd = -1;

	if (debuglink && !is_name(debuglink))
		return -1;
	miss = miss_of(files, file);
	if (!miss || clock__monotonic_ms() >= miss->retry_ms) {
		fd = look(&search);
		if (fd < 0)
			remember_miss(&search);
	}
	if (fd < 0)
		fd = fetch(&search);
	miss = fd < 0 ? NULL : miss_of(files, file);
	if (miss)
		forget_miss(miss);
	return fd;
}

bool debug_files__has_arrived(struct debug_files *files, const struct elf_file *file)
{
	struct miss *miss = miss_of(files, file);
	int64_t now_ms = clock__monotonic_ms();
	struct debug_place place = {};
	int fd = -1;

	if (!miss)
		return false;
	if (now_ms >= miss->retry_ms) {
		struct search search = {files, file, miss->debuglink, miss->crc, &place};

		miss->retry_ms = now_ms + RETRY_MS;
		fd = look(&search);
		if (fd < 0)
			fd = fetch(&search);
		if (fd < 0)
			return false;
		close(fd);
		free(place.path);
	} else if (!files->debuginfod ||
		   !debuginfod__has_arrived(files->debuginfod, elf_file__build_id(file))) {
		return false;
	}
	forget_miss(miss);
	return true;
}

void debug_files__fetches(const struct debug_files *files, struct debuginfod_figures *figures)
{
	*figures = (struct debuginfod_figures){};
	if (files->debuginfod)
		debuginfod__figures(files->debuginfod, figures);
}
