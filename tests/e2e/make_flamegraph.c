/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a flame graph to standard output, for a browser to be tried on: a server as it might be
 * seen on a bad day, with names that would run as script if a picture let them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/export.h"
#include "profile/builder.h"

#define DEPTH_MAX 64

/* The frames are in the order of a folded line; the first letter of each is its kind. */
struct line {
	const char *stack;
	int64_t ms;
};

#define CRT     "L__libc_start_main;Amain"
#define THREAD  "Lclone3;Lstart_thread;Lexecute_native_thread_routine"
#define WORKER  THREAD ";Ademo::ThreadPool::run_worker(std::stop_token)"
#define REQUEST WORKER ";Ademo::http::Connection::serve_one_request(demo::http::Deadline const&)"
#define SYSCALL "Kentry_SYSCALL_64_after_hwframe;Kdo_syscall_64;Kx64_sys_call"
#define TREE                                                                        \
	"Astd::_Rb_tree<std::string, std::pair<std::string const, demo::Session>, " \
	"std::_Select1st<std::pair<std::string const, demo::Session>>>::_M_emplace_hint_unique"
#define PARSE   REQUEST ";Ademo::json::Parser::parse_document(std::string_view)"
#define OBJECT  ";Ademo::json::Parser::parse_object(int);Ademo::json::Parser::parse_value(int)"
#define HANDLER REQUEST ";Ademo::Router::dispatch(demo::http::Request&)"
#define SEND    HANDLER ";Ademo::http::Response::flush();Lsend;" SYSCALL ";K__x64_sys_sendto"
#define TCP     SEND ";K__sys_sendto;Ktcp_sendmsg;Ktcp_sendmsg_locked;K__tcp_push_pending_frames"
#define IP      TCP ";Ktcp_write_xmit;K__tcp_transmit_skb;Kip_queue_xmit;K__ip_queue_xmit"

#define NAMES   CRT ";Anames of many kinds;A"
#define MARKS   "\xcc\x81\xcc\x88\xcc\x83\xcd\x90\xcd\x9b\xcc\x8d"
#define PILE    MARKS MARKS MARKS MARKS
#define TEN(a)  a a a a a a a a a a
#define LONG    TEN(TEN(TEN("WWWWWWWWWW")))

static const struct line lines[] = {
	{CRT,											 12  },
	{CRT ";Ademo::Server::run();Lepoll_wait;" SYSCALL ";K__x64_sys_epoll_wait;Kdo_epoll_wait",
	 310											      },
	{CRT ";Ademo::Server::run();Ademo::Server::accept_all();Laccept4;" SYSCALL,                   96  },
	{CRT ";Ademo::Config::load(std::filesystem::path const&);Lstd::getline",                      41  },
	{WORKER ";Lpthread_cond_wait;" SYSCALL ";K__x64_sys_futex;Kdo_futex;Kfutex_wait",             420 },
	{REQUEST,										     55  },
	{PARSE,										       130 },
	{PARSE OBJECT,										340 },
	{PARSE OBJECT OBJECT,									 270 },
	{PARSE OBJECT OBJECT OBJECT,								  190 },
	{PARSE OBJECT OBJECT OBJECT OBJECT OBJECT,						    160 },
	{PARSE OBJECT OBJECT OBJECT OBJECT OBJECT OBJECT OBJECT ";Lstrtod",                           120 },
	{PARSE OBJECT ";Loperator new(unsigned long);Lmalloc;L_int_malloc",                           330 },
	{PARSE OBJECT OBJECT ";Loperator new(unsigned long);Lmalloc;L_int_malloc;Lsysmalloc;"
			     "Lbrk;" SYSCALL ";K__x64_sys_brk;Kdo_brk_flags",
	 88											       },
	{PARSE OBJECT ";Lmemmove",								    75  },
	{HANDLER,										     61  },
	{HANDLER ";Ademo::SessionStore::find_or_create(std::string const&);" TREE,                    540 },
	{HANDLER ";Ademo::SessionStore::find_or_create(std::string const&);" TREE
		 ";Loperator new(unsigned long);Lmalloc",				    260 },
	{HANDLER ";Ademo::Template::render(std::ostream&) const;Lstd::ostream::write",                410 },
	{HANDLER ";Ademo::Template::render(std::ostream&) const;Ademo::html_escape",                  620 },
	{HANDLER ";Ademo::sha256(std::span<std::byte const>)",                                        880 },
	{HANDLER ";Lsqlite3_step;Lsqlite3VdbeExec;LbtreeParseCellPtr",                                300 },
	{HANDLER ";Lsqlite3_step;Lsqlite3VdbeExec;Lpread64;" SYSCALL ";K__x64_sys_pread64;"
		 "Kvfs_read;Kext4_file_read_iter;Kfilemap_read;Kcopy_page_to_iter",	  240 },
	{HANDLER ";U0x7f31c2a0e1d4;U0x7f31c2a0f9a0",                                                  170 },
	{TCP,											 44  },
	{IP,											  60  },
	{IP ";Kip_output;Kip_finish_output2;K__dev_queue_xmit;Kdev_hard_start_xmit;Kloopback_xmit;"
	    "K__netif_rx;Knetif_rx_internal;Kenqueue_to_backlog",			    280 },
	{IP ";Kip_output;Kip_finish_output2;K__local_bh_enable_ip;Kdo_softirq;K__do_softirq;"
	    "Knet_rx_action;Kprocess_backlog;K__netif_receive_skb;Kip_rcv;Ktcp_v4_rcv",      350 },
	{"N[truncated];Ademo::json::Parser::parse_value(int);Ademo::json::Parser::parse_object(int)",
	 190											      },
	{"N[truncated];Lqsort_r;U0x55d0c0ffee42",						     70  },
	{"N[lost]",										   150 },
 /* Hostile names. */
	{CRT ";A</title></g><script>document.documentElement.id='owned'</script>",                    90  },
	{CRT ";A\" onload=\"document.documentElement.id='owned'\" x=\"",                              90  },
	{CRT ";A]]><image href=\"x\" onerror=\"document.documentElement.id='owned'\"/>",              90  },
	{CRT ";A\xff\xfe\x01\xe2\x80\xae 名前の長い関数",                                      90  },
	{NAMES "名前名前名前名前名前名前名前名前名前名前",                        400 },
	{NAMES "🔥👩‍👩‍👧‍👦🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥",           400 },
 /* Wide in any font, however few they are. */
	{NAMES "﷽﷽﷽﷽﷽﷽﷽﷽﷽",							 400 },
	{NAMES TEN("⟺⸻𒐫⟺⟺"),							       400 },
	{NAMES TEN("שששש"),								       3000},
	{NAMES "دالة باسم طويل جدا جدا جدا جدا",                              400 },
	{NAMES "ஔஔஔஔஔஔஔஔஔஔஔஔஔஔஔஔ",				    400 },
	{NAMES "z" PILE "a" PILE "l" PILE "g" PILE "o" PILE,                                          400 },
	{NAMES LONG,										  400 },
};

