/* SPDX-License-Identifier: Apache-2.0 */
/* What malloc keeps of memory that was freed: little, so that a process that runs for months is as
 * large as what it needs, and not as the most that was ever asked for at once. */
#ifndef EXOPROF_SPARE_MEMORY_H
#define EXOPROF_SPARE_MEMORY_H

/* Once, at the start. */
void spare_memory__limit(void);

/* Now and then: milliseconds, and what is given back has to be faulted in again. Any thread. */
void spare_memory__give_back(void);

#endif
