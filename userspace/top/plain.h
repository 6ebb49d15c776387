/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_TOP_PLAIN_H
#define EXOPROF_TOP_PLAIN_H

#include "top/session.h"

/* Writes a block of lines an interval to stdout, `iterations` of them (0: no end), until a signal
 * comes or the target is gone. Gives the exit status. */
int plain__run(struct session *session, uint32_t iterations, int signal_fd);

#endif
