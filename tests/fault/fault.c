// SPDX-License-Identifier: Apache-2.0
/* A library for LD_PRELOAD that lets one call fail: EXOPROF_FAULT=CLASS:N:ERRNO, the N-th of its
 * class, in whichever process or thread. With N = 0 none fails. EXOPROF_FAULT_REPORT names a file
 * that gets "failed NAME OBJECT ADDRESS" of the call that fails, with its caller's place, and at
 * the end "CLASS CALLS" of each class.
 *
 * An allocation counts as alloc where exoprof's own code asks for it, else as alloc_lib: what
 * libraries make of a failure is theirs. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum fault_class {
	ALLOC,
	ALLOC_LIB,
	OPEN,
	READ,
	WRITE,
	BPF,
	PERF,
	MAP,
	EVENT,
	THREAD,
	SOCKET,
	CLASSES,
};

static const char *const class_names[CLASSES] = {
	"alloc", "alloc_lib", "open",  "read",   "write",  "bpf",
	"perf",  "map",       "event", "thread", "socket",
};

/* Shared with children, so that a call is counted once, wherever. */
struct counts {
	atomic_ulong calls[CLASSES];
};

static struct {
	struct counts *counts;
	enum fault_class class;
	unsigned long nth;
	int error;
	uintptr_t text_start, text_end;
	char report[256];
	pid_t pid;
} fault = {.class = CLASSES};

static int find_text(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size, (void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];

		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_X))
			continue;
		fault.text_start = info->dlpi_addr + phdr->p_vaddr;
		fault.text_end = fault.text_start + phdr->p_memsz;
	}
	return 1; /* the first is the program */
}

static enum fault_class class_of(const char *name, size_t length)
{
	for (int i = 0; i < CLASSES; i++) {
		if (strlen(class_names[i]) == length && !strncmp(class_names[i], name, length))
			return i;
	}
	return CLASSES;
}

/* Behind the sanitizer's own beginning: what it asks for is not counted. */
__attribute__((constructor)) static void begin(void)
{
	const char *wanted = getenv("EXOPROF_FAULT");
	const char *report = getenv("EXOPROF_FAULT_REPORT");
	const char *colon = wanted ? strchr(wanted, ':') : NULL;
	struct counts *counts;

	if (!colon)
		return;
	dl_iterate_phdr(find_text, NULL);
	fault.class = class_of(wanted, colon - wanted);
	if (fault.class == CLASSES || sscanf(colon, ":%lu:%d", &fault.nth, &fault.error) != 2) {
		fprintf(stderr, "fault: what is %s?\n", wanted);
		_exit(125);
	}
	snprintf(fault.report, sizeof(fault.report), "%s", report ? report : "");
	fault.pid = getpid();
	/* Of no business to what exoprof starts. */
	unsetenv("LD_PRELOAD");
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (counts == MAP_FAILED)
		_exit(125);
	fault.counts = counts;
}

static bool is_own(uintptr_t caller)
{
	return caller >= fault.text_start && caller < fault.text_end;
}

/* By system calls, which count nothing and need no memory. */
static void report(const char *text, int length)
{
	int fd = syscall(SYS_openat, AT_FDCWD, fault.report, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0)
		return;
	syscall(SYS_write, fd, text, length);
	syscall(SYS_close, fd);
}

__attribute__((destructor)) static void tell_counts(void)
{
	char text[512];
	int length = 0;

	if (!fault.counts || getpid() != fault.pid || !*fault.report)
		return;
	for (int i = 0; i < CLASSES; i++)
		length += snprintf(text + length, sizeof(text) - length, "%s %lu\n", class_names[i],
				   atomic_load(&fault.counts->calls[i]));
	report(text, length);
}

/* At once: the failure may be the end. */
static void tell_failure(const char *name, void *caller)
{
	const char *object = "?", *slash;
	uintptr_t base = 0;
	char text[512];
	Dl_info info;

	if (dladdr(caller, &info)) {
		slash = strrchr(info.dli_fname, '/');
		object = slash ? slash + 1 : info.dli_fname;
		base = (uintptr_t)info.dli_fbase;
	}
	report(text, snprintf(text, sizeof(text), "failed %s %s %#lx\n", name, object,
			      (uintptr_t)caller - base));
}

/* Whether this call is to fail; errno is set then. */
static bool fails(enum fault_class class, const char *name, void *caller)
{
	if (!fault.counts)
		return false;
	if (atomic_fetch_add(&fault.counts->calls[class], 1) + 1 != fault.nth ||
	    class != fault.class)
		return false;
	if (*fault.report)
		tell_failure(name, caller);
	errno = fault.error;
	return true;
}

#define FAILS(class, name) fails((class), (name), __builtin_return_address(0))
#define FAILS_ALLOC(name) \
	FAILS(is_own((uintptr_t)__builtin_return_address(0)) ? ALLOC : ALLOC_LIB, (name))

/* The function that this one stands before. */
static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

