// SPDX-License-Identifier: Apache-2.0
/* The stub at work, in this very program: functions that begin as real allocators' do are left for
 * it, called, and the books of what they gave compared with what the stub has sampled. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "inline/stub_image.h"

/* --- an allocator
 * ----------------------------------------------------------------------------------- */

/* In assembly, for its first instructions to be what they are. Each ends in one of the C functions
 * below, in the way that compilers end one in another. */
__asm__(".pushsection .text.followed, \"ax\"\n"
	".balign 4096\n"
	".intel_syntax noprefix\n"
	".globl followed_begin, followed_end\n"
	"followed_begin:\n"
	/* Flags are of use to the branch alone. */
	"followed_free:\n"
	"	test rdi, rdi\n"
	"	je 1f\n"
	"	push rbp\n"
	"	lea rsi, [rdi - 16]\n"
	"	push rbx\n"
	"	sub rsp, 8\n"
	"	call [rip + to_free]\n"
	"	add rsp, 8\n"
	"	pop rbx\n"
	"	pop rbp\n"
	"1:	ret\n"
	".balign 64\n"
	"followed_malloc:\n"
	"	push r12\n"
	"	push rbp\n"
	"	push rbx\n"
	"	mov rbx, rdi\n"
	"	sub rsp, 16\n"
	"	mov rdi, rbx\n"
	"	call [rip + to_malloc]\n"
	"	add rsp, 16\n"
	"	pop rbx\n"
	"	pop rbp\n"
	"	pop r12\n"
	"	ret\n"
	".balign 64\n"
	/* Calls followed_malloc, as musl's does. */
	"followed_calloc:\n"
	"	push r13\n"
	"	mov rax, rdi\n"
	"	push r12\n"
	"	push rbp\n"
	"	imul rdi, rsi\n"
	"	jo 1f\n"
	"	mov rbp, rdi\n"
	"	call followed_malloc\n"
	"2:	pop rbp\n"
	"	pop r12\n"
	"	pop r13\n"
	"	ret\n"
	"1:	xor eax, eax\n"
	"	jmp 2b\n"
	".balign 64\n"
	/* Ends in followed_malloc where there is no old block, as glibc's does. */
	"followed_realloc:\n"
	"	push r15\n"
	"	push r14\n"
	"	push r13\n"
	"	test rdi, rdi\n"
	"	je 1f\n"
	"	call [rip + to_realloc]\n"
	"	pop r13\n"
	"	pop r14\n"
	"	pop r15\n"
	"	ret\n"
	"1:	mov rdi, rsi\n"
	"	pop r13\n"
	"	pop r14\n"
	"	pop r15\n"
	"	jmp followed_malloc\n"
	".balign 64\n"
	"followed_reallocarray:\n"
	"	push rbx\n"
	"	mov rax, rsi\n"
	"	imul rax, rdx\n"
	"	jo 1f\n"
	"	mov rsi, rax\n"
	"	call [rip + to_realloc]\n"
	"	pop rbx\n"
	"	ret\n"
	"1:	xor eax, eax\n"
	"	pop rbx\n"
	"	ret\n"
	".balign 64\n"
	/* The first instruction is long, and finds its operand by its distance. */
	"followed_posix_memalign:\n"
	"	cmp byte ptr [rip + is_ready], 0\n"
	"	push rbx\n"
	"	je 1f\n"
	"	call [rip + to_posix_memalign]\n"
	"	pop rbx\n"
	"	ret\n"
	"1:	mov eax, 12\n"
	"	pop rbx\n"
	"	ret\n"
	".balign 64\n"
	/* Four arguments. */
	"followed_resize:\n"
	"	endbr64\n"
	"	push rbp\n"
	"	mov rbp, rsp\n"
	"	push rbx\n"
	"	sub rsp, 8\n"
	"	call [rip + to_resize]\n"
	"	add rsp, 8\n"
	"	pop rbx\n"
	"	pop rbp\n"
	"	ret\n"
	"followed_resize_end:\n"
	"is_ready: .byte 1\n"
	".balign 8\n"
	"to_free: .quad 0\n"
	"to_malloc: .quad 0\n"
	"to_realloc: .quad 0\n"
	"to_posix_memalign: .quad 0\n"
	"to_resize: .quad 0\n"
	"followed_end:\n"
	".balign 4096\n"
	".att_syntax\n"
	".popsection\n");

extern unsigned char followed_begin[], followed_end[];
extern void *to_free __attribute__((visibility("hidden")));
extern void *to_malloc __attribute__((visibility("hidden")));
extern void *to_realloc __attribute__((visibility("hidden")));
extern void *to_posix_memalign __attribute__((visibility("hidden")));
extern void *to_resize __attribute__((visibility("hidden")));

