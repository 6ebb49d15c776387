/* SPDX-License-Identifier: Apache-2.0 */
/* libh2o's lists for clang's analyzer, which believes that what was unlinked is still in there. */
#ifndef EXOPROF_LINT_LINKLIST_H
#define EXOPROF_LINT_LINKLIST_H

#include_next <h2o/linklist.h>

void lint__unlink(h2o_linklist_t *node);
#define h2o_linklist_unlink lint__unlink

#endif
