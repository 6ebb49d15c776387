/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_FILE_ID_H
#define EXOPROF_FILE_ID_H

#include <stdint.h>

/* Of the file at `path`, or open as `fd` for "", as the kernel knows it already: no file system is
 * asked, which might not answer. 0 or -errno. */
int file_id__known(int fd, const char *path, uint64_t *device, uint64_t *inode);

#endif
