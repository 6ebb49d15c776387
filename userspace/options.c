// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "commands.h"
#include "poisson.h"
#include "serve/listener.h"

/* Go samples at 100 Hz; one less keeps out of step with what runs every 10 ms. */
#define DEFAULT_FREQUENCY      99
#define FREQUENCY_MAX          10000
#define DEFAULT_HEAP_RATE      (UINT64_C(512) * 1024)
/* What a wait takes by itself, of a thread that is woken at once, is a few microseconds. */
#define DEFAULT_OFFCPU_MIN_NS  1000
#define DEFAULT_OFFCPU_RATE_NS 100000
#define OFFCPU_TIME_MAX_NS     4000000000
#define DEFAULT_LISTEN         "127.0.0.1:6060"
#define DEFAULT_PROFILES       16
#define PROFILES_MAX           256
#define DEFAULT_DURATION       30
#define DEFAULT_DELAY          1
#define DURATION_MAX           86400
/* Less is not enough for one large unit, and all would be read over and over. */
#define SYMBOL_MEMORY_MIN      (32LL << 20)
#define SYMBOL_MEMORY_MAX      (1LL << 50)

enum key {
	KEY_LISTEN = 256,
	KEY_TLS_CERT,
	KEY_TLS_KEY,
	KEY_TLS_CLIENT_CA,
	KEY_ALLOW_REMOTE,
	KEY_TOKEN_FILE,
	KEY_INSECURE,
	KEY_ALLOW_HOST,
	KEY_MAX_PROFILES,
	KEY_HEAP_RATE,
	KEY_NO_HEAP,
	KEY_NO_OFFCPU,
	KEY_OFFCPU_MIN,
	KEY_OFFCPU_RATE,
	KEY_OFFCPU_WALK,
	KEY_HEAP_PROBES,
	KEY_HEAP_MODE,
	KEY_HEAP_BUDGET,
	KEY_ALLOCATOR,
	KEY_PREATTACH,
	KEY_SYMBOL_MEMORY,
	KEY_TYPE,
	KEY_FORMAT,
	KEY_DEBUG_DIR,
	KEY_CONTAINER_PID,
	KEY_OF,
	KEY_NAME,
	KEY_UNIT,
	KEY_FOLLOW_CHILDREN,
	KEY_SAMPLE_INDEX,
	KEY_NORMALIZE,
	KEY_REVERSE,
	KEY_PLAIN,
	KEY_HEAP,
};

#define FOLLOW_OPTION                                                                              \
	{                                                                                          \
		"follow-children", KEY_FOLLOW_CHILDREN, NULL, 0,                                   \
			"profile its children too, and theirs: those there are and those to come", \
			0                                                                          \
	}
#define PID_OPTIONS                                                                                        \
	{"pid", 'p', "PID", 0, "the process to profile; may be repeated", 0},                              \
		{"name",                                                                                   \
		 KEY_NAME,                                                                                 \
		 "COMM",                                                                                   \
		 0,                                                                                        \
		 "instead of -p: the only process of this name; with --follow-children: the one that the " \
		 "others descend from",                                                                    \
		 0},                                                                                       \
		{"unit",                                                                                   \
		 KEY_UNIT,                                                                                 \
		 "UNIT",                                                                                   \
		 0,                                                                                        \
		 "instead of -p: the only process of this systemd service; with --follow-children: the "   \
		 "one that the others descend from",                                                       \
		 0},                                                                                       \
		FOLLOW_OPTION
#define CONTAINER_OPTIONS                                                                      \
	{"container-pid",                                                                      \
	 KEY_CONTAINER_PID,                                                                    \
	 "PID",                                                                                \
	 0,                                                                                    \
	 "instead of -p: the process that has this pid in a container; --of says in which",    \
	 0},                                                                                   \
	{                                                                                      \
		"of", KEY_OF, "PID", 0, "any process of the container, by its pid out here", 0 \
	}
#define DEBUG_DIR_OPTION                                                                             \
	{                                                                                            \
		"debug-dir", KEY_DEBUG_DIR, "DIR", 0,                                                \
			"look for debug files in DIR, too, before /usr/lib/debug; may be repeated. " \
			"They are fetched where DEBUGINFOD_URLS in the environment names servers",   \
			0                                                                            \
	}
