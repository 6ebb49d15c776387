// SPDX-License-Identifier: Apache-2.0
#include "reader/passed_fd.h"

#include <string.h>

void passed_fd__put(union passed_fd *passed, struct msghdr *message, int fd)
{
	message->msg_control = NULL;
	message->msg_controllen = 0;
	if (fd < 0)
		return;
	passed_fd__expect(passed, message);
	passed->header.cmsg_level = SOL_SOCKET;
	passed->header.cmsg_type = SCM_RIGHTS;
	passed->header.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&passed->header), &fd, sizeof(fd));
}

void passed_fd__expect(union passed_fd *passed, struct msghdr *message)
{
	message->msg_control = passed;
	message->msg_controllen = CMSG_LEN(sizeof(int));
}

int passed_fd__take(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}
