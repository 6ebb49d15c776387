/* SPDX-License-Identifier: Apache-2.0 */
/* The root directory of a process: where the paths that it uses begin, in a container or a chroot
 * too. Held open, so that its files can be found after the process has ended. A folder in it that
 * is a mount of its own goes with the last process of its mount namespace all the same: holding the
 * namespace would keep volumes busy that others want to unmount. */
#ifndef EXOPROF_ROOT_H
#define EXOPROF_ROOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct root;

/* NULL with errno set: ENOENT where there is no such process. */
struct root *root__open(pid_t pid);
struct root *root__own(void); /* exoprof's: the host's, as a rule */

/* Shared between threads: counted. */
struct root *root__get(struct root *root);
void root__put(struct root *root); /* NULL is fine */

/* Whether somebody else has a reference, too. */
bool root__is_shared(const struct root *root);

/* Whether a path leads to the same file in both: one directory, in one mount namespace. */
bool root__is_same(const struct root *a, const struct root *b);

/* What tells one from another. */
struct root_id {
	uint64_t device, inode;
	uint64_t mount_namespace; /* its inode */
};
struct root_id root__id(const struct root *root);

/* A path of /proc/PID/maps as the process itself would write it; points into `path`. The kernel
 * begins it at the top of the mount namespace, which is above a chroot. */
const char *root__inside(const struct root *root, const char *path);

/* Opens a regular file for reading, and nothing else, not even for a moment: the opening alone of
 * some devices does something. `path` begins at the root, and neither symbolic links nor dots leave
 * it. An fd, or -errno; -EACCES for what is no regular file. */
int root__open_file(const struct root *root, const char *path);

/* The same, but -EACCES where the path's last part is a symbolic link. */
int root__open_file_itself(const struct root *root, const char *path);

/* What an O_PATH descriptor has found, for reading; -EACCES for what is no regular file. */
int root__open_found(int found);

#endif
