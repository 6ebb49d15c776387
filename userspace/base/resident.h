/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_RESIDENT_H
#define EXOPROF_RESIDENT_H

#include <stddef.h>
#include <sys/types.h>

/* This process's resident set in bytes, mapped files included; 0 where /proc does not say. */
size_t resident__bytes(void);

/* Another one's. */
size_t resident__bytes_of(pid_t pid);

/* For who may open nothing later: an fd, and what it says. */
int resident__open(void); /* -errno */
size_t resident__read(int fd);

#endif
