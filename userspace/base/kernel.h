/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_KERNEL_H
#define EXOPROF_KERNEL_H

#include <linux/version.h>

/* Of the running kernel, as KERNEL_VERSION(major, minor, 0); 0 where it does not say. */
unsigned int kernel__version(void);

#endif
