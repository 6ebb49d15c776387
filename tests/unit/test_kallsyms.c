// SPDX-License-Identifier: Apache-2.0
/* The kernel's own list of symbols. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "symbol/kallsyms.h"

static struct kallsyms *read_texts(const char *text, const char *modules_text)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");
	FILE *modules =
		modules_text ? fmemopen((void *)modules_text, strlen(modules_text), "r") : NULL;
	struct kallsyms *kallsyms;
	int err;

	assert_non_null(in);
	errno = 0;
	kallsyms = kallsyms__read(in, modules);
	err = errno;
	fclose(in);
	if (modules)
		fclose(modules);
	errno = err;
	return kallsyms;
}

static struct kallsyms *read_text(const char *text)
{
	return read_texts(text, NULL);
}

static void assert_name(const struct kallsyms *kallsyms, uint64_t address, const char *expected)
{
	const char *name = kallsyms__find(kallsyms, address);

	if (!expected) {
		assert_null(name);
	} else {
		assert_non_null(name);
		assert_string_equal(name, expected);
	}
}

static void a_function_goes_on_to_the_next_one(void **state)
{
	struct kallsyms *kallsyms = read_text("ffffffff81000000 T _text\n"
					      "ffffffff81000100 t do_it\n");

	(void)state;
	assert_non_null(kallsyms);
	assert_name(kallsyms, 0xffffffff80ffffff, NULL);
	assert_name(kallsyms, 0, NULL);
	assert_name(kallsyms, 0xffffffff81000000, "_text");
	assert_name(kallsyms, 0xffffffff810000ff, "_text");
	assert_name(kallsyms, 0xffffffff81000100, "do_it");
	assert_name(kallsyms, 0xffffffffa0000000, NULL);
	kallsyms__free(kallsyms);
}

static void only_code_counts(void **state)
{
	struct kallsyms *kallsyms = read_text("0000000000000000 A fixed_percpu_data\n"
					      "ffffffff81000000 T a\n"
					      "ffffffff81000010 D data\n"
					      "ffffffff81000020 r rodata\n"
					      "ffffffff81000030 b bss\n"
					      "ffffffff81000040 V weak_data\n"
					      "ffffffff81000100 w b\n"
					      "ffffffff81000200 W c\n"
					      "ffffffff81000300 t d\n");

	(void)state;
	assert_non_null(kallsyms);
	assert_name(kallsyms, 0xffffffff81000050, "a");
	assert_name(kallsyms, 0xffffffff81000100, "b");
	assert_name(kallsyms, 0xffffffff81000200, "c");
	assert_name(kallsyms, 0xffffffff81000300, "d");
	kallsyms__free(kallsyms);
}

static void a_modules_name_stands_behind_the_functions(void **state)
{
	struct kallsyms *kallsyms = read_text("ffffffffc0000000 t tun_open\t[tun]\n"
					      "ffffffffc0000100 t tun_close\t[tun]\n");

	(void)state;
	assert_non_null(kallsyms);
	assert_name(kallsyms, 0xffffffffc0000001, "tun_open [tun]");
	assert_name(kallsyms, 0xffffffffc0000101, "tun_close [tun]");
	kallsyms__free(kallsyms);
}

static void the_cores_code_ends_where_it_says(void **state)
{
	struct kallsyms *kallsyms = read_text("ffffffff81000000 T _stext\n"
					      "ffffffff81100000 t last\n"
					      "ffffffff81200000 T _etext\n"
					      "ffffffff81200000 T at_the_end\n"
					      "ffffffff83000000 T _sinittext\n"
					      "ffffffff83000000 T first_init\n"
					      "ffffffff83008000 T _einittext\n"
					      "ffffffff83009000 T behind\n"
					      "ffffffffc0000000 t tun_open\t[tun]\n");

	(void)state;
	assert_non_null(kallsyms);
	assert_name(kallsyms, 0xffffffff810fffff, "_stext");
	assert_name(kallsyms, 0xffffffff811fffff, "last");
	assert_name(kallsyms, 0xffffffff81200000, NULL);
	assert_name(kallsyms, 0xffffffff83007fff, "first_init");
	assert_name(kallsyms, 0xffffffff83008000, NULL);
	assert_name(kallsyms, 0xffffffff83009fff, "behind");
	assert_name(kallsyms, 0xffffffff8300a000, NULL);
	kallsyms__free(kallsyms);
}

static void a_modules_last_function_ends_with_the_module(void **state)
{
	static const char symbols[] = "ffffffff81000000 T _stext\n"
				      "ffffffffc0000000 t tun_open\t[tun]\n"
				      "ffffffffc0000100 t tun_close\t[tun]\n"
				      "ffffffffc0900000 t veth_open\t[veth]\n";
	struct kallsyms *kallsyms =
		read_texts(symbols, "veth 8192 0 - Live 0xffffffffc0900000\n"
				    "tun 65536 2 vhost_net,tap, Live 0xffffffffc0000000 (OE)\n");

	(void)state;
	assert_non_null(kallsyms);
	assert_name(kallsyms, 0xffffffffc00000ff, "tun_open [tun]");
	assert_name(kallsyms, 0xffffffffc000ffff, "tun_close [tun]");
	assert_name(kallsyms, 0xffffffffc0010000, NULL);
	assert_name(kallsyms, 0xffffffffc0901fff, "veth_open [veth]");
	assert_name(kallsyms, 0xffffffffc0902000, NULL);
	kallsyms__free(kallsyms);
	/* As who may not see them gets them: then it is a page. */
	kallsyms = read_texts(symbols, "tun 65536 0 - Live 0x0000000000000000\nnonsense\n\n");
	assert_non_null(kallsyms);
	assert_name(kallsyms, 0xffffffffc00010ff, "tun_close [tun]");
	assert_name(kallsyms, 0xffffffffc0001100, NULL);
	kallsyms__free(kallsyms);
}

