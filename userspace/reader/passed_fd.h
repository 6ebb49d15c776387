/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor that goes with a message over a unix socket (unix(7), SCM_RIGHTS). */
#ifndef EXOPROF_PASSED_FD_H
#define EXOPROF_PASSED_FD_H

#include <sys/socket.h>

/* Room for one, and not by CMSG_SPACE(), whose padding is room for another that nobody would
 * close. As long as the message that points to it. */
union passed_fd {
	char bytes[CMSG_LEN(sizeof(int))];
	struct cmsghdr header;
};

/* Sends the descriptor with the message; -1: none. */
void passed_fd__put(union passed_fd *passed, struct msghdr *message, int fd);

/* Makes room for one in a message that is to be received. */
void passed_fd__expect(union passed_fd *passed, struct msghdr *message);

/* That which came with a message received, the caller's; -1: none. */
int passed_fd__take(struct msghdr *message);

#endif
