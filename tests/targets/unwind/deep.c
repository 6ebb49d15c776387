/* SPDX-License-Identifier: Apache-2.0 */
/* 400 calls deep, which is more than exoprof walks: 256. */
#include "chain.h"

#define DEPTH  400
#define WALKED 256

APART static void deeper(int depth)
{
	if (depth) {
		deeper(depth - 1);
	} else {
		say_ready();
		leaf();
	}
	STAY();
}

int main(void)
{
	printf("chain: [truncated:_too_deep]@?;");
	for (int i = 0; i < WALKED - 1; i++)
		printf("deeper;");
	printf("leaf\n");
	deeper(DEPTH);
}
