// SPDX-License-Identifier: Apache-2.0
/* What Prometheus scrapes: nothing is left out, and nothing is there twice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "serve/metrics.h"

/* Each figure another, so that it is known again. */
#define COUNTER(i) (1000000 + (i))
#define END(i)     (2000000 + (i))
#define USED(i)    (3000000 + (i))

static const char *const map_names[FIGURED_MAPS] = {"a", "b", "c", "d", "e", "f", "g",
						    "h", "i", "j", "k", "l", "m", "n"};

static char *metrics(void)
{
	static struct agent_figures figures;
	struct process_metrics *process = process_metrics__new();
	struct request_counts *counts;
	size_t size;
	char *text;

	figures = (struct agent_figures){.processes = 4000001};
	for (int i = 0; i < WIRE_COUNTERS; i++)
		figures.collector.counters[i] = COUNTER(i);
	for (int i = 0; i < WIRE_STACK_ENDS; i++)
		figures.collector.ends[i] = END(i);
	for (int i = 0; i < FIGURED_MAPS; i++)
		figures.collector.maps[i] = (struct map_fill){
			.name = map_names[i],
			.used = USED(i),
			.capacity = 10 * USED(i),
		};
	figures.symbolizer = (struct symbolizer_figures){
		.hits = 4000002, .misses = 4000003, .answers = 4000004, .open_files = 4000005};
	figures.fetches = (struct debuginfod_figures){.arrived = 4000006, .failed = 4000007};
	counts = request_counts__new();
	request_counts__add(counts, "/debug/pprof/heap", 200);
	request_counts__add(counts, "/debug/pprof/heap", 200);
	request_counts__add(counts, "other", 404);
	text = metrics__text(&figures,
			     &(struct serving_figures){
				     .counts = counts,
				     .process = process,
				     .in_flight = 4000008,
				     .snapshots = 4000009,
				     .snapshot_bytes = 4000010,
			     },
			     &size);
	request_counts__free(counts);
	process_metrics__free(process);
	assert_non_null(text);
	assert_int_equal(strlen(text), size);
	return text;
}

static int times(const char *text, const char *what)
{
	int count = 0;

	while ((text = strstr(text, what))) {
		count++;
		text++;
	}
	return count;
}

static int times_value(const char *text, uint64_t value)
{
	char end[32];

	snprintf(end, sizeof(end), " %llu\n", (unsigned long long)value);
	return times(text, end);
}

/* Of events that were lost there is a sum beside, of one counter for the CPU and for clones. */
static int expected_times(int counter)
{
	if (counter == WIRE_WAIT_SHORT_NS || counter == WIRE_WAIT_LOST_NS)
		return 0; /* in seconds */
	return counter == WIRE_CPU_LOST || counter == WIRE_CLONE_LOST ? 2 : 1;
}

static void every_counter_of_the_kernel_side_is_there(void **state)
{
	char *text = metrics();

	(void)state;
	for (int i = 0; i < WIRE_COUNTERS; i++)
		assert_int_equal(times_value(text, COUNTER(i)), expected_times(i));
	for (int i = 0; i < WIRE_STACK_ENDS; i++)
		assert_int_equal(times_value(text, END(i)), 1);
	for (int i = 0; i < FIGURED_MAPS; i++) {
		assert_int_equal(times_value(text, USED(i)), 1);
		assert_int_equal(times_value(text, 10 * USED(i)), 1);
	}
	for (int i = 4000001; i <= 4000010; i++)
		assert_int_equal(times_value(text, i), 1);
	free(text);
}

static void what_was_lost_is_a_sum(void **state)
{
	char *text = metrics(), line[128];

	(void)state;
	snprintf(line, sizeof(line), "\nexoprof_lost_samples_total{source=\"heap\"} %d\n",
		 COUNTER(WIRE_ALLOC_LOST_PENDING) + COUNTER(WIRE_ALLOC_LOST_STATS) +
			 COUNTER(WIRE_ALLOC_LOST_RETURN));
	assert_non_null(strstr(text, line));
	free(text);
}

static void labels_name_what_is_counted(void **state)
{
	char *text = metrics(), line[128];

	(void)state;
	snprintf(line, sizeof(line),
		 "\nexoprof_stacks_total{source=\"heap\",end=\"bad_frame\"} %d\n",
		 END(WIRE_END_INDEX(WIRE_SOURCE_HEAP, WIRE_END_BAD_FRAME)));
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "\nexoprof_stacks_total{source=\"cpu\",end=\"complete\"} %d\n",
		 END(WIRE_END_INDEX(WIRE_SOURCE_CPU, WIRE_END_OUTERMOST)));
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "\nexoprof_map_entries{map=\"a\"} %d\n", USED(0));
	assert_non_null(strstr(text, line));
	assert_null(strstr(text, "(null)"));
	free(text);
}

/* A family's samples follow its two lines, and it comes once. */
static void each_family_has_its_head(void **state)
{
	char *text = metrics(), *rest = text, *line;
	char family[128] = "", type[16] = "", name[128], head[160];

	(void)state;
	while (*(line = strsep(&rest, "\n"))) {
		if (sscanf(line, "# TYPE %127s %15s", family, type) == 2) {
			size_t length = strlen(family);
			bool has_total = length > 6 && !strcmp(family + length - 6, "_total");

			assert_int_equal(has_total, !strcmp(type, "counter"));
			continue;
		}
		if (*line == '#')
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, "{ "), line);
		assert_string_equal(name, family);
	}
	free(text);
	text = metrics();
	for (char *at = text; (at = strstr(at, "# TYPE ")); at++) {
		sscanf(at, "# TYPE %127s", family);
		snprintf(head, sizeof(head), "# TYPE %s ", family);
		assert_int_equal(times(text, head), 1);
		snprintf(head, sizeof(head), "# HELP %s ", family);
		assert_int_equal(times(text, head), 1);
	}
	free(text);
}

static double value_of(const char *text, const char *name)
{
	char line[128];
	const char *at;

	snprintf(line, sizeof(line), "\n%s ", name);
	at = strstr(text, line);
	assert_non_null(at);
	return atof(at + strlen(line));
}

static void the_process_tells_of_itself(void **state)
{
	char *text = metrics();
	double fds = value_of(text, "process_open_fds");
	int fd = dup(0);

	(void)state;
	assert_true(fd >= 0);
	free(text);
	text = metrics();
	assert_true(value_of(text, "process_open_fds") == fds + 1);
	close(fd);
	assert_true(value_of(text, "process_cpu_seconds_total") > 0);
	assert_true(value_of(text, "process_resident_memory_bytes") > 1 << 20);
	assert_true(value_of(text, "process_max_fds") >= fds);
	assert_true(value_of(text, "process_start_time_seconds") <= time(NULL) + 1);
	assert_true(value_of(text, "process_start_time_seconds") > time(NULL) - 600);
	free(text);
}

static void requests_are_counted_by_path_and_code(void **state)
{
	char *text = metrics();

	(void)state;
	assert_non_null(strstr(text, "exoprof_http_requests_total{path=\"/debug/pprof/heap\","
				     "code=\"200\"} 2\n"));
	assert_non_null(
		strstr(text, "exoprof_http_requests_total{path=\"other\",code=\"404\"} 1\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_counter_of_the_kernel_side_is_there),
		cmocka_unit_test(requests_are_counted_by_path_and_code),
		cmocka_unit_test(what_was_lost_is_a_sum),
		cmocka_unit_test(labels_name_what_is_counted),
		cmocka_unit_test(each_family_has_its_head),
		cmocka_unit_test(the_process_tells_of_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
