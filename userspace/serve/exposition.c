// SPDX-License-Identifier: Apache-2.0
#include "serve/exposition.h"

#include <inttypes.h>

void exposition__family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_name(FILE *out, const char *name, const char *labels)
{
	fprintf(out, *labels ? "%s{%s} " : "%s ", name, labels);
}

void exposition__integer(FILE *out, const char *name, const char *labels, uint64_t value)
{
	put_name(out, name, labels);
	fprintf(out, "%" PRIu64 "\n", value);
}

/* With as many digits as seconds since 1970 in hundredths have. */
void exposition__number(FILE *out, const char *name, const char *labels, double value)
{
	put_name(out, name, labels);
	fprintf(out, "%.12g\n", value);
}

void exposition__only_integer(FILE *out, const char *name, const char *type, const char *help,
			      uint64_t value)
{
	exposition__family(out, name, type, help);
	exposition__integer(out, name, "", value);
}

void exposition__only_number(FILE *out, const char *name, const char *type, const char *help,
			     double value)
{
	exposition__family(out, name, type, help);
	exposition__number(out, name, "", value);
}