#define LISTEN_OPTIONS                                                                             \
	{"listen",                                                                                 \
	 KEY_LISTEN,                                                                               \
	 "PLACE",                                                                                  \
	 0,                                                                                        \
	 "where to serve: HOST:PORT, unix:PATH or unix:@NAME; may be repeated (" DEFAULT_LISTEN    \
	 ")",                                                                                      \
	 0},                                                                                       \
		{"tls-cert",                                                                       \
		 KEY_TLS_CERT,                                                                     \
		 "FILE",                                                                           \
		 0,                                                                                \
		 "serve HOST:PORT over TLS, with this certificate and what chain is behind it "    \
		 "(PEM)",                                                                          \
		 0},                                                                               \
		{"tls-key", KEY_TLS_KEY, "FILE", 0, "the certificate's private key (PEM)", 0},     \
		{"tls-client-ca",                                                                  \
		 KEY_TLS_CLIENT_CA,                                                                \
		 "FILE",                                                                           \
		 0,                                                                                \
		 "let only clients in that have a certificate of one of these authorities",        \
		 0},                                                                               \
		{"allow-remote",                                                                   \
		 KEY_ALLOW_REMOTE,                                                                 \
		 NULL,                                                                             \
		 0,                                                                                \
		 "listen where other machines reach it, too; needs --token-file, --tls-client-ca " \
		 "or --insecure",                                                                  \
		 0},                                                                               \
		{"token-file",                                                                     \
		 KEY_TOKEN_FILE,                                                                   \
		 "FILE",                                                                           \
		 0,                                                                                \
		 "let only clients in that send one of the tokens in FILE, one a line",            \
		 0},                                                                               \
		{"insecure", KEY_INSECURE, NULL, 0, "let everybody in who reaches it", 0},         \
		{"allow-host",                                                                     \
		 KEY_ALLOW_HOST,                                                                   \
		 "NAME",                                                                           \
		 0,                                                                                \
		 "what clients may call this machine, besides localhost, its addresses and its "   \
		 "host name; may be repeated",                                                     \
		 0},                                                                               \
	{                                                                                          \
		"max-profiles", KEY_MAX_PROFILES, "N", 0,                                          \
			"how many profiles that take time may be taken at once (16)", 0            \
	}
#define SAMPLING_OPTIONS                                                                           \
	{"frequency", 'F', "HZ", 0, "CPU samples a second on each CPU (99)", 0},                   \
		{"heap-rate",                                                                      \
		 KEY_HEAP_RATE,                                                                    \
		 "BYTES",                                                                          \
		 0,                                                                                \
		 "mean bytes between heap samples, K, M or G may follow (512K); 1: every "         \
		 "allocation",                                                                     \
		 0},                                                                               \
		{"heap-budget",                                                                    \
		 KEY_HEAP_BUDGET,                                                                  \
		 "PERCENT",                                                                        \
		 0,                                                                                \
		 "take the heap's probes off, for a while, when they take more than this of the "  \
		 "target's CPU time for 5 s (no limit)",                                           \
		 0},                                                                               \
		{"allocator",                                                                      \
		 KEY_ALLOCATOR,                                                                    \
		 "PATH[:PREFIX]",                                                                  \
		 0,                                                                                \
		 "follow the malloc of this file alone, a path as in /proc/PID/maps; PREFIX is "   \
		 "what its functions' names begin with (je_)",                                     \
		 0},                                                                               \
		{"symbol-memory",                                                                  \
		 KEY_SYMBOL_MEMORY,                                                                \
		 "BYTES",                                                                          \
		 0,                                                                                \
		 "resident memory above which what was read of symbols and DWARF is let go of, "   \
		 "K, M or G may follow (128M)",                                                    \
		 0},                                                                               \
		{"heap-mode",                                                                      \
		 KEY_HEAP_MODE,                                                                    \
		 "auto|uprobe|inline",                                                             \
		 0,                                                                                \
		 "what follows the heap: a uprobe on each call, or code that exoprof puts into "   \
		 "the target, where that can be (auto: uprobe)",                                   \
		 0},                                                                               \
	{                                                                                          \
		"heap-probes", KEY_HEAP_PROBES, "auto|session|pair", 0,                            \
			"how calls of malloc are probed: by session uprobes (kernel 6.13), or by " \
			"uprobe and uretprobe",                                                    \
			0                                                                          \
	}
