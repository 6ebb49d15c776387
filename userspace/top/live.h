/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_TOP_LIVE_H
#define EXOPROF_TOP_LIVE_H

#include "top/screen.h"
#include "top/session.h"

/* Shows the session on the screen, and obeys the keys, until one of them or a signal ends it, or
 * after so many refreshes (0: no end). */
void live__run(struct session *session, struct screen *screen, uint32_t iterations, int signal_fd);

#endif