static enum frame_kind kind_of(char letter)
{
	static const char letters[] = "ALJKUN"; /* in the order of enum frame_kind */

	return strchr(letters, letter) - letters;
}

/* By the beginning of a name. */
static const struct {
	const char *name, *file;
} libraries[] = {
	{"sqlite",   "/usr/lib/libsqlite3.so.0.8.6"},
        {"btree",    "/usr/lib/libsqlite3.so.0.8.6"},
	{"std::",    "/usr/lib/libstdc++.so.6.0.30"},
        {"operator", "/usr/lib/libstdc++.so.6.0.30"},
	{"execute",  "/usr/lib/libstdc++.so.6.0.30"},
        {"",         "/usr/lib/libc.so.6"          },
};

static uint32_t add_mapping(struct profile_builder *builder, const char *frame)
{
	struct profile_mapping mapping = {};
	const char *file = "/usr/bin/demo-server";
	size_t i = 0;

	if (*frame == 'U' || *frame == 'K')
		return PROFILE_NO_MAPPING;
	while (strncmp(frame + 1, libraries[i].name, strlen(libraries[i].name)) != 0)
		i++;
	if (*frame == 'L')
		file = libraries[i].file;
	mapping.file = profile_builder__string(builder, file);
	return profile_builder__mapping(builder, &mapping);
}

static uint32_t add_frame(struct profile_builder *builder, const char *frame)
{
	struct profile_function function = {
		.name = profile_builder__string(builder, frame + 1),
	};
	struct profile_line line = {
		.function = profile_builder__function(builder, &function),
	};

	if (*frame == 'N')
		return profile_builder__note(builder, frame + 1);
	return profile_builder__location(builder, add_mapping(builder, frame),
					 0x1000 + line.function, kind_of(*frame), &line, 1);
}

static int add_line(struct profile_builder *builder, const struct line *line)
{
	int64_t values[] = {line->ms * 1000000};
	uint32_t leaf_first[DEPTH_MAX], depth = 0;
	char *stack = strdup(line->stack), *rest = stack, *frame;

	if (!stack)
		return -ENOMEM;
	while (depth < DEPTH_MAX && (frame = strsep(&rest, ";")))
		leaf_first[DEPTH_MAX - ++depth] = add_frame(builder, frame);
	profile_builder__sample(builder, leaf_first + DEPTH_MAX - depth, depth, values, NULL, 0);
	free(stack);
	return 0;
}

static const struct profile *make_profile(void)
{
	struct profile_builder *builder = profile_builder__new();
	size_t i;

	if (!builder)
		return NULL;
	profile_builder__type(builder, "cpu", "nanoseconds", true);
	profile_builder__title(builder, "demo-server (pid 4242)");
	profile_builder__times(builder, 1763808243000000000, 30000000000);
	profile_builder__comment(builder, "command: build/demo-server --listen 127.0.0.1:8080");
	profile_builder__outcome(builder, &(struct profile_outcome){740, 26, 2, 15});
	profile_builder__comment(builder, "名前" LONG);
	profile_builder__comment(builder, "sampled at 99 Hz by cpu-clock on 8 CPUs");
	profile_builder__comment(builder, "truncated: 17 stacks (14 no unwind rows, 3 read fault)");
	profile_builder__comment(builder, "<script>document.documentElement.id='owned'</script>");
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (add_line(builder, &lines[i])) {
			profile_builder__free(builder);
			return NULL;
		}
	}
	return profile_builder__freeze(builder);
}

int main(void)
{
	const struct profile *profile = make_profile();
	int err;

	if (!profile) {
		perror("make_flamegraph: cannot make a profile");
		return 1;
	}
	err = export_flamegraph(profile, stdout);
	if (err)
		fprintf(stderr, "make_flamegraph: cannot write: %s\n", strerror(-err));
	profile__free(profile);
	return err ? 1 : 0;
}