void followed_free(void *block);
void *followed_malloc(size_t size);
void *followed_calloc(size_t count, size_t size);
void *followed_realloc(void *old, size_t size);
void *followed_reallocarray(void *old, size_t count, size_t size);
int followed_posix_memalign(void **where, size_t alignment, size_t size);
size_t followed_resize(void *block, size_t size, size_t extra, int flags);

#define BLOCK_BYTES 64
#define BLOCKS      (1 << 20)

static char *arena;
static uint32_t *free_blocks, free_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool refuses;

static bool is_aligned(const void *frame)
{
	return (uintptr_t)frame % 16 == 0;
}

static void *give(void)
{
	void *block = NULL;

	pthread_mutex_lock(&lock);
	if (!refuses && free_count)
		block = arena + (size_t)free_blocks[--free_count] * BLOCK_BYTES;
	pthread_mutex_unlock(&lock);
	return block;
}

static void real_free(void *block)
{
	if (!is_aligned(__builtin_frame_address(0)))
		abort();
	pthread_mutex_lock(&lock);
	free_blocks[free_count++] = ((char *)block - arena) / BLOCK_BYTES;
	pthread_mutex_unlock(&lock);
}

static void *real_malloc(size_t size)
{
	if (!is_aligned(__builtin_frame_address(0)))
		abort();
	return size > 1ULL << 40 ? NULL : give();
}

static void *real_realloc(void *old, size_t size)
{
	void *block;

	if (!is_aligned(__builtin_frame_address(0)))
		abort();
	block = size ? give() : NULL;
	if (old && (block || !size))
		real_free(old);
	return block;
}

static int real_posix_memalign(void **where, size_t alignment, size_t size)
{
	void *block = alignment == 64 && size ? give() : NULL;

	if (block)
		*where = block;
	return block ? 0 : 22;
}

static size_t real_resize(void *block, size_t size, size_t extra, int flags)
{
	if (!block || extra != 0x123456789abc || flags != -77)
		abort();
	return refuses ? 0 : size;
}

/* --- the stub in its way
 * -------------------------------------------------------------------------- */

#define NEVER     (1ULL << 62)
#define FUNCTIONS 7

static const struct {
	enum wire_heap_call call;
	void *begin;
} followed[FUNCTIONS] = {
	{WIRE_HEAP_MALLOC,         followed_malloc        },
	{WIRE_HEAP_CALLOC,         followed_calloc        },
	{WIRE_HEAP_REALLOC,        followed_realloc       },
	{WIRE_HEAP_REALLOCARRAY,   followed_reallocarray  },
	{WIRE_HEAP_POSIX_MEMALIGN, followed_posix_memalign},
	{WIRE_HEAP_RESIZE,         followed_resize        },
	{WIRE_HEAP_FREE,           followed_free          },
};

static struct {
	struct stub_image image;
	unsigned char *base;
	size_t bytes;
	unsigned char former[FUNCTIONS][HOOK_JUMP_BYTES];
	struct hook_place places[FUNCTIONS];
} stub;

/* Within 2 GiB of the functions. */
static void *map_near(size_t size)
{
	uintptr_t at = (uintptr_t)followed_begin & ~0xfffffUL;

	for (int i = 0; i < 1000; i++) {
		void *area;

		at -= 1 << 20;
		area = mmap((void *)at, size, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
			    0);
		if (area != MAP_FAILED)
			return area;
	}
	return NULL;
}

static size_t function_size(size_t i)
{
	extern unsigned char followed_resize_end[];

	return followed[i].call == WIRE_HEAP_RESIZE
		       ? (size_t)(followed_resize_end - (unsigned char *)followed_resize)
		       : 64;
}

static void add(size_t i)
{
	struct stub_function function = {
		.call = followed[i].call,
		.cookie = 0x1122334455660000 + i,
		.address = (uintptr_t)followed[i].begin,
		.code = followed[i].begin,
	};
	unsigned char jump[HOOK_JUMP_BYTES] = {0xe9};
	unsigned char *at;
	uint64_t entry;
	const char *why;
	int32_t distance;

	assert_int_equal(hook_place__find(function.code, function_size(i), function.address, false,
					  &function.place, &why),
			 0);
	assert_int_equal(stub_image__add(&stub.image, &function, &entry), 0);
	stub.places[i] = function.place;
	at = (unsigned char *)followed[i].begin + function.place.offset;
	distance = entry - ((uintptr_t)at + HOOK_JUMP_BYTES);
	memcpy(jump + 1, &distance, sizeof(distance));
	memcpy(stub.former[i], at, sizeof(jump));
	memcpy(at, jump, sizeof(jump));
}

