/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of demo-server: flags, their limits and their defaults. */
#include "options.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS   1024
#define MAX_DELAY_MS  (3600 * 1000)
#define MAX_GC_BLOCKS (1000 * 1000) /* 10 GB a request */

enum {
	KEY_LISTEN = 0x100,
	KEY_THREADS,
	KEY_FAST_DELAY,
	KEY_SLOW_MIN,
	KEY_SLOW_MAX,
	KEY_GC_MIN,
	KEY_GC_MAX,
	KEY_GC_KEEP,
};

/* One row for each flag that takes a number. */
static const struct number_flag {
	int key;
	const char *name;
	uint32_t min;
	uint32_t max;
	size_t offset;
} number_flags[] = {
	{KEY_THREADS,    "threads",       1, MAX_THREADS,   offsetof(struct options, nr_threads)   },
	{KEY_FAST_DELAY, "fast-delay",    0, MAX_DELAY_MS,  offsetof(struct options, fast_delay_ms)},
	{KEY_SLOW_MIN,   "slow-min",      0, MAX_DELAY_MS,  offsetof(struct options, slow_min_ms)  },
	{KEY_SLOW_MAX,   "slow-max",      0, MAX_DELAY_MS,  offsetof(struct options, slow_max_ms)  },
	{KEY_GC_MIN,     "gc-min-alloc",  0, MAX_GC_BLOCKS, offsetof(struct options, gc_min_blocks)},
	{KEY_GC_MAX,     "gc-max-alloc",  0, MAX_GC_BLOCKS, offsetof(struct options, gc_max_blocks)},
	{KEY_GC_KEEP,    "gc-keep-every", 0, MAX_GC_BLOCKS, offsetof(struct options, gc_keep_every)},
};

static const struct argp_option argp_options[] = {
	{"listen",        KEY_LISTEN,     "ADDR:PORT", 0, "Default :8080, all addresses; port 0: any", 0},
	{"threads",       KEY_THREADS,    "N",         0, "Event loops (default: one per usable CPU)", 0},
	{"fast-delay",    KEY_FAST_DELAY, "MS",        0, "Delay of /fast (default 0)",                0},
	{"slow-min",      KEY_SLOW_MIN,   "MS",        0, "Shortest delay of /slow (default 1)",       0},
	{"slow-max",      KEY_SLOW_MAX,   "MS",        0, "/slow stays below this (default 300)",      0},
	{"gc-min-alloc",  KEY_GC_MIN,     "N",         0, "Fewest blocks of /gc (default 50)",         0},
	{"gc-max-alloc",  KEY_GC_MAX,     "N",         0, "/gc stays below this (default 1000)",       0},
	{"gc-keep-every", KEY_GC_KEEP,    "N",         0, "/gc keeps one block in N (100; 0: none)",   0},
	{NULL,            0,              NULL,        0, NULL,					0},
};

/* Digits and nothing else: strtoull alone would take " -1". */
static int parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *value)
{
	unsigned long long number;

	if (!*text || text[strspn(text, "0123456789")])
		return -EINVAL;
	errno = 0;
	number = strtoull(text, NULL, 10);
	if (errno || number < min || number > max)
		return -ERANGE;
	*value = number;
	return 0;
}

static void listen_on_ipv4(struct options *options, struct in_addr addr, in_port_t port)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&options->listen_addr;

	sin->sin_family = AF_INET;
	sin->sin_addr = addr;
	sin->sin_port = port;
	options->listen_addr_len = sizeof(*sin);
}

static void listen_on_ipv6(struct options *options, struct in6_addr addr, in_port_t port)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&options->listen_addr;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_addr = addr;
	sin6->sin6_port = port;
	options->listen_addr_len = sizeof(*sin6);
}

/* Takes 127.0.0.1:8080, [::1]:8080, :8080 and 8080. */
static int parse_listen(const char *text, struct options *options)
{
	const char *colon = strrchr(text, ':');
	size_t host_len = colon ? (size_t)(colon - text) : 0;
	char host[INET6_ADDRSTRLEN + 2];
	struct in6_addr in6 = IN6ADDR_ANY_INIT;
	struct in_addr in;
	uint32_t port;

	if (parse_number(colon ? colon + 1 : text, 0, UINT16_MAX, &port) ||
	    host_len >= sizeof(host))
		return -EINVAL;
	memset(&options->listen_addr, 0, sizeof(options->listen_addr));
	options->listen_text = text;
	options->listen_any = host_len == 0;
	memcpy(host, text, host_len);
	host[host_len] = '\0';

	if (host_len == 0) {
		listen_on_ipv6(options, in6, htons(port));
		return 0;
	}
	if (inet_pton(AF_INET, host, &in) == 1) {
		listen_on_ipv4(options, in, htons(port));
		return 0;
	}
	if (host[0] != '[' || host[host_len - 1] != ']')
		return -EINVAL;
	host[host_len - 1] = '\0';
	if (inet_pton(AF_INET6, host + 1, &in6) != 1)
		return -EINVAL;
	listen_on_ipv6(options, in6, htons(port));
	return 0;
}

static int parse_number_flag(int key, const char *arg, struct argp_state *state)
{
	const struct number_flag *flag;
	size_t i;

	for (i = 0; i < sizeof(number_flags) / sizeof(number_flags[0]); i++) {
		flag = &number_flags[i];
		if (flag->key != key)
			continue;
		if (parse_number(arg, flag->min, flag->max,
				 (uint32_t *)((char *)state->input + flag->offset)))
			argp_error(state, "--%s takes a whole number from %u to %u, not '%s'",
				   flag->name, flag->min, flag->max, arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_LISTEN:
		if (parse_listen(arg, options))
			argp_error(state,
				   "--listen takes ADDR:PORT, such as 127.0.0.1:8080, [::1]:8080 "
				   "or :8080, not '%s'",
				   arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s': there are only flags", arg);
		return 0;
	case ARGP_KEY_END:
		if (options->slow_min_ms >= options->slow_max_ms)
			argp_error(state, "--slow-min %u must be below --slow-max %u",
				   options->slow_min_ms, options->slow_max_ms);
		if (options->gc_min_blocks >= options->gc_max_blocks)
			argp_error(state, "--gc-min-alloc %u must be below --gc-max-alloc %u",
				   options->gc_min_blocks, options->gc_max_blocks);
		return 0;
	default:
		return parse_number_flag(key, arg, state);
	}
}

static uint32_t usable_cpus(void)
{
	cpu_set_t cpus;

	/* Fails only where there are more than 1024 CPUs, which is our limit anyway. */
	return sched_getaffinity(0, sizeof(cpus), &cpus) ? MAX_THREADS : CPU_COUNT(&cpus);
}

void options__parse(struct options *options, int argc, char **argv)
{
	static const struct argp argp = {
		.options = argp_options,
		.parser = parse_opt,
		.doc = "A small web server to be profiled: /fast answers at once, /slow after a random "
		       "wait, /gc allocates many 10 KiB blocks and keeps some, /stats says "
		       "what was done.",
	};

	*options = (struct options){
		.nr_threads = usable_cpus(),
		.slow_min_ms = 1,
		.slow_max_ms = 300,
		.gc_min_blocks = 50,
		.gc_max_blocks = 1000,
		.gc_keep_every = 100,
	};
	parse_listen(":8080", options);
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, options);
}
