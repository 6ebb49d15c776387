// SPDX-License-Identifier: Apache-2.0
/* A program that has libLLVM-14 mapped, as its linker option says, and waits. */
#include <unistd.h>

void LLVMInitializeCore(void *registry);

int main(int argc, char **argv)
{
	(void)argv;
	/* Never called: it is there to be linked. */
	if (argc > 1000)
		LLVMInitializeCore(NULL);
	for (;;)
		pause();
}