static unsigned char *books(void)
{
	return stub.base + STUB_OWN_BYTES;
}

static uint64_t *gaps(void)
{
	return (uint64_t *)(books() + STUB_GAPS_AT);
}

static struct stub_record *record(size_t i)
{
	return (struct stub_record *)(stub.base + STUB_RECORDS_AT) + i;
}

static void set_mode(bool waits)
{
	for (int i = 0; i < FUNCTIONS; i++)
		record(i)->mode = waits;
}

/* With each gap the same, and nothing to be learned any more. */
static void install(uint64_t gap, unsigned int bucket_bits)
{
	struct stub_books own = {.bucket_bits = bucket_bits};
	size_t text = followed_end - followed_begin;
	uint64_t *globals;

	stub.bytes = stub_image__bytes(&own);
	stub.base = map_near(stub.bytes);
	assert_non_null(stub.base);
	assert_int_equal(mprotect(followed_begin, text, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	stub_image__begin(&stub.image, (uintptr_t)stub.base, &own);
	for (size_t i = 0; i < FUNCTIONS; i++)
		add(i);
	assert_int_equal(stub_image__finish(&stub.image), 0);
	memcpy(stub.base, stub.image.text, STUB_TEXT_BYTES);
	memcpy(stub.base + STUB_RECORDS_AT, stub.image.records, sizeof(stub.image.records));
	set_mode(false);
	globals = (uint64_t *)(books() + STUB_GLOBALS_AT);
	globals[STUB_SAFE_SIZE / 8] = 1 << 30;
	globals[STUB_INCREMENT / 8] = 1442695040888963407;
	globals[STUB_PROBED / 8] = 1;
	for (int i = 0; i < STUB_GAPS; i++)
		gaps()[i] = gap;
	refuses = false;
}

static int remove_stub(void **state)
{
	(void)state;
	for (size_t i = 0; i < FUNCTIONS; i++)
		memcpy((unsigned char *)followed[i].begin + stub.places[i].offset, stub.former[i],
		       HOOK_JUMP_BYTES);
	return munmap(stub.base, stub.bytes);
}

/* What is followed as sampled. */
static size_t in_set(void)
{
	size_t buckets = (size_t)1 << stub.image.bucket_bits, count = 0;
	const uint64_t *addresses = (const uint64_t *)(books() + STUB_BUCKETS_AT);

	for (size_t i = 0; i < buckets * STUB_BUCKET_BYTES / 8; i++)
		count += addresses[i] != 0;
	return count;
}

/* By the buckets' own counts: those are what a call of free looks at. */
static size_t counted(void)
{
	size_t buckets = (size_t)1 << stub.image.bucket_bits, count = 0;

	for (size_t i = 0; i < buckets; i++)
		count += books()[STUB_COUNTS_AT + i] & 0x7f;
	return count;
}

static uint64_t of_stripes(size_t field)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < STUB_STRIPES; i++)
		sum += *(uint64_t *)(books() + STUB_STRIPES_AT + i * STUB_STRIPE_BYTES + field);
	return sum;
}

static bool is_followed(const void *block)
{
	const uint64_t *addresses = (const uint64_t *)(books() + STUB_BUCKETS_AT);
	size_t buckets = (size_t)1 << stub.image.bucket_bits;

	for (size_t i = 0; i < buckets * STUB_BUCKET_BYTES / 8; i++) {
		if (addresses[i] == (uintptr_t)block)
			return true;
	}
	return false;
}

/* --- tests
 * ------------------------------------------------------------------------------------------ */

static void what_is_not_sampled_is_as_without(void **state)
{
	void *blocks[1000], *aligned = NULL;

	(void)state;
	install(NEVER, 10);
	for (int i = 0; i < 1000; i++) {
		blocks[i] = followed_malloc(i);
		assert_non_null(blocks[i]);
	}
	assert_int_equal(of_stripes(STUB_CALLS), 1000);
	assert_int_equal(in_set(), 0);
	for (int i = 0; i < 1000; i++)
		followed_free(blocks[i]);
	followed_free(NULL);
	assert_int_equal(free_count, BLOCKS);
	assert_int_equal(followed_posix_memalign(&aligned, 64, 5), 0);
	followed_free(aligned);
	assert_int_equal(followed_posix_memalign(&aligned, 3, 5), 22);
	assert_null(followed_malloc(SIZE_MAX));
	assert_null(followed_calloc(SIZE_MAX, 2));
	assert_int_equal(free_count, BLOCKS);
	assert_int_equal(in_set(), 0);
}