#define NO_OFFCPU_OPTION                                                           \
	{                                                                          \
		"no-offcpu", KEY_NO_OFFCPU, NULL, 0,                               \
			"leave waiting threads alone: no block, mutex and wall", 0 \
	}
#define OFFCPU_OPTIONS                                                                      \
	{"offcpu-min", KEY_OFFCPU_MIN, "TIME", 0, "leave out waits below TIME (1us)", 0},   \
		{"offcpu-rate",                                                             \
		 KEY_OFFCPU_RATE,                                                           \
		 "TIME",                                                                    \
		 0,                                                                         \
		 "of waits below TIME one in so many is sampled that a sample stands for "  \
		 "TIME; 0: all of them (100us)",                                            \
		 0},                                                                        \
	{                                                                                   \
		"offcpu-walk", KEY_OFFCPU_WALK, "auto|back|switch", 0,                      \
			"when the stack of a thread that waits is walked: when it is back " \
			"on the CPU (kernel 6.16), or whenever it leaves it",               \
			0                                                                   \
	}
#define NO_HEAP_OPTION                                                            \
	{                                                                         \
		"no-heap", KEY_NO_HEAP, NULL, 0, "leave malloc and free alone", 0 \
	}
#define FORMAT_OPTION                                                                        \
	{                                                                                    \
		"format", KEY_FORMAT, "FORMAT", 0,                                           \
			"pprof, folded, flamegraph, speedscope, tree, text or threads (the " \
			"last of recorded goroutine profiles alone); goes by FILE's ending " \
			"(.pb.gz, .folded, .svg, .speedscope.json, .tree.json, .txt, "       \
			".threads) if not given",                                            \
			0                                                                    \
	}
#define OUTPUT_OPTION                                                                  \
	{                                                                              \
		"output", 'o', "FILE", 0, "where to write it; - is standard output", 0 \
	}
#define OUTPUT_OPTIONS                                                          \
	{"type",                                                                \
	 KEY_TYPE,                                                              \
	 "KIND",                                                                \
	 0,                                                                     \
	 "what to record: cpu, heap, allocs, block, mutex, wall, goroutine or " \
	 "threadcreate (cpu; run: heap)",                                       \
	 0},                                                                    \
		FORMAT_OPTION, OUTPUT_OPTION
#define SAMPLE_INDEX_OPTION                                                                   \
	{                                                                                     \
		"sample-index", KEY_SAMPLE_INDEX, "TYPE", 0,                                  \
			"the value that folded stacks and flame graphs show, by its name or " \
			"number; as the file has it, else the last, if not given",            \
			0                                                                     \
	}

#define WATCHING_OPTIONS                                                                            \
	{"type", KEY_TYPE, "cpu|heap|allocs|block|mutex", 0, "what to show first (cpu)", 0},        \
		{"heap",                                                                            \
		 KEY_HEAP,                                                                          \
		 NULL,                                                                              \
		 0,                                                                                 \
		 "follow the heap, too, for the keys h and a: malloc is probed only then, or "      \
		 "with --type "                                                                     \
		 "heap or allocs",                                                                  \
		 0},                                                                                \
		{"delay", 'd', "SECONDS", 0, "between refreshes (1)", 0},                           \
		{"iterations", 'n', "N", 0, "end after N refreshes", 0},                            \
	{                                                                                           \
		"plain", KEY_PLAIN, NULL, 0,                                                        \
			"a block of text at each refresh, as where standard output is no terminal", \
			0                                                                           \
	}

static const struct argp_option serve_options[] = {
	PID_OPTIONS,      CONTAINER_OPTIONS, LISTEN_OPTIONS,
	SAMPLING_OPTIONS, DEBUG_DIR_OPTION,  NO_HEAP_OPTION,
	NO_OFFCPU_OPTION, OFFCPU_OPTIONS,    {},
};

static const struct argp_option record_options[] = {
	PID_OPTIONS,
	CONTAINER_OPTIONS,
	{"duration",       'd', "SECONDS", 0, "how long (30)", 0},
	OUTPUT_OPTIONS,
	SAMPLING_OPTIONS,
	OFFCPU_OPTIONS,
	DEBUG_DIR_OPTION,
	{"preattach",       KEY_PREATTACH, NULL, 0,
	  "heap: with what was in use before the attach, estimated, as a frame of its own", 0},
	{	       },
};

