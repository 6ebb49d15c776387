// SPDX-License-Identifier: Apache-2.0
/* Which symbol covers an address, and which of several names it goes by. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "symbol/symtab.h"

static void add(struct symtab *symtab, uint64_t start, uint64_t end, const char *name)
{
	struct symbol symbol = {.start = start, .end = end, .name = name, .is_global = true};

	assert_int_equal(symtab__add(symtab, symbol), 0);
}

static void assert_name(const struct symtab *symtab, uint64_t address, const char *name)
{
	const struct symbol *symbol = symtab__find(symtab, address);

	if (!name) {
		assert_null(symbol);
	} else {
		assert_non_null(symbol);
		assert_string_equal(symbol->name, name);
	}
}

static void a_symbol_covers_its_first_byte_to_its_last(void **state)
{
	struct symtab symtab = {};

	(void)state;
	add(&symtab, 0x100, 0x200, "f");
	assert_int_equal(symtab__finish(&symtab), 0);
	assert_name(&symtab, 0xff, NULL);
	assert_name(&symtab, 0x100, "f");
	assert_name(&symtab, 0x1ff, "f");
	assert_name(&symtab, 0x200, NULL);
	symtab__release(&symtab);
}

static void a_gap_belongs_to_nobody(void **state)
{
	struct symtab symtab = {};

	(void)state;
	add(&symtab, 0x300, 0x400, "g");
	add(&symtab, 0x100, 0x200, "f");
	add(&symtab, 0x400, 0x500, "h");
	assert_int_equal(symtab__finish(&symtab), 0);
	assert_name(&symtab, 0x1ff, "f");
	assert_name(&symtab, 0x200, NULL);
	assert_name(&symtab, 0x2ff, NULL);
	assert_name(&symtab, 0x300, "g");
	assert_name(&symtab, 0x3ff, "g");
	assert_name(&symtab, 0x400, "h");
	assert_name(&symtab, 0x500, NULL);
	symtab__release(&symtab);
}

static void of_nested_symbols_the_one_that_begins_last_is_found(void **state)
{
	struct symtab symtab = {};

	(void)state;
	add(&symtab, 0x100, 0x500, "outer");
	add(&symtab, 0x200, 0x400, "middle");
	add(&symtab, 0x280, 0x300, "inner");
	add(&symtab, 0x480, 0x490, "late");
	assert_int_equal(symtab__finish(&symtab), 0);
	assert_name(&symtab, 0x100, "outer");
	assert_name(&symtab, 0x200, "middle");
	assert_name(&symtab, 0x280, "inner");
	assert_name(&symtab, 0x300, "middle");
	assert_name(&symtab, 0x400, "outer");
	assert_name(&symtab, 0x480, "late");
	assert_name(&symtab, 0x490, "outer");
	assert_name(&symtab, 0x500, NULL);
	symtab__release(&symtab);
}

static void of_those_that_begin_together_the_shortest_is_found(void **state)
{
	struct symtab symtab = {};

	(void)state;
	add(&symtab, 0x100, 0x200, "short");
	add(&symtab, 0x100, 0x300, "long");
	assert_int_equal(symtab__finish(&symtab), 0);
	assert_name(&symtab, 0x1ff, "short");
	assert_name(&symtab, 0x200, "long");
	assert_name(&symtab, 0x300, NULL);
	symtab__release(&symtab);
}

static void a_long_symbol_is_found_behind_many_short_ones(void **state)
{
	struct symtab symtab = {};

	(void)state;
	add(&symtab, 0, 1000000, "long");
	for (uint64_t i = 0; i < 10000; i++)
		add(&symtab, 10 * i, 10 * i + 5, "short");
	assert_int_equal(symtab__finish(&symtab), 0);
	assert_name(&symtab, 50004, "short");
	assert_name(&symtab, 50005, "long");
	assert_name(&symtab, 999999, "long");
	assert_name(&symtab, 1000000, NULL);
	symtab__release(&symtab);
}

static void the_ends_of_the_address_space_are_addresses(void **state)
{
	struct symtab symtab = {};

	(void)state;
	add(&symtab, 0, 0x10, "first");
	add(&symtab, UINT64_MAX - 0x10, UINT64_MAX, "last");
	assert_int_equal(symtab__finish(&symtab), 0);
	assert_name(&symtab, 0, "first");
	assert_name(&symtab, 0xf, "first");
	assert_name(&symtab, 0x10, NULL);
	assert_name(&symtab, UINT64_MAX - 0x11, NULL);
	assert_name(&symtab, UINT64_MAX - 1, "last");
	assert_name(&symtab, UINT64_MAX, NULL);
	symtab__release(&symtab);
}

static void an_empty_table_covers_nothing(void **state)
{
	struct symtab symtab = {};

	(void)state;
	assert_int_equal(symtab__finish(&symtab), 0);
	assert_name(&symtab, 0, NULL);
	assert_name(&symtab, UINT64_MAX, NULL);
	symtab__release(&symtab);
}

/* Whichever of the two comes first. */
static void assert_wins(struct symbol winner, struct symbol loser)
{
	winner.start = loser.start = 0x100;
	winner.end = loser.end = 0x200;
	for (int i = 0; i < 2; i++) {
		struct symtab symtab = {};

		symtab__add(&symtab, i ? winner : loser);
		symtab__add(&symtab, i ? loser : winner);
		assert_int_equal(symtab__finish(&symtab), 0);
		assert_int_equal(symtab.count, 1);
		assert_name(&symtab, 0x100, winner.name);
		symtab__release(&symtab);
	}
}

