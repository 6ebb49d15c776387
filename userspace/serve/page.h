/* SPDX-License-Identifier: Apache-2.0 */
/* The page at /, with its script and its style sheet: part of the program, where it was built with
 * npm (serve/web). */
#ifndef EXOPROF_PAGE_H
#define EXOPROF_PAGE_H

#include <h2o.h>
#include <stdbool.h>

struct page;

/* Compresses the files once, for all who take it so. NULL with errno set. */
struct page *page__new(void);
void page__free(struct page *page); /* NULL is fine */

/* Whether there is one. */
bool page__is_built(void);

/* Answers with the file of that name, such as "page.js"; 304 to who has it already. */
void page__answer(const struct page *page, h2o_req_t *req, const char *name);

#endif