static const struct argp_option top_options[] = {
	PID_OPTIONS,
	CONTAINER_OPTIONS,
	WATCHING_OPTIONS,
	SAMPLING_OPTIONS,
	DEBUG_DIR_OPTION,
	NO_HEAP_OPTION,
	{},
};

static const struct argp_option run_options[] = {
	FOLLOW_OPTION,    LISTEN_OPTIONS, SAMPLING_OPTIONS,
	DEBUG_DIR_OPTION, NO_HEAP_OPTION, NO_OFFCPU_OPTION,
	OFFCPU_OPTIONS,   OUTPUT_OPTIONS, {},
};

static const struct argp_option detach_options[] = {
	PID_OPTIONS,
	CONTAINER_OPTIONS,
	{},
};

static const struct argp_option convert_options[] = {
	FORMAT_OPTION,
	OUTPUT_OPTION,
	SAMPLE_INDEX_OPTION,
	{},
};

static const struct argp_option diff_options[] = {
	FORMAT_OPTION,
	OUTPUT_OPTION,
	SAMPLE_INDEX_OPTION,
	{"normalize", KEY_NORMALIZE, NULL, 0,
	  "scale BEFORE's values so that its totals are AFTER's: for profiles of unlike length "
	 "or load", 0},
	{"reverse",       KEY_REVERSE, NULL, 0,
	  "the flame graph's widths show BEFORE, and with it what AFTER has no more", 0},
	{	  },
};

static const struct argp_option no_options[] = {{}};

struct command {
	const char *name;
	const char *arguments; /* behind the options */
	const char *help;
	const struct argp_option *options;
	unsigned int argp_flags;
	bool needs_pid, takes_command;
	size_t files; /* that it reads */
	int (*run)(const struct options *options);
};

/* clang-format off: it would put some in columns. */
static const struct command commands[] = {
	{
         .name = "serve",
         .help = "Attach to running processes and serve their profiles over HTTP.",
         .options = serve_options,
         .needs_pid = true,
         .run = serve_command,
	 },
	{
         .name = "record",
         .help = "Attach to running processes, take one profile and write it to a file.",
         .options = record_options,
         .needs_pid = true,
         .run = record_command,
	 },
	{
         .name = "top",
         .help = "Attach to running processes and show in the terminal, live, where their "
			"time or memory goes.",						 .options = top_options,
         .needs_pid = true,
         .run = top_command,
	 },
	{
         .name = "run",
         .arguments = "[--] COMMAND [ARGUMENT...]",
         .help = "Start a command with exoprof attached from its first instruction on, and "
			"serve its profiles while it runs. With -o, its heap profile is written "
			"when it ends. Exits as the command does.",			     .options = run_options,
         .argp_flags = ARGP_IN_ORDER,
         .takes_command = true,
         .run = run_command,
	 },
	{
         .name = "convert",
         .arguments = "IN",
         .help = "Write a profile that exoprof or another tool took, in another format. IN "
			"is pprof's protobuf, folded stacks or speedscope's JSON, gzipped or not; "
			"- is standard input.",		       .options = convert_options,
         .files = 1,
         .run = convert_command,
	 },
	{
         .name = "diff",
         .arguments = "BEFORE AFTER",
         .help = "Compare two profiles. A flame graph (.svg) has AFTER's widths, red where "
			"it has more than BEFORE and blue where less; folded stacks have both "
			"values; pprof's format has the difference, as its option -diff_base.", .options = diff_options,
         .files = 2,
         .run = diff_command,
	 },
	{
         .name = "detach",
         .help = "Take out of processes what an exoprof that was killed has left in them: code "
			"for --heap-mode inline. All else the kernel takes away when exoprof ends.",					       .options = detach_options,
         .needs_pid = true,
         .run = detach_command,
	 },
	{
         .name = "check",
         .help = "Say whether this machine and this user can do it, and what to do if not.",
         .options = no_options,
         .run = check_command,
	 },
};
/* clang-format on */

#define COMMANDS (sizeof(commands) / sizeof(*commands))

const struct command *command__find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

bool command__attaches(const struct command *command)
{
	return (command->needs_pid && command->run != detach_command) || command->takes_command;
}

int command__run(const struct command *command, const struct options *options)
{
	return command->run(options);
}