#define GLOBAL(text) ((struct symbol){.name = text, .is_global = true})
#define WEAK(text)   ((struct symbol){.name = text, .is_weak = true})
#define LOCAL(text)  ((struct symbol){.name = text})

/* Each loses by one rule and would win by all that come after it. */
static void a_name_without_a_version_wins(void **state)
{
	(void)state;
	assert_wins(WEAK("__f"), GLOBAL("malloc@@GLIBC_2.2.5"));
}

static void then_one_with_fewer_leading_underscores(void **state)
{
	(void)state;
	assert_wins(WEAK("calloc"), GLOBAL("__libc_calloc"));
	assert_wins(WEAK("_f"), GLOBAL("__libc_f"));
	assert_wins(WEAK("f__f"), GLOBAL("_longer_name"));
}

static void then_one_that_is_not_weak(void **state)
{
	(void)state;
	assert_wins(LOCAL("ff"), WEAK("g"));
	assert_wins(GLOBAL("ff"), WEAK("g"));
	assert_wins(LOCAL("f"), ((struct symbol){.name = "g", .is_weak = true, .is_global = true}));
}

static void then_a_global_one(void **state)
{
	(void)state;
	assert_wins(GLOBAL("ff"), LOCAL("g"));
}

static void then_the_shorter_one(void **state)
{
	(void)state;
	assert_wins(GLOBAL("z"), GLOBAL("aa"));
	assert_wins(WEAK("z"), WEAK("aa"));
}

static void then_the_first_by_its_bytes(void **state)
{
	(void)state;
	assert_wins(GLOBAL("abc"), GLOBAL("abd"));
	assert_wins(GLOBAL("ABC"), GLOBAL("abc"));
}

static void the_best_of_many_aliases_stays(void **state)
{
	struct symtab symtab = {};

	(void)state;
	add(&symtab, 0x100, 0x200, "__libc_malloc");
	add(&symtab, 0x100, 0x200, "malloc@@GLIBC_2.2.5");
	add(&symtab, 0x100, 0x200, "malloc");
	add(&symtab, 0x100, 0x200, "__malloc");
	add(&symtab, 0x300, 0x400, "free");
	assert_int_equal(symtab__finish(&symtab), 0);
	assert_int_equal(symtab.count, 2);
	assert_name(&symtab, 0x180, "malloc");
	assert_name(&symtab, 0x380, "free");
	symtab__release(&symtab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_symbol_covers_its_first_byte_to_its_last),
		cmocka_unit_test(a_gap_belongs_to_nobody),
		cmocka_unit_test(of_nested_symbols_the_one_that_begins_last_is_found),
		cmocka_unit_test(of_those_that_begin_together_the_shortest_is_found),
		cmocka_unit_test(a_long_symbol_is_found_behind_many_short_ones),
		cmocka_unit_test(the_ends_of_the_address_space_are_addresses),
		cmocka_unit_test(an_empty_table_covers_nothing),
		cmocka_unit_test(a_name_without_a_version_wins),
		cmocka_unit_test(then_one_with_fewer_leading_underscores),
		cmocka_unit_test(then_one_that_is_not_weak),
		cmocka_unit_test(then_a_global_one),
		cmocka_unit_test(then_the_shorter_one),
		cmocka_unit_test(then_the_first_by_its_bytes),
		cmocka_unit_test(the_best_of_many_aliases_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