static void every_call_is_sampled_where_the_gap_is_nothing(void **state)
{
	void *block, *other;

	(void)state;
	install(0, 10);
	block = followed_malloc(0);
	assert_true(is_followed(block));
	assert_int_equal(counted(), 1);
	followed_free(block);
	assert_int_equal(in_set(), 0);
	assert_int_equal(counted(), 0);
	assert_int_equal(followed_posix_memalign(&block, 64, 5), 0);
	assert_true(is_followed(block));
	other = followed_reallocarray(block, 3, 4);
	assert_true(is_followed(other));
	assert_int_equal(in_set(), 1);
	assert_int_equal(followed_resize(other, 77, 0x123456789abc, -77), 77);
	assert_true(is_followed(other));
	assert_int_equal(in_set(), 1);
	followed_free(other);
	assert_int_equal(counted(), 0);
	assert_int_equal(free_count, BLOCKS);
}

static void a_block_that_is_kept_stays_followed(void **state)
{
	void *block, *other;

	(void)state;
	install(0, 10);
	block = followed_malloc(10);
	refuses = true;
	assert_null(followed_realloc(block, 20));
	assert_true(is_followed(block));
	assert_int_equal(followed_resize(block, 20, 0x123456789abc, -77), 0);
	assert_true(is_followed(block));
	assert_null(followed_reallocarray(block, SIZE_MAX, 2));
	assert_true(is_followed(block));
	refuses = false;
	other = followed_realloc(block, 20);
	assert_ptr_not_equal(other, block);
	assert_true(is_followed(other));
	assert_null(followed_realloc(other, 0));
	assert_int_equal(in_set(), 0);
	assert_int_equal(counted(), 0);
	assert_int_equal(free_count, BLOCKS);
}

/* A sampled block that goes through a call which is not sampled itself. */
static void the_old_block_is_seen_where_the_new_one_is_not(void **state)
{
	void *block, *other;

	(void)state;
	install(0, 10);
	block = followed_malloc(10);
	for (int i = 0; i < STUB_GAPS; i++)
		gaps()[i] = NEVER;
	followed_free(followed_malloc(1));
	assert_int_equal(in_set(), 1);
	other = followed_realloc(block, 20);
	assert_int_equal(in_set(), 0);
	assert_int_equal(counted(), 0);
	followed_free(other);
	assert_int_equal(free_count, BLOCKS);
}

/* A call that makes another one is sampled once at most, and found out. */
static void nested_calls_count_once(void **state)
{
	void *block;

	(void)state;
	install(0, 10);
	block = followed_calloc(3, 5);
	assert_int_equal(in_set(), 1);
	assert_true(is_followed(block));
	assert_int_equal(of_stripes(STUB_NESTED), 1);
	assert_int_equal(record(1)->nests, 1);
	assert_int_equal(record(0)->nests, 0);
	followed_free(block);
	block = followed_realloc(NULL, 7);
	assert_int_equal(in_set(), 1);
	assert_int_equal(of_stripes(STUB_NESTED), 2);
	assert_int_equal(record(2)->nests, 1);
	followed_free(block);
	assert_int_equal(counted(), 0);
	/* One that was made by itself, from deeper on the stack. */
	followed_free(followed_malloc(1));
	assert_int_equal(of_stripes(STUB_NESTED), 2);
}

/* By a call that is not sampled, but whose return is waited for. */
static void calls_nested_in_one_that_is_not_sampled(void **state)
{
	void *block;

	(void)state;
	install(1000, 10);
	set_mode(true);
	followed_free(followed_malloc(1));
	/* 999 are left: not for calloc, which takes 600 of them, but for its call of malloc. */
	block = followed_calloc(1, 600);
	assert_int_equal(in_set(), 0);
	assert_int_equal(of_stripes(STUB_NESTED), 1);
	assert_int_equal(record(1)->nests, 1);
	followed_free(block);
	assert_int_equal(free_count, BLOCKS);
}

static void a_bucket_that_was_full_leaves_it_to_others(void **state)
{
	void *blocks[100];

	(void)state;
	install(0, 1);
	for (int i = 0; i < 100; i++)
		blocks[i] = followed_malloc(1);
	assert_int_equal(in_set(), 16);
	assert_int_equal(books()[STUB_COUNTS_AT], 0x88);
	assert_int_equal(books()[STUB_COUNTS_AT + 1], 0x88);
	for (int i = 0; i < 100; i++)
		followed_free(blocks[i]);
	assert_int_equal(in_set(), 0);
	assert_int_equal(counted(), 0);
	assert_int_equal(free_count, BLOCKS);
}

