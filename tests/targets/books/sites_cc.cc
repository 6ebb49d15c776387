/* SPDX-License-Identifier: Apache-2.0 */
/* books_cc: all forms of operator new and delete, with malloc and free in between. With an
 * allocator that has operators of its own they are the way in, with glibc they are libstdc++'s.
 * That one makes 1 byte of 0, and rounds up to the alignment: nothing is asked for here that would
 * be changed. */
#include "books.h"

#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

enum site {
	SITE_NEW,
	SITE_NEW_NOTHROW,
	SITE_NEW_ARRAY,
	SITE_NEW_ARRAY_NOTHROW,
	SITE_NEW_ALIGNED,
	SITE_NEW_ALIGNED_NOTHROW,
	SITE_NEW_ALIGNED_ARRAY,
	SITE_NEW_ALIGNED_ARRAY_NOTHROW,
	SITE_MALLOC,
	SITE_CONTAINERS,
};

static const char *const sites[] = {
	"site_new",
	"site_new_nothrow",
	"site_new_array",
	"site_new_array_nothrow",
	"site_new_aligned",
	"site_new_aligned_nothrow",
	"site_new_aligned_array",
	"site_new_aligned_array_nothrow",
	"site_malloc",
	"site_containers",
};

/* Of a block: what must give it back. */
enum kind { SCALAR, ARRAY, ALIGNED, ALIGNED_ARRAY, PLAIN };

static constexpr std::align_val_t alignment{64};

/* Books what a container asks for. */
template <class T> struct booked : std::allocator<T> {
	booked() = default;

	template <class U> booked(const booked<U> &)
	{
	}

	template <class U> struct rebind {
		typedef booked<U> other;
	};

	static struct block block_of(T *address, size_t count)
	{
		struct block block = {};

		block.address = address;
		block.site = SITE_CONTAINERS;
		block.size = books__size_of(count * sizeof(T));
		return block;
	}

	T *allocate(size_t count)
	{
		T *address = std::allocator<T>::allocate(count);
		struct block block = block_of(address, count);

		books__alloc(&block, block.site, block.size);
		return address;
	}

	void deallocate(T *address, size_t count)
	{
		struct block block = block_of(address, count);

		std::allocator<T>::deallocate(address, count);
		books__free(&block);
	}
};

typedef std::vector<char, booked<char>> booked_vector;
typedef std::basic_string<char, std::char_traits<char>, booked<char>> booked_string;
/* A node has 48 bytes. */
typedef std::map<uint64_t, uint64_t, std::less<uint64_t>,
		 booked<std::pair<const uint64_t, uint64_t>>>
	booked_map;

