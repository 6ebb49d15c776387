/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes that read the targets' files give up before they see the first byte. */
#ifndef EXOPROF_WORKER_SANDBOX_H
#define EXOPROF_WORKER_SANDBOX_H

#include <stddef.h>

/* All descriptors but this one, which becomes the first behind the standard ones, whose place
 * /dev/null takes. Gives its new number. */
int worker_sandbox__keep_only(int fd);

/* All capabilities, and where that is permitted the user: nobody's. For good, and for all that is
 * started from here. No core is written, and nobody may look into the process. */
void worker_sandbox__drop_rights(void);

/* Ends with the process that has started it, which is `parent`. After the above, which would undo
 * it. */
void worker_sandbox__end_with(int parent);

/* Memory beyond what files may need while `memory_bytes` of them are kept, descriptors, and all
 * system calls but those that reading takes: another one ends the process. 0 or -errno. */
int worker_sandbox__shut(size_t memory_bytes);

#endif
