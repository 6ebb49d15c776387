/* SPDX-License-Identifier: Apache-2.0 */
/* Twelve threads, each of which stays where it is but for the leaf's loop, for
 * scripts/compare-stacks: all its frames but the leaf's are the same whenever one looks. Eight
 * are in recursions of their own, one in a callback from qsort, one in a signal handler, one in
 * libcrypto, and the first one is called from main. */
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chain.h"

/* 16 GiB of addresses, all of them of the same megabyte. */
#define MESSAGE_BYTES (1ULL << 34)
#define PIECE_BYTES   (1ULL << 20)

static pthread_barrier_t all_there;

static void there(void)
{
	pthread_barrier_wait(&all_there);
}

#define RECURSION(n)                                            \
	APART static void recursion_##n(int depth)              \
	{                                                       \
		char local[64 * (n) + 1];                       \
                                                                \
		__asm__ volatile("" : : "r"(local) : "memory"); \
		if (depth)                                      \
			recursion_##n(depth - 1);               \
		else                                            \
			leaf();                                 \
		__asm__ volatile("" : : "r"(local) : "memory"); \
	}                                                       \
                                                                \
	static void *thread_##n(void *unused)                   \
	{                                                       \
		there();                                        \
		recursion_##n(5 * (n));                         \
		return unused;                                  \
	}

RECURSION(1)
RECURSION(2)
RECURSION(3)
RECURSION(4)
RECURSION(5)
RECURSION(6)
RECURSION(7)
RECURSION(8)

APART static int compare(const void *left, const void *right)
{
	leaf();
	return memcmp(left, right, sizeof(int));
}

static void *sorts(void *unused)
{
	int numbers[100] = {1};

	there();
	qsort(numbers, 100, sizeof(*numbers), compare);
	return unused;
}

static void on_signal(int signal)
{
	(void)signal;
	leaf();
	STAY();
}

static void *is_signalled(void *unused)
{
	there();
	pthread_kill(pthread_self(), SIGUSR1);
	return unused;
}

/* One message that takes longer to read than anybody looks. */
static void *hashes(void *unused)
{
	int fd = memfd_create("piece", MFD_CLOEXEC);
	char *message = mmap(NULL, MESSAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (fd < 0 || ftruncate(fd, PIECE_BYTES) || message == MAP_FAILED)
		exit(1);
	for (size_t at = 0; at < MESSAGE_BYTES; at += PIECE_BYTES) {
		if (mmap(message + at, PIECE_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    MAP_FAILED)
			exit(1);
	}
	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	there();
	for (;;)
		EVP_DigestUpdate(context, message, MESSAGE_BYTES);
	return unused;
}

int main(void)
{
	static void *(*const threads[])(void *) = {
		thread_1, thread_2, thread_3, thread_4,     thread_5, thread_6,
		thread_7, thread_8, sorts,    is_signalled, hashes,
	};
	size_t count = sizeof(threads) / sizeof(*threads);
	pthread_t thread;

	signal(SIGUSR1, on_signal);
	pthread_barrier_init(&all_there, NULL, count + 1);
	for (size_t i = 0; i < count; i++) {
		if (pthread_create(&thread, NULL, threads[i], NULL))
			return 1;
	}
	there();
	say_ready();
	leaf();
}
