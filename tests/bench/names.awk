# SPDX-License-Identifier: Apache-2.0
# Writes the sources of a program with much debug information into a folder:
#
#	awk -v folder=DIR -v units=N -v functions=N -v types=N -f names.awk
#
# Each of the units has that many functions, in each of which four others are inlined, and the
# description of all the types. The program calls all functions of all units in turn, until killed.

function write_types(file,    t) {
	print "#include <stdint.h>" > file
	for (t = 0; t < types; t++) {
		printf "template <typename K> struct type%d {\n" \
			"\tK key;\n" \
			"\tstruct part { int numbers[%d]; type%d<K> *up; const char *names[4]; } parts[2];\n" \
			"\tuint64_t sum, count;\n" \
			"\tdouble mean(int from, K to) const;\n" \
			"\tvoid add(const part &added, K key, int count);\n" \
			"\tstatic type%d<K> make(K from);\n" \
			"};\n", t, t + 1, t, t > file
		printf "struct pair%d { type%d<int> number; type%d<const char *> text; };\n", t, t, t > file
	}
	print "static inline __attribute__((always_inline)) uint64_t fold(uint64_t x)\n" \
		"{\n\tx ^= x >> 7;\n\tx *= 31;\n\treturn x;\n}" > file
	print "template <int N> static inline __attribute__((always_inline)) uint64_t turn(uint64_t x)\n" \
		"{\n\tx = fold(x + N);\n\treturn fold(x) ^ N;\n}" > file
	close(file)
}

function write_unit(file, unit,    f) {
	printf "#include \"types.h\"\nnamespace unit%d\n{\n", unit > file
	for (f = 0; f < functions; f++)
		printf "__attribute__((noinline)) static uint64_t function%d(uint64_t x)\n" \
			"{\n\tx = turn<%d>(x);\n\tx += %d;\n\treturn turn<%d>(x);\n}\n", f, f, f, f + 1 > file
	printf "}\nextern uint64_t (*const table%d[])(uint64_t);\n" \
		"uint64_t (*const table%d[])(uint64_t) = {\n", unit, unit > file
	for (f = 0; f < functions; f++) printf "\tunit%d::function%d,\n", unit, f > file
	print "};" > file
	close(file)
}

function write_main(file,    unit) {
	print "#include <stdint.h>\ntypedef uint64_t (*const table[])(uint64_t);" > file
	for (unit = 0; unit < units; unit++) printf "extern table table%d;\n", unit > file
	print "static uint64_t (*const *tables[])(uint64_t) = {" > file
	for (unit = 0; unit < units; unit++) printf "\ttable%d,\n", unit > file
	printf "};\nint main()\n{\n\tfor (uint64_t x = 1;;)\n" \
		"\t\tfor (int i = 0; i < %d; i++)\n\t\t\tx = tables[i / %d][i %% %d](x);\n}\n", \
		units * functions, functions, functions > file
}

BEGIN {
	write_types(folder "/types.h")
	for (unit = 0; unit < units; unit++) write_unit(folder "/unit" unit ".cc", unit)
	write_main(folder "/main.cc")
}
