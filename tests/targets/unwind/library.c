/* SPDX-License-Identifier: Apache-2.0 */
/* The shared library that plt.c calls. */
int library_leaf(int x);
void library_calls(void (*back)(void));

__attribute__((noipa)) int library_leaf(int x)
{
	return x + 1;
}

__attribute__((noipa)) void library_calls(void (*back)(void))
{
	char local[100];

	__asm__ volatile("" : : "r"(local) : "memory");
	back();
	__asm__ volatile("" : : "r"(local) : "memory");
}
