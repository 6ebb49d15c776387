/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles that are files: for the commands that read one and write another. */
#ifndef EXOPROF_PROFILE_FILE_H
#define EXOPROF_PROFILE_FILE_H

#include "options.h"
#include "profile/profile.h"

/* A hostile file may make exoprof ask for as much memory as it likes: it gets half of the
 * machine's. */
void profile_file__limit_memory(void);

/* The profile is the caller's; "-" is standard input. NULL after a line that says why. */
const struct profile *profile_file__read(const char *path, const char *sample_index);

/* Writes it where and as the options say. The exit status; a failure has had its line. */
int profile_file__write(const struct profile *profile, const struct options *options);

#endif