/* Each with the probability that the formula has, at any size. */
static void sampling_is_by_bytes(void **state)
{
	static const struct {
		size_t size;
		int calls;
	} kinds[] = {
		{16,     400000},
		{500,    40000 },
		{4096,   10000 },
		{100000, 1000  },
	};
	const double rate = 4096;

	(void)state;
	install(0, 10);
	for (int i = 0; i < STUB_GAPS; i++)
		gaps()[i] = rate * -log((i + 0.5) / STUB_GAPS);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		double p = 1 - exp(-(double)kinds[k].size / rate), expected = p * kinds[k].calls;
		uint32_t before = record(0)->called;

		for (int i = 0; i < kinds[k].calls; i++)
			followed_free(followed_malloc(kinds[k].size));
		/* Five standard deviations: the numbers are the same each time. */
		assert_true(fabs(record(0)->called - before - expected) <
			    5 * sqrt(expected * (1 - p)) + 1);
	}
}

/* What may be refused by an exception must have no frame of the stub's below it. */
static void what_may_throw_is_left_alone(void **state)
{
	(void)state;
	install(0, 10);
	record(0)->flags |= STUB_FLAG_THROWS;
	followed_free(followed_malloc((1 << 30) + 1));
	assert_int_equal(record(0)->called, 0);
	assert_int_equal(of_stripes(STUB_TOO_LARGE), 1);
	assert_int_equal(of_stripes(STUB_TOO_LARGE_BYTES), (1 << 30) + 1);
	set_mode(true);
	for (int i = 0; i < STUB_GAPS; i++)
		gaps()[i] = NEVER;
	followed_free(followed_malloc(1 << 30));
	followed_free(followed_malloc((1 << 30) + 1));
	assert_int_equal(record(0)->called, 1);
	followed_free(followed_malloc(5));
	assert_int_equal(record(0)->called, 2);
}

#define THREADS 8
#define ROUNDS  20000

/* Each block has its owner's mark in it. */
static void *churn(void *mark)
{
	char *blocks[64] = {};

	for (uintptr_t i = 0; i < ROUNDS; i++) {
		char **block = &blocks[i * 2654435761U % 64];

		if (*block && (uintptr_t)(*block)[0] != (uintptr_t)mark)
			return "overwritten";
		if (*block && i % 3) {
			*block = followed_realloc(*block, i);
		} else {
			followed_free(*block);
			*block = i % 5 ? followed_malloc(i) : followed_calloc(1, i);
		}
		if (*block)
			(*block)[0] = (uintptr_t)mark;
	}
	for (size_t i = 0; i < 64; i++)
		followed_free(blocks[i]);
	return NULL;
}

static void many_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	install(3000, 4);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++) {
		void *complaint;

		pthread_join(threads[i], &complaint);
		assert_null(complaint);
	}
	assert_int_equal(free_count, BLOCKS);
	assert_int_equal(in_set(), 0);
	assert_int_equal(counted(), 0);
	assert_true(record(0)->called > 100);
}

static int make_arena(void **state)
{
	(void)state;
	arena = mmap(NULL, (size_t)BLOCKS * BLOCK_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	free_blocks = calloc(BLOCKS, sizeof(*free_blocks));
	if (arena == MAP_FAILED || !free_blocks ||
	    mprotect(followed_begin, followed_end - followed_begin,
		     PROT_READ | PROT_WRITE | PROT_EXEC))
		return -1;
	while (free_count < BLOCKS) {
		free_blocks[free_count] = free_count;
		free_count++;
	}
	to_free = real_free;
	to_malloc = real_malloc;
	to_realloc = real_realloc;
	to_posix_memalign = real_posix_memalign;
	to_resize = real_resize;
	return 0;
}

static int free_arena(void **state)
{
	(void)state;
	free(free_blocks);
	return munmap(arena, (size_t)BLOCKS * BLOCK_BYTES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, remove_stub)
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_sampled_is_as_without),
		TEST(every_call_is_sampled_where_the_gap_is_nothing),
		TEST(a_block_that_is_kept_stays_followed),
		TEST(the_old_block_is_seen_where_the_new_one_is_not),
		TEST(nested_calls_count_once),
		TEST(calls_nested_in_one_that_is_not_sampled),
		TEST(a_bucket_that_was_full_leaves_it_to_others),
		TEST(sampling_is_by_bytes),
		TEST(what_may_throw_is_left_alone),
		TEST(many_threads),
	};

	return cmocka_run_group_tests(tests, make_arena, free_arena);
}