void command__list(void)
{
	printf("Usage: exoprof [serve] -p PID [OPTION...]\n");
	for (size_t i = 1; i < COMMANDS; i++)
		printf("       exoprof %s [OPTION...]%s%s\n", commands[i].name,
		       commands[i].arguments ? " " : "",
		       commands[i].arguments ? commands[i].arguments : "");
	printf("\nProfiles the CPU and the heap of a running native process, from outside.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].help);
	printf("\nexoprof COMMAND --help tells more.\n");
}

/* A decimal number within bounds; else the parser's one line and exit 2. */
static long long number(struct argp_state *state, const char *what, const char *text, long long min,
			long long max, bool with_suffix)
{
	static const char suffixes[] = "KMG";
	const char *suffix;
	long long value;
	char *end;

	errno = 0;
	value = strtoll(text, &end, 10);
	suffix = with_suffix && *end ? strchr(suffixes, *end) : NULL;
	if (suffix) {
		int shift = 10 * (suffix - suffixes + 1);

		end++;
		value = value <= LLONG_MAX >> shift ? value << shift : LLONG_MAX;
	}
	if (errno || end == text || *end || value < min || value > max)
		argp_error(state, "%s: '%s' is not a number from %lld to %lld", what, text, min,
			   max);
	return value;
}

/* A whole number with its unit, in nanoseconds. */
static uint64_t duration(struct argp_state *state, const char *what, const char *text)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ns", 1         },
                {"us", 1000      },
                {"ms", 1000000   },
                {"s",  1000000000}
        };
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (end == text || strcmp(end, units[i].name) || errno || *text == '-' ||
		    value > OFFCPU_TIME_MAX_NS / units[i].ns)
			continue;
		return value * units[i].ns;
	}
	if (!strcmp(text, "0"))
		return 0;
	argp_error(state, "%s: '%s' is not a time from 0 to 4s, such as 10us", what, text);
	return 0;
}

static enum offcpu_walk offcpu_walk(struct argp_state *state, const char *name)
{
	if (!strcmp(name, "auto"))
		return OFFCPU_WALK_AUTO;
	if (!strcmp(name, "back"))
		return OFFCPU_WALK_BACK;
	if (!strcmp(name, "switch"))
		return OFFCPU_WALK_SWITCH;
	argp_error(state, "--offcpu-walk: '%s' is none of auto, back, switch", name);
	return OFFCPU_WALK_AUTO;
}

static double percent(struct argp_state *state, const char *what, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	/* Not a number compares as false, too. */
	if (end == text || *end || !(value > 0 && value <= 100))
		argp_error(state, "%s: '%s' is not a percentage above 0, up to 100", what, text);
	return value;
}

static const struct profile_kind *kind(struct argp_state *state, const char *name)
{
	const struct profile_kind *kind =
		strcmp(name, "cpu") ? profile_kind__find(name) : &profile_kind_cpu;
	char names[128] = "cpu";

	if (kind)
		return kind;
	for (const struct profile_kind *const *each = profile_kinds; *each; each++) {
		if (*each != &profile_kind_cpu)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), ", %s",
				 (*each)->name);
	}
	argp_error(state, "--type: '%s' is none of %s", name, names);
	return NULL;
}

static enum probe_flavour flavour(struct argp_state *state, const char *name)
{
	if (!strcmp(name, "auto"))
		return PROBES_AUTO;
	if (!strcmp(name, "session"))
		return PROBES_SESSION;
	if (!strcmp(name, "pair"))
		return PROBES_PAIR;
	argp_error(state, "--heap-probes: '%s' is none of auto, session, pair", name);
	return PROBES_AUTO;
}

static enum heap_mode heap_mode(struct argp_state *state, const char *name)
{
	if (!strcmp(name, "auto"))
		return HEAP_MODE_AUTO;
	if (!strcmp(name, "uprobe"))
		return HEAP_MODE_UPROBE;
	if (!strcmp(name, "inline"))
		return HEAP_MODE_INLINE;
	argp_error(state, "--heap-mode: '%s' is none of auto, uprobe, inline", name);
	return HEAP_MODE_AUTO;
}

/* PATH[:PREFIX]: behind the last colon, if no path goes on there. */
static void allocator(struct heap_watch_options *heap, char *text)
{
	char *colon = strrchr(text, ':');

	heap->allocator = text;
	if (colon && !strchr(colon, '/')) {
		*colon = '\0';
		heap->prefix = colon + 1;
	}
}

