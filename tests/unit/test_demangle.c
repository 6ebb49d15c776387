// SPDX-License-Identifier: Apache-2.0
/* Symbols of known functions, and symbols made to keep a demangler busy. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "symbol/demangle.h"

struct known {
	const char *mangled, *name; /* NULL: shown as it is */
};

static void assert_known(const struct known *known, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *name = demangle__name(known[i].mangled);

		if (!known[i].name != !name || (name && strcmp(name, known[i].name)))
			fail_msg("%s is %s", known[i].mangled, name ? name : "not demangled");
		free(name);
	}
}

#define ASSERT_KNOWN(known) assert_known(known, sizeof(known) / sizeof(*(known)))

static void cpp_is_demangled(void **state)
{
	static const struct known known[] = {
		{"_Z3foov",                      "foo"					 },
		{"_Z3fooIiEvT_",                 "foo<int>"                                    },
		{"_ZNKSt6vectorIiSaIiEE4sizeEv", "std::vector<int, std::allocator<int> >::size"},
		{"_ZZ4mainENKUlvE_clEv",         "main::{lambda()#1}::operator()"              },
		{"_ZZN3app3runEiENKUliE0_clEi",  "app::run(int)::{lambda(int)#2}::operator()"  },
		{"_ZN3FooB5cxx113barEv",         "Foo[abi:cxx11]::bar"                         },
		{"_ZN6serverC1Ev",               "server::server"                              },
		{"_ZN6serverC2Ev",               "server::server"                              },
		{"_ZN6serverD0Ev",               "server::~server"                             },
		{"_ZN12_GLOBAL__N_14workEv",     "(anonymous namespace)::work"                 },
		{"_ZN1AcvbEv",                   "A::operator bool"                            },
		{"_Znwm",                        "operator new"                                },
		{"_ZThn16_N1B3runEv",            "non-virtual thunk to B::run()"               },
		{"_ZTV1A",                       "vtable for A"                                },
		{"_Z1fIJidEEvDpT_",              "f<int, double>"                              },
	};

	(void)state;
	ASSERT_KNOWN(known);
}

static void rust_is_demangled_by_both_schemes(void **state)
{
	static const struct known known[] = {
		{"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE",                    "core::fmt::Formatter::pad"              },
		{"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar"
		 "17h930b740aa94f1d3aE",			     "<Test + 'static as foo::Bar<Test>>::bar"},
		{"_RNvC6_123foo3bar",						 "123foo::bar"                            },
		{"_RNvCs15kBYyAo9fc_7mycrate7example",                                "mycrate::example"                       },
		{"_RINvNtC3std3mem8align_ofNtNtC3foo3bar3BazE",
		 "std::mem::align_of::<foo::bar::Baz>"									 },
		{"_RNCNvC4main3run0",						 "main::run::{closure#0}"                 },
		{"_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y",
		 "utf8_idents::\u10e1\u10d0\u10ed\u10db\u10d4\u10da\u10d0\u10d3_"
		 "\u10d2\u10d4\u10db\u10e0\u10d8\u10d4\u10da\u10d8_"
		 "\u10e1\u10d0\u10d3\u10d8\u10da\u10d8"									},
	};

	(void)state;
	ASSERT_KNOWN(known);
}

static void d_is_demangled(void **state)
{
	static const struct known known[] = {
		{"_D8demangle4testFaZv",            "demangle.test(char)"},
		{"_D8demangle8__T4testVnZ4testFZv", NULL                 }, /* lengths that do not add up */
		{"_Dmain",                          "D main"             },
	};

	(void)state;
	ASSERT_KNOWN(known);
}

static void what_stands_behind_a_name_stays(void **state)
{
	static const struct known known[] = {
		{"_Z3foov.cold",				     "foo.cold"                        },
		{"_Z3foov.constprop.0",                              "foo.constprop.0"                 },
		{"_Z3foov.part.1.isra.0",                            "foo.part.1.isra.0"               },
		{"_ZNSt6localeC1Ev@@GLIBCXX_3.4",                    "std::locale::locale@@GLIBCXX_3.4"},
		{"_ZNSt6localeC1Ev@GLIBCXX_3.4",                     "std::locale::locale@GLIBCXX_3.4" },
		{"_RNvC6kernel5print\t[rust_minimal]",               NULL                              },
		{"_RNvC6kernel5print [rust_minimal]",                "kernel::print [rust_minimal]"    },
 /* LLVM's are nothing but a number. */
		{"_Z3foov.llvm.1234567890",                          "foo"                             },
		{"_Z3foov.llvm.1234567890.cold",                     "foo.cold"                        },
		{"_ZN4core3fmt5write17h0123456789abcdefE.llvm.12AB", "core::fmt::write"                },
		{"_RNvC6_123foo3bar.llvm.9D1C9369",                  "123foo::bar"                     },
	};

	(void)state;
	ASSERT_KNOWN(known);
}

