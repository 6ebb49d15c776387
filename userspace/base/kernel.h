/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_KERNEL_H
#define EXOPROF_KERNEL_H

#include <linux/version.h>
#include <stdbool.h>
#include <stdint.h>

/* Of the running kernel, as KERNEL_VERSION(major, minor, 0); 0 where it does not say. */
unsigned int kernel__version(void);

/* Whether BPF programs can take memory for map elements as they come, from any context: since 6.1
 * BPF has an allocator of its own (kernel commit 7c8199e24fa0). Before, a map has to be paid for
 * whole. */
bool kernel__allocates_safely(void);

/* Where two of the kernel's symbols are, by /proc/kallsyms, which takes some 50 ms. 0; -ENOENT; or
 * -EPERM where addresses are hidden. */
int kernel__find_symbols(const char *const names[2], uint64_t addresses[2]);

#endif
