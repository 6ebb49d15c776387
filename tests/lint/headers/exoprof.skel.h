/* SPDX-License-Identifier: Apache-2.0 */
/* The skeleton for clang's analyzer, which believes that no function of a system's header frees. */
#ifndef EXOPROF_LINT_SKEL_H
#define EXOPROF_LINT_SKEL_H

#include <bpf/libbpf.h>

void lint__destroy_skeleton(struct bpf_object_skeleton *skeleton);
#define bpf_object__destroy_skeleton lint__destroy_skeleton

#include_next <exoprof.skel.h>

#endif