static void debug_dir(struct argp_state *state, struct options *options, const char *dir)
{
	size_t count = 0;

	while (options->debug_dirs[count])
		count++;
	if (!*dir)
		argp_error(state, "--debug-dir: '' is no directory");
	if (count == DEBUG_DIRS_MAX)
		argp_error(state, "--debug-dir: no more than %d of them", DEBUG_DIRS_MAX);
	options->debug_dirs[count] = dir;
}

static void add_place(struct argp_state *state, struct server_options *server, const char *place)
{
	const char *error = listener__address_error(place);

	if (error)
		argp_error(state, "--listen: '%s': %s", place, error);
	if (server->place_count == SERVER_PLACES_MAX)
		argp_error(state, "--listen: no more than %d of them", SERVER_PLACES_MAX);
	server->places[server->place_count++] = place;
}

static void allow_host(struct argp_state *state, struct access_options *access, const char *name)
{
	if (!*name || strpbrk(name, ":/[] "))
		argp_error(state, "--allow-host: '%s' is no name of a machine", name);
	if (access->host_count == ACCESS_HOSTS_MAX)
		argp_error(state, "--allow-host: no more than %d of them", ACCESS_HOSTS_MAX);
	access->hosts[access->host_count++] = name;
}

static bool is_all_unix(const struct server_options *server)
{
	for (size_t i = 0; i < server->place_count; i++) {
		if (!listener__address_is_unix(server->places[i]))
			return false;
	}
	return server->place_count;
}

static void check_server(struct argp_state *state, struct server_options *server)
{
	const struct tls_options *tls = &server->tls;

	if (!tls->certificate != !tls->key)
		argp_error(state, "--tls-cert and --tls-key: one needs the other");
	if (tls->client_authority && !tls->certificate)
		argp_error(state, "--tls-client-ca is for TLS: give --tls-cert and --tls-key, too");
	if (tls->certificate && is_all_unix(server))
		argp_error(state, "TLS is for HOST:PORT: give one with --listen");
	if (!server->place_count)
		server->places[server->place_count++] = DEFAULT_LISTEN;
}

struct parsing {
	struct options *options;
	const struct command *command;
};

static void check_target(struct argp_state *state, const struct options *options)
{
	int ways =
		!!options->pid_count + !!options->container_pid + !!options->name + !!options->unit;

	if (ways > 1)
		argp_error(state, "-p, --name, --unit and --container-pid: give one of them");
	if (options->container_pid && !options->of)
		argp_error(state, "--container-pid: in which container? Give the pid of any of its "
				  "processes with --of");
	if (options->of && !options->container_pid)
		argp_error(state, "--of only says where --container-pid is: give that, or -p");
	if (!ways)
		argp_error(state, "which process? Give its pid with -p, or its --name or --unit");
}

/* What reads files has nowhere to write but where it is told to. */
static void check_files(struct argp_state *state, const struct parsing *parsing)
{
	const struct options *options = parsing->options;

	if (options->input_count < parsing->command->files)
		argp_error(state, "which profile%s? Expected: %s",
			   parsing->command->files > 1 ? "s" : "", parsing->command->arguments);
	if (!options->output)
		argp_error(state, "where to? Give a file with -o, or - for standard output");
	if (!options->format && !format__by_path(options->output))
		argp_error(state,
			   "which format is '%s'? Its ending does not say: give one with "
			   "--format",
			   options->output);
}

static void check_all(struct argp_state *state, const struct parsing *parsing)
{
	struct options *options = parsing->options;
	const struct command *command = parsing->command;

	if (command->needs_pid)
		check_target(state, options);
	if (command->takes_command && !options->command)
		argp_error(state, "which command? Give it behind the options");
	if (command->takes_command && options->kind->source != SAMPLES_HEAP)
		argp_error(state,
			   "run writes the heap at the command's end: --type heap or allocs");
	check_server(state, &options->server);
	if (command->files)
		check_files(state, parsing);
	if (!options->format && options->output)
		options->format = format__by_path(options->output);
	if (command->files > 1 && !options->format->tells_diffs)
		argp_error(state,
			   "a diff can be written as pprof, folded, flamegraph or tree, not as %s",
			   options->format->name);
	if (!options->format)
		options->format = format__by_name("pprof");
	/* A file need not have a sample of each thread, even where it is of that kind. */
	if (command->files && options->format->by_thread)
		argp_error(state, "format %s is of a process that runs, not of a file: use record",
			   options->format->name);
	if (!command->files && !format__is_for(options->format, options->kind->name))
		argp_error(state, "format %s is for %s profiles only", options->format->name,
			   options->format->only_kind);
}

