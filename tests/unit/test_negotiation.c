// SPDX-License-Identifier: Apache-2.0
/* What a client's headers say it can take. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "serve/negotiation.h"

static void assert_gzip(const char *header, bool expected)
{
	if (negotiation__accepts_gzip(header, strlen(header)) != expected)
		fail_msg("'%s' should%s let gzip be sent", header, expected ? "" : " not");
}

static void gzip_is_sent_to_who_names_it(void **state)
{
	(void)state;
	assert_gzip("gzip", true);
	assert_gzip("GZip", true);
	assert_gzip("x-gzip", true);
	assert_gzip("deflate, gzip;q=0.5, br", true);
	assert_gzip("deflate,gzip ; q=1.0", true);
	assert_gzip("*", true);
	assert_gzip("br, *;q=0.1", true);
}

static void gzip_is_not_sent_to_who_does_not(void **state)
{
	(void)state;
	assert_gzip("", false);
	assert_gzip("identity", false);
	assert_gzip("deflate, br", false);
	assert_gzip("gzipped, agzip", false);
	assert_gzip("br;gzip", false);
}

static void a_weight_of_zero_is_a_refusal(void **state)
{
	(void)state;
	assert_gzip("gzip;q=0", false);
	assert_gzip("gzip; Q=0.000", false);
	assert_gzip("gzip;q=0, *", false);
	assert_gzip("*;q=0", false);
	assert_gzip("*;q=0, gzip", true);
	assert_gzip("gzip;q=0.001", true);
	assert_gzip("gzip;q=", true);
}

static void the_header_ends_where_its_length_says(void **state)
{
	(void)state;
	assert_false(negotiation__accepts_gzip("gzip", 3));
	assert_true(negotiation__accepts_gzip("gzip;q=0", 4));
}

static void assert_type(const char *header, const char *expected)
{
	char type[20] = "untouched";

	if (!negotiation__only_type(header, strlen(header), type, sizeof(type)))
		fail_msg("no type in '%s'", header);
	assert_string_equal(type, expected);
}

static void assert_no_type(const char *header)
{
	char type[20];

	if (negotiation__only_type(header, strlen(header), type, sizeof(type)))
		fail_msg("a type in '%s': %s", header, type);
}

static void a_single_type_is_known(void **state)
{
	(void)state;
	assert_type("image/svg+xml", "image/svg+xml");
	assert_type(" Image/SVG+xml ; q=0.3", "image/svg+xml");
	assert_type("text/plain;charset=utf-8", "text/plain");
	assert_type("nonsense", "nonsense");
}

static void several_types_or_any_say_nothing(void **state)
{
	(void)state;
	assert_no_type("");
	assert_no_type("*/*");
	assert_no_type("image/*");
	assert_no_type("text/html, image/svg+xml");
	assert_no_type("image/svg+xml,*/*;q=0.8");
	assert_no_type("image/svg+xml,");
	assert_no_type(";q=1");
	assert_no_type("a/type-that-is-longer-than-any");
}

static void assert_etag(const char *header, const char *etag, bool expected)
{
	if (negotiation__has_etag(header, strlen(header), etag) != expected)
		fail_msg("'%s' has%s %s", header, expected ? "" : " not", etag);
}

static void an_entity_tag_is_found_among_others(void **state)
{
	(void)state;
	assert_etag("W/\"abc-1\"", "W/\"abc-1\"", true);
	assert_etag("\"abc-1\"", "W/\"abc-1\"", true);
	assert_etag("\"x\" , W/\"abc-1\",\"y\"", "W/\"abc-1\"", true);
	assert_etag("*", "W/\"abc-1\"", true);
	assert_etag("", "W/\"abc-1\"", false);
	assert_etag("W/", "W/\"abc-1\"", false);
	assert_etag("W/\"abc-12\"", "W/\"abc-1\"", false);
	assert_etag("\"ABC-1\"", "W/\"abc-1\"", false);
	assert_etag("abc-1", "W/\"abc-1\"", false);
}

static void assert_host(const char *origin, const char *host, bool expected)
{
	if (negotiation__is_of_host(origin, strlen(origin), host, strlen(host)) != expected)
		fail_msg("%s is%s of %s", origin, expected ? "" : " not", host);
}

static void an_origin_is_of_a_host_or_foreign(void **state)
{
	(void)state;
	assert_host("http://localhost:6060", "localhost:6060", true);
	assert_host("https://LocalHost:6060", "localhost:6060", true);
	assert_host("http://[::1]:6060", "[::1]:6060", true);
	assert_host("http://localhost:6061", "localhost:6060", false);
	assert_host("http://localhost", "localhost:6060", false);
	assert_host("http://evil.example", "localhost:6060", false);
	assert_host("http://evil.example/localhost:6060", "localhost:6060", false);
	assert_host("null", "localhost:6060", false);
	assert_host("null", "null", false);
	assert_host("http://", "", false);
	assert_host("", "", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip_is_sent_to_who_names_it),
		cmocka_unit_test(gzip_is_not_sent_to_who_does_not),
		cmocka_unit_test(a_weight_of_zero_is_a_refusal),
		cmocka_unit_test(the_header_ends_where_its_length_says),
		cmocka_unit_test(a_single_type_is_known),
		cmocka_unit_test(an_entity_tag_is_found_among_others),
		cmocka_unit_test(an_origin_is_of_a_host_or_foreign),
		cmocka_unit_test(several_types_or_any_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
