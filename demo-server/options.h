/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of demo-server. */
#ifndef DEMO_OPTIONS_H
#define DEMO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct options {
	struct sockaddr_storage listen_addr;
	socklen_t listen_addr_len;
	bool listen_any;         /* no address was given, only a port */
	const char *listen_text; /* as the user wrote it, for messages */
	uint32_t nr_threads;
	uint32_t fast_delay_ms;
	uint32_t slow_min_ms;
	uint32_t slow_max_ms; /* not reached: delays are below it */
	uint32_t gc_min_blocks;
	uint32_t gc_max_blocks; /* not reached either */
	uint32_t gc_keep_every; /* of /gc's blocks one in so many stays; 0: none */
};

/* Fills all of options; exits with status 2 on a bad command line, 0 after --help. */
void options__parse(struct options *options, int argc, char **argv);

#endif