static void a_bpf_program_is_named_and_ends_somewhere(void **state)
{
	struct kallsyms *kallsyms =
		read_text("ffffffff81000000 T _stext\n"
			  "ffffffffc0001000 t bpf_prog_6deef7357e7b4530_first\t[bpf]\n"
			  "ffffffffc0003000 t bpf_prog_1234567890abcdef_last\t[bpf]\n");

	(void)state;
	assert_non_null(kallsyms);
	assert_name(kallsyms, 0xffffffffc0002fff, "bpf_prog_6deef7357e7b4530_first [bpf]");
	assert_name(kallsyms, 0xffffffffc0012fff, "bpf_prog_1234567890abcdef_last [bpf]");
	assert_name(kallsyms, 0xffffffffc0013000, NULL);
	kallsyms__free(kallsyms);
}

static void lines_may_come_in_any_order(void **state)
{
	struct kallsyms *kallsyms = read_text("ffffffff81000200 T c\n"
					      "ffffffff81000000 T a\n"
					      "ffffffff81000100 T b\n");

	(void)state;
	assert_non_null(kallsyms);
	assert_name(kallsyms, 0xffffffff810000ff, "a");
	assert_name(kallsyms, 0xffffffff810001ff, "b");
	assert_name(kallsyms, 0xffffffff81000200, "c");
	kallsyms__free(kallsyms);
}

static void of_two_names_at_one_address_the_better_one_is_given(void **state)
{
	static const char *const texts[] = {
		"ffffffff81000000 T __x64_sys_read\n"
		"ffffffff81000000 T sys_read_it\n"
		"ffffffff81000100 T next\n",
		"ffffffff81000100 T next\n"
		"ffffffff81000000 T sys_read_it\n"
		"ffffffff81000000 T __x64_sys_read\n",
		"ffffffff81000000 W longer_but_weak\n"
		"ffffffff81000100 T next\n"
		"ffffffff81000000 T sys_read_it\n",
		"ffffffff81000000 t longer_but_local\n"
		"ffffffff81000000 T sys_read_it\n"
		"ffffffff81000100 T next\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct kallsyms *kallsyms = read_text(texts[i]);

		assert_non_null(kallsyms);
		assert_name(kallsyms, 0xffffffff81000000, "sys_read_it");
		assert_name(kallsyms, 0xffffffff810000ff, "sys_read_it");
		assert_name(kallsyms, 0xffffffff81000100, "next");
		kallsyms__free(kallsyms);
	}
}

static void addresses_that_are_all_hidden_are_a_refusal(void **state)
{
	(void)state;
	assert_null(read_text("0000000000000000 T _text\n"
			      "0000000000000000 t do_it\n"
			      "0000000000000000 t tun_open\t[tun]\n"));
	assert_int_equal(errno, EACCES);
}

static void no_lines_are_a_refusal(void **state)
{
	FILE *in = fopen("/dev/null", "r");

	(void)state;
	errno = 0;
	assert_null(kallsyms__read(in, NULL));
	assert_int_equal(errno, EACCES);
	fclose(in);
}

static void a_malformed_line_is_refused(void **state)
{
	static const char *const lines[] = {
		"\n",
		"hello world\n",
		"ffffffff81000000\n",
		"ffffffff81000000 T\n",
		"ffffffff81000000 T \n",
		"T _text\n",
		"ffffffff81000000 T good\nxyz\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (read_text(lines[i]) || errno != EBADMSG)
			fail_msg("not refused: %s", lines[i]);
	}
}

static void a_very_long_name_does_no_harm(void **state)
{
	char text[8192] = "ffffffff81000000 T ";
	struct kallsyms *kallsyms;

	(void)state;
	memset(text + strlen(text), 'x', 5000);
	strcat(text, "\n");
	kallsyms = read_text(text);
	assert_non_null(kallsyms);
	assert_non_null(kallsyms__find(kallsyms, 0xffffffff81000000));
	kallsyms__free(kallsyms);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	kallsyms__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_function_goes_on_to_the_next_one),
		cmocka_unit_test(only_code_counts),
		cmocka_unit_test(a_modules_name_stands_behind_the_functions),
		cmocka_unit_test(the_cores_code_ends_where_it_says),
		cmocka_unit_test(a_modules_last_function_ends_with_the_module),
		cmocka_unit_test(a_bpf_program_is_named_and_ends_somewhere),
		cmocka_unit_test(lines_may_come_in_any_order),
		cmocka_unit_test(of_two_names_at_one_address_the_better_one_is_given),
		cmocka_unit_test(addresses_that_are_all_hidden_are_a_refusal),
		cmocka_unit_test(no_lines_are_a_refusal),
		cmocka_unit_test(a_malformed_line_is_refused),
		cmocka_unit_test(a_very_long_name_does_no_harm),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
