/* SPDX-License-Identifier: Apache-2.0 */
/* Names and numbers in a picture. */
#ifndef EXOPROF_SVG_TEXT_H
#define EXOPROF_SVG_TEXT_H

#include <stdint.h>
#include <stdio.h>

/* Writes text whole, up to a length that no honest name reaches. */
void svg__text(const char *text, FILE *out);

/* How many columns of a monospaced font a text has, where it is no more than `most`; else that. */
uint32_t svg__cells(const char *text, uint32_t most);

/* Ends the start tag of a <text> whose font is monospaced, with characters `cell` px wide, and
 * writes text no wider than that many of them, and the end tag; an ellipsis stands for what does
 * not fit. What such a font may not have, so that nobody knows how wide it will be, is given its
 * width. */
void svg__fitting(const char *text, uint32_t cells, double cell, FILE *out);

/* Numbers that are not negative. No floating point conversion: its decimal point is a matter of
 * locale. */
void svg__hundredths(double number, FILE *out); /* "12.34" */
void svg__thousands(int64_t number, FILE *out); /* "1,234" */

/* A value of a sample type's unit, in one that a person reads: "1.50 MiB". The same as text and as
 * XML. */
void svg__value(int64_t value, const char *unit, FILE *out);
void svg__time(int64_t ns, FILE *out);

#endif
