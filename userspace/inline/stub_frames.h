/* SPDX-License-Identifier: Apache-2.0 */
/* How one gets from anywhere in a stub to its caller, for all who read call-frame information. */
#ifndef EXOPROF_STUB_FRAMES_H
#define EXOPROF_STUB_FRAMES_H

#include "inline/stub_image.h"

/* Into the image's text: the headers of an ELF file before its code, .eh_frame and its index behind
 * it. As of stub_image__finish(). */
int stub_frames__write(struct stub_image *image);

#endif