/* One that is named twice is profiled once. */
static void add_pid(struct argp_state *state, struct options *options, pid_t pid)
{
	for (size_t i = 0; i < options->pid_count; i++) {
		if (options->pids[i] == pid)
			return;
	}
	if (options->pid_count == OPTIONS_PIDS_MAX)
		argp_error(state, "--pid: no more than %d of them", OPTIONS_PIDS_MAX);
	options->pids[options->pid_count++] = pid;
}

/* A command takes all that follows it; a file is one. */
static void add_argument(struct argp_state *state, const struct parsing *parsing, char *text)
{
	struct options *options = parsing->options;

	if (parsing->command->takes_command) {
		options->command = &state->argv[state->next - 1];
		state->next = state->argc;
	} else if (options->input_count < parsing->command->files) {
		options->inputs[options->input_count++] = text;
	} else if (parsing->command->files) {
		argp_error(state, "what is '%s'? Expected: %s", text, parsing->command->arguments);
	} else {
		argp_error(state, "what is '%s'? No arguments are expected here", text);
	}
}

/* Those below set what has to do with one thing; of other keys they know nothing. */
typedef error_t setter(struct argp_state *state, const struct parsing *parsing, int key,
		       char *text);

/* Which processes. */
static error_t set_target(struct argp_state *state, const struct parsing *parsing, int key,
			  char *text)
{
	struct options *options = parsing->options;

	switch (key) {
	case 'p':
		add_pid(state, options, number(state, "--pid", text, 1, INT_MAX, false));
		break;
	case KEY_NAME:
		options->name = text;
		break;
	case KEY_UNIT:
		options->unit = text;
		break;
	case KEY_FOLLOW_CHILDREN:
		options->agent.follow_children = true;
		break;
	case KEY_CONTAINER_PID:
		options->container_pid = number(state, "--container-pid", text, 1, INT_MAX, false);
		break;
	case KEY_OF:
		options->of = number(state, "--of", text, 1, INT_MAX, false);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Where to serve, and whom. */
static error_t set_server(struct argp_state *state, const struct parsing *parsing, int key,
			  char *text)
{
	struct server_options *server = &parsing->options->server;

	switch (key) {
	case KEY_LISTEN:
		add_place(state, server, text);
		break;
	case KEY_TLS_CERT:
		server->tls.certificate = text;
		break;
	case KEY_TLS_KEY:
		server->tls.key = text;
		break;
	case KEY_TLS_CLIENT_CA:
		server->tls.client_authority = text;
		break;
	case KEY_ALLOW_REMOTE:
		server->access.allow_remote = true;
		break;
	case KEY_TOKEN_FILE:
		server->access.token_file = text;
		break;
	case KEY_INSECURE:
		server->access.is_insecure = true;
		break;
	case KEY_ALLOW_HOST:
		allow_host(state, &server->access, text);
		break;
	case KEY_MAX_PROFILES:
		server->profiles_max =
			number(state, "--max-profiles", text, 1, PROFILES_MAX, false);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* How CPU time and waits are sampled, and what gives them names. */
static error_t set_sampling(struct argp_state *state, const struct parsing *parsing, int key,
			    char *text)
{
	struct options *options = parsing->options;
	struct agent_options *agent = &options->agent;

	switch (key) {
	case 'F':
		agent->frequency = number(state, "--frequency", text, 1, FREQUENCY_MAX, false);
		break;
	case KEY_NO_OFFCPU:
		agent->offcpu.enabled = false;
		break;
	case KEY_OFFCPU_MIN:
		agent->offcpu.min_ns = duration(state, "--offcpu-min", text);
		break;
	case KEY_OFFCPU_RATE:
		agent->offcpu.rate_ns = duration(state, "--offcpu-rate", text);
		break;
	case KEY_OFFCPU_WALK:
		agent->offcpu.walk = offcpu_walk(state, text);
		break;
	case KEY_DEBUG_DIR:
		debug_dir(state, options, text);
		break;
	case KEY_SYMBOL_MEMORY:
		agent->symbols.memory_bytes = number(state, "--symbol-memory", text,
						     SYMBOL_MEMORY_MIN, SYMBOL_MEMORY_MAX, true);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Which allocations are followed, and how. */
static error_t set_heap(struct argp_state *state, const struct parsing *parsing, int key,
			char *text)
{
	struct options *options = parsing->options;
	struct agent_options *agent = &options->agent;

	switch (key) {
	case KEY_HEAP:
		options->with_heap = true;
		break;
	case KEY_NO_HEAP:
		agent->heap.enabled = false;
		break;
	case KEY_HEAP_RATE:
		agent->heap_rate = number(state, "--heap-rate", text, 1, POISSON_RATE_MAX, true);
		break;
	case KEY_HEAP_PROBES:
		agent->flavour = flavour(state, text);
		break;
	case KEY_HEAP_MODE:
		agent->heap.mode = heap_mode(state, text);
		break;
	case KEY_HEAP_BUDGET:
		agent->heap.budget = percent(state, "--heap-budget", text) / 100;
		break;
	case KEY_ALLOCATOR:
		allocator(&agent->heap, text);
		break;
	case KEY_PREATTACH:
		options->preattach = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* What is shown or written, for how long and where to. */
static error_t set_output(struct argp_state *state, const struct parsing *parsing, int key,
			  char *text)
{
	struct options *options = parsing->options;

	switch (key) {
	case 'd':
		if (parsing->command->run == top_command)
			options->delay_s = number(state, "--delay", text, 1, DURATION_MAX, false);
		else
			options->duration_s =
				number(state, "--duration", text, 1, DURATION_MAX, false);
		break;
	case 'n':
		options->iterations = number(state, "--iterations", text, 1, INT_MAX, false);
		break;
	case KEY_PLAIN:
		options->plain = true;
		break;
	case KEY_TYPE:
		options->kind = kind(state, text);
		break;
	case KEY_FORMAT:
		options->format = format__by_name(text);
		if (!options->format)
			argp_error(state, "--format: '%s' is none of %s", text, format__names());
		break;
	case 'o':
		options->output = text;
		break;
	case KEY_SAMPLE_INDEX:
		options->sample_index = text;
		break;
	case KEY_NORMALIZE:
		options->normalize = true;
		break;
	case KEY_REVERSE:
		options->reverse = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	static setter *const setters[] = {
		set_target, set_server, set_sampling, set_heap, set_output,
	};
	const struct parsing *parsing = state->input;
	error_t err = ARGP_ERR_UNKNOWN;

	if (key == ARGP_KEY_ARG) {
		add_argument(state, parsing, text);
		return 0;
	}
	if (key == ARGP_KEY_END) {
		check_all(state, parsing);
		return 0;
	}
	for (size_t i = 0; err == ARGP_ERR_UNKNOWN && i < sizeof(setters) / sizeof(*setters); i++)
		err = setters[i](state, parsing, key, text);
	return err;
}

void options__parse(struct options *options, const struct command *command, int argc, char **argv)
{
	struct argp argp = {
		.options = command->options,
		.parser = parse,
		.args_doc = command->arguments,
		.doc = command->help,
	};
	struct parsing parsing = {.options = options, .command = command};
	char name[32];
	int err;

	*options = (struct options){
		.agent = {.frequency = DEFAULT_FREQUENCY,
			  .heap_rate = DEFAULT_HEAP_RATE,
			  .heap = {.enabled = true},
			  .offcpu = {.enabled = true,
				     .min_ns = DEFAULT_OFFCPU_MIN_NS,
				     .rate_ns = DEFAULT_OFFCPU_RATE_NS},
			  .symbols = {.memory_bytes = SYMBOLIZER_MEMORY_DEFAULT}},
		.server = {.profiles_max = DEFAULT_PROFILES     },
		.kind = command->takes_command ? &profile_kind_heap : &profile_kind_cpu,
		.duration_s = DEFAULT_DURATION,
		.delay_s = DEFAULT_DELAY,
	};
	options->agent.symbols.debug_dirs = options->debug_dirs;
	snprintf(name, sizeof(name), "exoprof %s", command->name);
	argv[0] = name;
	argp_err_exit_status = 2;
	/* What is wrong with the options ends the command in there. */
	err = argp_parse(&argp, argc, argv, command->argp_flags, NULL, &parsing);
	if (err)
		exit(fail("cannot read the options: %s", strerror(err)));
}