/* Pipes, events and timers, by which threads wake each other, do not fail in these ways. */
static bool is_file(int fd)
{
	int kept = errno;
	struct stat stat;
	bool is = !fstat(fd, &stat) && (S_ISREG(stat.st_mode) || S_ISSOCK(stat.st_mode));

	errno = kept;
	return is;
}

/* A wrapper of a function that says by a value, and errno, that it failed. */
#define WRAP(class, type, failure, name, parameters, arguments) \
	type name parameters                                    \
	{                                                       \
		static typeof(&(name)) real;                    \
                                                                \
		if (FAILS((class), #name))                      \
			return failure;                         \
		if (!real)                                      \
			real = next(#name);                     \
		return real arguments;                          \
	}

/* --- memory: by the sanitizer's own names where there is one
 * --------------------------------------- */

extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static void *really_malloc(size_t size)
{
	return (__interceptor_malloc ? __interceptor_malloc : __libc_malloc)(size);
}

static void *really_realloc(void *old, size_t size)
{
	return (__interceptor_realloc ? __interceptor_realloc : __libc_realloc)(old, size);
}

void *malloc(size_t size)
{
	return FAILS_ALLOC("malloc") ? NULL : really_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	if (FAILS_ALLOC("calloc"))
		return NULL;
	return (__interceptor_calloc ? __interceptor_calloc : __libc_calloc)(count, size);
}

void *realloc(void *old, size_t size)
{
	return FAILS_ALLOC("realloc") ? NULL : really_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return FAILS_ALLOC("reallocarray") ? NULL : really_realloc(old, bytes);
}

char *strndup(const char *text, size_t most)
{
	size_t length = strnlen(text, most);
	char *copy = FAILS_ALLOC("strndup") ? NULL : really_malloc(length + 1);

	if (!copy)
		return NULL;
	copy[length] = '\0';
	return memcpy(copy, text, length);
}

char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = FAILS_ALLOC("strdup") ? NULL : really_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

FILE *open_memstream(char **bytes, size_t *size)
{
	static typeof(&open_memstream) real;

	if (FAILS_ALLOC("open_memstream"))
		return NULL;
	if (!real)
		real = next("open_memstream");
	return real(bytes, size);
}

/* --- files
 * ------------------------------------------------------------------------------------------ */

/* The mode is there with O_CREAT and O_TMPFILE only, and to read it else does no harm here. */
#define WRAP_OPEN(name)                            \
	int name(const char *path, int flags, ...) \
	{                                          \
		static typeof(&(name)) real;       \
		va_list args;                      \
		mode_t mode;                       \
                                                   \
		va_start(args, flags);             \
		mode = va_arg(args, mode_t);       \
		va_end(args);                      \
		if (FAILS(OPEN, #name))            \
			return -1;                 \
		if (!real)                         \
			real = next(#name);        \
		return real(path, flags, mode);    \
	}

#define WRAP_OPENAT(name)                                      \
	int name(int folder, const char *path, int flags, ...) \
	{                                                      \
		static typeof(&(name)) real;                   \
		va_list args;                                  \
		mode_t mode;                                   \
                                                               \
		va_start(args, flags);                         \
		mode = va_arg(args, mode_t);                   \
		va_end(args);                                  \
		if (FAILS(OPEN, #name))                        \
			return -1;                             \
		if (!real)                                     \
			real = next(#name);                    \
		return real(folder, path, flags, mode);        \
	}

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)
WRAP(OPEN, FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
WRAP(OPEN, FILE *, NULL, fopen64, (const char *path, const char *mode), (path, mode))
WRAP(OPEN, FILE *, NULL, fdopen, (int fd, const char *mode), (fd, mode))
WRAP(OPEN, DIR *, NULL, opendir, (const char *path), (path))
WRAP(OPEN, DIR *, NULL, fdopendir, (int fd), (fd))
WRAP(OPEN, int, -1, memfd_create, (const char *name, unsigned int flags), (name, flags))
WRAP(OPEN, int, -1, dup, (int fd), (fd))

ssize_t read(int fd, void *to, size_t size)
{
	static typeof(&read) real;

	if (is_file(fd) && FAILS(READ, "read"))
		return -1;
	if (!real)
		real = next("read");
	return real(fd, to, size);
}

WRAP(READ, ssize_t, -1, pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
WRAP(READ, ssize_t, -1, pread64, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at))
WRAP(READ, ssize_t, -1, readlink, (const char *path, char *to, size_t size), (path, to, size))
WRAP(READ, ssize_t, -1, readlinkat, (int folder, const char *path, char *to, size_t size),
     (folder, path, to, size))
WRAP(READ, ssize_t, -1, process_vm_readv,
     (pid_t pid, const struct iovec *to, unsigned long count, const struct iovec *from,
      unsigned long from_count, unsigned long flags),
     (pid, to, count, from, from_count, flags))
WRAP(READ, struct dirent *, NULL, readdir, (DIR * folder), (folder))
WRAP(READ, struct dirent64 *, NULL, readdir64, (DIR * folder), (folder))

/* Streams remember that they failed. */
#define WRAP_STREAM(class, type, failure, name, parameters, arguments, stream) \
	type name parameters                                                   \
	{                                                                      \
		static typeof(&(name)) real;                                   \
                                                                               \
		if (FAILS((class), #name)) {                                   \
			(stream)->_flags |= _IO_ERR_SEEN;                      \
			return failure;                                        \
		}                                                              \
		if (!real)                                                     \
			real = next(#name);                                    \
		return real arguments;                                         \
	}

WRAP_STREAM(READ, char *, NULL, fgets, (char *to, int size, FILE *in), (to, size, in), in)
WRAP_STREAM(READ, size_t, 0, fread, (void *to, size_t size, size_t count, FILE *in),
	    (to, size, count, in), in)
WRAP_STREAM(READ, ssize_t, -1, getline, (char **line, size_t *size, FILE *in), (line, size, in), in)
WRAP_STREAM(READ, ssize_t, -1, getdelim, (char **line, size_t *size, int end, FILE *in),
	    (line, size, end, in), in)

ssize_t write(int fd, const void *from, size_t size)
{
	static typeof(&write) real;

	if (is_file(fd) && FAILS(WRITE, "write"))
		return -1;
	if (!real)
		real = next("write");
	return real(fd, from, size);
}

WRAP(WRITE, ssize_t, -1, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
WRAP(WRITE, int, -1, rename, (const char *from, const char *to), (from, to))
WRAP(WRITE, int, -1, ftruncate, (int fd, off_t size), (fd, size))
WRAP(WRITE, int, -1, fsync, (int fd), (fd))
WRAP_STREAM(WRITE, size_t, 0, fwrite, (const void *from, size_t size, size_t count, FILE *out),
	    (from, size, count, out), out)
WRAP_STREAM(WRITE, int, EOF, fputs, (const char *text, FILE *out), (text, out), out)
WRAP_STREAM(WRITE, int, EOF, fflush, (FILE * out), (out), out)

/* --- the kernel's more special calls
 * -------------------------------------------------------------- */

WRAP(MAP, void *, MAP_FAILED, mmap,
     (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset))
WRAP(MAP, void *, MAP_FAILED, mmap64,
     (void *at, size_t size, int protection, int flags, int fd, off64_t offset),
     (at, size, protection, flags, fd, offset))

static enum fault_class class_of_syscall(long number)
{
	switch (number) {
	case SYS_bpf:
		return BPF;
	case SYS_perf_event_open:
		return PERF;
	case SYS_pidfd_open:
	case SYS_openat2:
	case SYS_memfd_create:
		return OPEN;
	default:
		return CLASSES;
	}
}

/* What libbpf calls the kernel by. */
long syscall(long number, ...)
{
	static typeof(&syscall) real;
	enum fault_class class = class_of_syscall(number);
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!real)
		real = next("syscall");
	if (class != CLASSES && FAILS(class, "syscall"))
		return -1;
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* PERF_EVENT_IOC_... have the type '$'. */
int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, void *);
	va_list args;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if ((request >> 8 & 0xff) == '$' && FAILS(PERF, "ioctl"))
		return -1;
	if (!real)
		real = next("ioctl");
	return real(fd, request, argument);
}

WRAP(EVENT, int, -1, epoll_create1, (int flags), (flags))

/* To forget a descriptor takes nothing. */
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	static typeof(&epoll_ctl) real;

	if (operation != EPOLL_CTL_DEL && FAILS(EVENT, "epoll_ctl"))
		return -1;
	if (!real)
		real = next("epoll_ctl");
	return real(epoll, operation, fd, event);
}

WRAP(EVENT, int, -1, eventfd, (unsigned int count, int flags), (count, flags))
WRAP(EVENT, int, -1, timerfd_create, (clockid_t clock, int flags), (clock, flags))
WRAP(EVENT, int, -1, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))
WRAP(EVENT, int, -1, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(SOCKET, int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(SOCKET, int, -1, socketpair, (int domain, int type, int protocol, int fds[2]),
     (domain, type, protocol, fds))
WRAP(SOCKET, int, -1, listen, (int fd, int backlog), (fd, backlog))
WRAP(SOCKET, int, -1, bind, (int fd, const struct sockaddr *address, socklen_t size),
     (fd, address, size))
WRAP(SOCKET, int, -1, setsockopt,
     (int fd, int level, int option, const void *value, socklen_t size),
     (fd, level, option, value, size))
WRAP(SOCKET, int, -1, getsockname, (int fd, struct sockaddr *address, socklen_t *size),
     (fd, address, size))
WRAP(SOCKET, int, -1, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
     (fd, address, size, flags))
WRAP(SOCKET, ssize_t, -1, sendmsg, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(SOCKET, ssize_t, -1, recvmsg, (int fd, struct msghdr *message, int flags),
     (fd, message, flags))

/* pthread_create tells by its value. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
		   void *argument)
{
	static typeof(&pthread_create) real;

	if (FAILS(THREAD, "pthread_create"))
		return fault.error;
	if (!real)
		real = next("pthread_create");
	return real(thread, attributes, body, argument);
}

WRAP(THREAD, pid_t, -1, fork, (void), ())
