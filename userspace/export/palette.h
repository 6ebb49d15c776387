/* SPDX-License-Identifier: Apache-2.0 */
/* The colours of a flame graph, the same in every picture and on the page that the server shows
 * (serve/web). A hue says whose code a frame is, its shade tells neighbours apart:
 *
 *   hash(text)  FNV-1a, 32 bits, over its bytes in UTF-8; then hash ^= hash >> 15, since the low
 *               bits of texts that differ in one character only are alike
 *   module      the file's name without its folders, and without what follows ".so" in it: another
 *               version of a library is the same library
 *   shade       hash(function's name) % 6
 *   hue         app, code: 20 + 4 * shade; jit: 80; kernel: 216; unknown: 270; library: by
 *               k = hash(module) % 20, 100 + 10 * k below 10, else 150 + 10 * k, which leaves out
 *               the other kinds' hues
 *   saturation  app, code: 84; library: 42; jit: 50; kernel: 64; unknown: 10; in percent
 *   lightness   app, code: 68 + 2 * shade; all others: 70 + 2 * shade; in percent
 *
 * Ink is #20242e, of 4.5:1 or more on each of them. A note is hatched, #b23a48 on #8f1d2c, with
 * white ink, and the root is #dedad2. Of a diff, a frame that is the same is #e4e1db; what has more
 * or less has one of six steps of red or blue, by its share of the greatest change, rounded up. */
#ifndef EXOPROF_PALETTE_H
#define EXOPROF_PALETTE_H

#include "profile/profile.h"

#define PALETTE_BYTES 12 /* "url(#hatch)" */
#define PALETTE_STEPS 6  /* of change, up and down each */

/* What a fill attribute holds. `module`: of a library, the name of its file without folders. */
void palette__frame(enum frame_kind kind, const char *module, const char *name,
		    char colour[PALETTE_BYTES]);

/* The middle shade, for a legend. */
void palette__swatch(enum frame_kind kind, const char *module, char colour[PALETTE_BYTES]);

/* By the step of change, -PALETTE_STEPS to PALETTE_STEPS. */
const char *palette__change(int step);

#endif
