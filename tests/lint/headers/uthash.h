/* SPDX-License-Identifier: Apache-2.0 */
/* What clang's analyzer sees in place of uthash's macros. It gets lost in their loops: it takes
 * half of its time for them, and then an item for freed that was unlinked before. */
#ifndef EXOPROF_LINT_UTHASH_H
#define EXOPROF_LINT_UTHASH_H

#include_next <uthash.h>

void *lint__find(const void *head, const void *key, size_t size);
void *lint__add(void *head, void *item);
void *lint__remove(void *head, void *item);

#undef HASH_FIND
#undef HASH_ADD
#undef HASH_ADD_KEYPTR
#undef HASH_DEL
#undef HASH_DELETE
#define HASH_FIND(hh, head, key, size, out)        ((out) = lint__find(head, key, size))
#define HASH_ADD(hh, head, field, size, item)      ((head) = lint__add(head, item))
#define HASH_ADD_KEYPTR(hh, head, key, size, item) ((head) = lint__add(head, item))
#define HASH_DEL(head, item)                       ((head) = lint__remove(head, item))
#define HASH_DELETE(hh, head, item)                ((head) = lint__remove(head, item))

#endif