/* C names, which need no demangling. */
extern "C" {

APART static void site_new(struct block *block, uint32_t size)
{
	block->address = ::operator new(books_sizes[size]);
	block->kind = SCALAR;
	books__alloc(block, SITE_NEW, size);
}

APART static void site_new_nothrow(struct block *block, uint32_t size)
{
	block->address = books__must(::operator new(books_sizes[size], std::nothrow));
	block->kind = SCALAR;
	books__alloc(block, SITE_NEW_NOTHROW, size);
}

APART static void site_new_array(struct block *block, uint32_t size)
{
	block->address = ::operator new[](books_sizes[size]);
	block->kind = ARRAY;
	books__alloc(block, SITE_NEW_ARRAY, size);
}

APART static void site_new_array_nothrow(struct block *block, uint32_t size)
{
	block->address = books__must(::operator new[](books_sizes[size], std::nothrow));
	block->kind = ARRAY;
	books__alloc(block, SITE_NEW_ARRAY_NOTHROW, size);
}

APART static void site_new_aligned(struct block *block, uint32_t size)
{
	block->address = ::operator new(books_sizes[size], alignment);
	block->kind = ALIGNED;
	books__alloc(block, SITE_NEW_ALIGNED, size);
}

APART static void site_new_aligned_nothrow(struct block *block, uint32_t size)
{
	block->address = books__must(::operator new(books_sizes[size], alignment, std::nothrow));
	block->kind = ALIGNED;
	books__alloc(block, SITE_NEW_ALIGNED_NOTHROW, size);
}

APART static void site_new_aligned_array(struct block *block, uint32_t size)
{
	block->address = ::operator new[](books_sizes[size], alignment);
	block->kind = ALIGNED_ARRAY;
	books__alloc(block, SITE_NEW_ALIGNED_ARRAY, size);
}

APART static void site_new_aligned_array_nothrow(struct block *block, uint32_t size)
{
	block->address = books__must(::operator new[](books_sizes[size], alignment, std::nothrow));
	block->kind = ALIGNED_ARRAY;
	books__alloc(block, SITE_NEW_ALIGNED_ARRAY_NOTHROW, size);
}

APART static void site_malloc(struct block *block, uint32_t size)
{
	block->address = books__must(std::malloc(books_sizes[size]));
	block->kind = PLAIN;
	books__alloc(block, SITE_MALLOC, size);
}

/* Leaves nothing. */
APART static void site_containers(uint32_t size)
{
	booked_vector vector;
	booked_map map;

	vector.reserve(books_sizes[size]);
	for (uint64_t i = 0; i < 3; i++)
		map[i] = size;
	/* A short one would be in the object, one of up to 30 characters would round up. */
	if (books_sizes[size] >= 100)
		booked_string string(books_sizes[size] - 1, 'x');
}

APART static void site_delete(struct block *block)
{
	::operator delete(block->address);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_sized(struct block *block)
{
	::operator delete(block->address, (size_t)books_sizes[block->size]);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_nothrow(struct block *block)
{
	::operator delete(block->address, std::nothrow);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_array(struct block *block)
{
	::operator delete[](block->address);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_array_sized(struct block *block)
{
	::operator delete[](block->address, (size_t)books_sizes[block->size]);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_array_nothrow(struct block *block)
{
	::operator delete[](block->address, std::nothrow);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_aligned(struct block *block)
{
	::operator delete(block->address, alignment);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_aligned_sized(struct block *block)
{
	::operator delete(block->address, (size_t)books_sizes[block->size], alignment);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_aligned_nothrow(struct block *block)
{
	::operator delete(block->address, alignment, std::nothrow);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_aligned_array(struct block *block)
{
	::operator delete[](block->address, alignment);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_aligned_array_sized(struct block *block)
{
	::operator delete[](block->address, (size_t)books_sizes[block->size], alignment);
	books__free(block);
	block->address = NULL;
}

APART static void site_delete_aligned_array_nothrow(struct block *block)
{
	::operator delete[](block->address, alignment, std::nothrow);
	books__free(block);
	block->address = NULL;
}

APART static void site_free(struct block *block)
{
	std::free(block->address);
	books__free(block);
	block->address = NULL;
}

/* None of these allocates anything itself, but within libstdc++ an exception is thrown and caught.
 * Its bytes are not booked, so this is no site. */
APART static void failures(void)
{
	volatile size_t huge = SIZE_MAX / 2;

	books__must_fail(::operator new(huge, std::nothrow) != NULL);
	books__must_fail(::operator new[](huge, std::nothrow) != NULL);
	books__must_fail(::operator new(huge, alignment, std::nothrow) != NULL);
	books__must_fail(::operator new[](huge, alignment, std::nothrow) != NULL);
	::operator delete(NULL);
	::operator delete[](NULL);
}
}

static void allocate(struct block *block, uint64_t *random)
{
	static const struct {
		void (*site)(struct block *, uint32_t);
		size_t align;
	} ways[] = {
		{site_new,                       1 },
		{site_new_nothrow,               1 },
		{site_new_array,                 1 },
		{site_new_array_nothrow,         1 },
		{site_new_aligned,               64},
		{site_new_aligned_nothrow,       64},
		{site_new_aligned_array,         64},
		{site_new_aligned_array_nothrow, 64},
		{site_malloc,                    1 },
	};
	uint32_t way = books__random(random) % COUNT(ways);
	uint32_t size = books__random(random) % BOOKS_SIZES;

	/* The last one fits. */
	while (!books_sizes[size] || books_sizes[size] % ways[way].align)
		size++;
	ways[way].site(block, size);
}

typedef void site_function(struct block *block);

/* By kind. */
static site_function *const plain[] = {
	site_delete, site_delete_array, site_delete_aligned, site_delete_aligned_array, site_free,
};

static site_function *const sized[] = {
	site_delete_sized,
	site_delete_array_sized,
	site_delete_aligned_sized,
	site_delete_aligned_array_sized,
	site_free,
};

static site_function *const nothrow[] = {
	site_delete_nothrow,
	site_delete_array_nothrow,
	site_delete_aligned_nothrow,
	site_delete_aligned_array_nothrow,
	site_free,
};

static void give_back(struct block *block)
{
	plain[block->kind](block);
}

static void change(struct block *block, uint64_t *random)
{
	uint32_t size = books__random(random) % BOOKS_SIZES, way = books__random(random) % 128;

	/* Rare: mimalloc takes a millisecond to find out that it has no memory. */
	if (way == 127)
		failures();
	else if (way % 4 == 0)
		site_containers(size);
	else if (way % 4 == 1)
		sized[block->kind](block);
	else if (way % 4 == 2)
		nothrow[block->kind](block);
	else
		give_back(block);
}

int main(int argc, char **argv)
{
	static const struct books_program program = {
		sites, COUNT(sites), NULL, allocate, change, give_back,
	};

	return books__run(&program, argc, argv);
}