static void what_is_not_mangled_stays(void **state)
{
	static const struct known known[] = {
		{"",                  NULL},
                {"_",                 NULL},
                {"main",              NULL},
                {"__libc_start_main", NULL},
		{"_Z",                NULL},
                {"_R",                NULL},
                {"_D",                NULL},
                {"_ZN",               NULL},
		{"_Zzz",              NULL},
                {"_Z3fo",             NULL},
                {"_Z.cold",           NULL},
                {"_Debug_print",      NULL},
	};

	(void)state;
	ASSERT_KNOWN(known);
}

/* pair<pair<...>, pair<...>>, each time twice as long as before. */
static void doubling(char *text, size_t size)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t length = snprintf(text, size, "_Z1fISt4pairIiiE");

	for (const char *digit = digits; *digit; digit++)
		length +=
			snprintf(text + length, size - length, "St4pairIS%c_S%c_E", *digit, *digit);
	snprintf(text + length, size - length, "Evv");
}

static void assert_soon(const char *mangled)
{
	clock_t began = clock();

	free(demangle__name(mangled));
	/* The limit is 5 ms. */
	assert_true(clock() - began < CLOCKS_PER_SEC / 20);
}

static void an_endless_name_stays(void **state)
{
	char text[4096];

	(void)state;
	/* 839 million million lifetimes, in a part that is not printed. */
	assert_soon("_RNvMIC1aFGzzzzzzzz_EuEi3foo");
	assert_null(demangle__name("_RNvMIC1aFGzzzzzzzz_EuEi3foo"));
	/* The same where they are. */
	assert_soon("_RINvC1a1bFGzzzzzzzz_EuE");
	assert_null(demangle__name("_RINvC1a1bFGzzzzzzzz_EuE"));
	doubling(text, sizeof(text));
	assert_soon(text);
	/* And the next one is none the worse for it. */
	cpp_is_demangled(state);
	rust_is_demangled_by_both_schemes(state);
}

static void a_long_name_stays(void **state)
{
	size_t size = 1000000;
	char *text = malloc(size);

	(void)state;
	memset(text, 'P', size);
	memcpy(text, "_Z1f", 4);
	strcpy(text + size - 2, "i");
	assert_null(demangle__name(text));
	memcpy(text, "_RNv", 4);
	assert_null(demangle__name(text));
	memcpy(text, "_D1a1bF", 7);
	assert_null(demangle__name(text));
	free(text);
}

static void references_in_d_are_few(void **state)
{
	char text[512] = "_D1a1bFAiQcZv";
	char *name = demangle__name(text);

	(void)state;
	assert_non_null(name);
	assert_string_equal(name, "a.b(int[], int[])");
	free(name);
	strcpy(text, "_D1a1bFAi");
	for (int i = 0; i < 13; i++)
		strcat(text, "Qc");
	strcat(text, "Zv");
	assert_null(demangle__name(text));
}

/* Linked as exoprof is: what is left by a jump is never the dynamic linker. */
static void functions_are_bound_before_main(void **state)
{
	bool is_bound = false;

	(void)state;
	for (const ElfW(Dyn) *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++)
		is_bound |= entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_BIND_NOW;
	assert_true(is_bound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpp_is_demangled),
		cmocka_unit_test(rust_is_demangled_by_both_schemes),
		cmocka_unit_test(d_is_demangled),
		cmocka_unit_test(what_stands_behind_a_name_stays),
		cmocka_unit_test(what_is_not_mangled_stays),
		cmocka_unit_test(an_endless_name_stays),
		cmocka_unit_test(a_long_name_stays),
		cmocka_unit_test(references_in_d_are_few),
		cmocka_unit_test(functions_are_bound_before_main),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
