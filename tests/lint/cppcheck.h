/* SPDX-License-Identifier: Apache-2.0 */
/* Macros of libraries' headers, for cppcheck, which does not read those. */
#define PROTOBUF_C__BEGIN_DECLS
#define PROTOBUF_C__END_DECLS
#define LIBBPF_OPTS(type, name, ...)    struct type name = {__VA_ARGS__}
#define HASH_ITER(hh, head, item, next) for (item = next = head; item; item = next)
#define SEC(name)
#define ElfW(type)               Elf64_##type
#define assert_null(pointer)     ((pointer) ? abort() : (void)0)
#define assert_non_null(pointer) ((pointer) ? (void)0 : abort())
#define fail_msg(...)            abort()
