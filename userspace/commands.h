/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands. Each gives the process's exit status. */
#ifndef EXOPROF_COMMANDS_H
#define EXOPROF_COMMANDS_H

#include "options.h"

int serve_command(const struct options *options);
int record_command(const struct options *options);
int top_command(const struct options *options);
int run_command(const struct options *options);
int convert_command(const struct options *options);
int diff_command(const struct options *options);
int detach_command(const struct options *options);
int check_command(const struct options *options);

#endif
