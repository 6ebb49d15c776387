/* SPDX-License-Identifier: Apache-2.0 */
/* A program to which it must make no difference that code is put into it: threads allocate, resize
 * and free without pause and look whether each block holds what they wrote to it; signals come a
 * thousand times a second, two threads wake each other, others fork, throw exceptions, and load and
 * unload a library. At the first thing that is wrong it says what, and aborts. On SIGTERM it says
 * how often each was done. Usage: churn THREADS */
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdexcept>
#include <string>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static std::atomic<long> rounds, signals, wakes, forks, exceptions, loads;
static std::atomic<bool> is_over;

static void wrong(const char *what)
{
	std::fprintf(stderr, "wrong: %s\n", what);
	std::abort();
}

static void count_signal(int)
{
	signals++;
}

struct held {
	unsigned char *bytes;
	size_t size;
	unsigned char mark;
};

static void look_at(const held &block, size_t size, const char *what)
{
	for (size_t i = 0; i < size; i++) {
		if (block.bytes[i] != block.mark)
			wrong(what);
	}
}

static void *give(unsigned int how, size_t size)
{
	void *bytes = nullptr;

	switch (how % 4) {
	case 0:
		return std::malloc(size);
	case 1:
		bytes = std::calloc(1, size);
		for (size_t i = 0; bytes && i < size; i++) {
			if (static_cast<unsigned char *>(bytes)[i])
				wrong("calloc's block is not all zero");
		}
		return bytes;
	case 2:
		return posix_memalign(&bytes, 64, size) ? nullptr : bytes;
	default:
		return aligned_alloc(32, (size + 31) / 32 * 32);
	}
}

static __attribute__((noinline)) void throw_from(int depth)
{
	std::string text(100 + depth, 'x');

	if (!depth)
		throw std::runtime_error(text);
	throw_from(depth - 1);
	exceptions++; /* not a tail call */
}

static void catch_one()
{
	try {
		throw_from(5);
	} catch (const std::runtime_error &error) {
		if (std::strlen(error.what()) != 100)
			wrong("an exception's text");
		exceptions++;
	}
}

static void *churn(void *number)
{
	unsigned int seed = reinterpret_cast<size_t>(number);
	held blocks[100] = {};

	while (!is_over) {
		unsigned int how = rand_r(&seed);
		held &block = blocks[how / 8 % 100];
		size_t size = 1 + rand_r(&seed) % (how % 64 ? 500 : 20000);

		look_at(block, block.size, "a block's content");
		if (how % 3) {
			std::free(block.bytes);
			block.bytes = static_cast<unsigned char *>(give(how / 1024, size));
		} else {
			block.bytes = static_cast<unsigned char *>(std::realloc(block.bytes, size));
			look_at(block, size < block.size ? size : block.size, "realloc's block");
		}
		if (!block.bytes)
			wrong("no memory");
		/* jemalloc has no more for small ones. */
		if (reinterpret_cast<size_t>(block.bytes) % 8)
			wrong("a block's alignment");
		block.size = size;
		block.mark = how / 256;
		std::memset(block.bytes, block.mark, size);
		if (!(++rounds % 64))
			catch_one();
	}
	for (held &block : blocks)
		std::free(block.bytes);
	return nullptr;
}

/* Two threads that wait for each other by turns: one wake-up lost, and both wait for ever. */
static sem_t there, back;

static void await(sem_t *semaphore)
{
	while (sem_wait(semaphore)) {
	}
}

static void *answer(void *)
{
	for (;;) {
		await(&there);
		sem_post(&back);
	}
}

static void *ask(void *)
{
	for (;;) {
		sem_post(&there);
		await(&back);
		wakes++;
	}
}

static void *fork_often(void *)
{
	while (!is_over) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			void *bytes = std::malloc(1000);

			std::memset(bytes, 1, 1000);
			std::free(std::realloc(bytes, 5000));
			_exit(0);
		}
		while (waitpid(pid, &status, 0) < 0) {
		}
		if (status)
			wrong("a child's end");
		forks++;
		usleep(20000);
	}
	return nullptr;
}

static void *load_often(void *)
{
	while (!is_over) {
		void *library = dlopen("libz.so.1", RTLD_NOW);

		if (!library)
			wrong("dlopen");
		dlclose(library);
		loads++;
		usleep(2000);
	}
	return nullptr;
}

static void start(void *(*function)(void *), size_t number)
{
	pthread_t thread;

	if (pthread_create(&thread, nullptr, function, reinterpret_cast<void *>(number)))
		wrong("pthread_create");
}

/* SIGTERM is for the first thread alone. */
static void wait_for_end()
{
	sigset_t end;
	int signal;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigwait(&end, &signal);
}

int main(int argc, char **argv)
{
	struct itimerval each_ms = {{0, 1000}, {0, 1000}};
	struct sigaction action = {};
	sigset_t end;
	long threads = argc == 2 ? std::atol(argv[1]) : 0;

	if (threads < 1)
		return 2;
	action.sa_handler = count_signal;
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, nullptr);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &end, nullptr);
	sem_init(&there, 0, 0);
	sem_init(&back, 0, 0);
	start(answer, 0);
	start(ask, 0);
	start(fork_often, 0);
	start(load_often, 0);
	for (long i = 0; i < threads; i++)
		start(churn, i);
	setitimer(ITIMER_REAL, &each_ms, nullptr);
	std::puts("ready");
	std::fflush(stdout);
	wait_for_end();
	std::printf("%ld rounds, %ld signals, %ld wakes, %ld forks, %ld exceptions, %ld loads\n",
		    rounds.load(), signals.load(), wakes.load(), forks.load(), exceptions.load(),
		    loads.load());
	std::fflush(stdout);
	_exit(0);
}
