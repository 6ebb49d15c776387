// SPDX-License-Identifier: Apache-2.0
// Names come from the profiled program, which may be hostile.

// What a terminal or an editor would act on when it is pasted there, and what turns the direction
// of writing, by which one name can be made to look like another. As svg_text.c has it.
const UNPRINTABLE =
	/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

export function printable(text: string): string {
	return text.replace(UNPRINTABLE, '\ufffd');
}

// From Hangul Jamo on a character may be as wide as two.
function cellsOf(character: string): number {
	return (character.codePointAt(0) ?? 0) < 0x1100 ? 1 : 2;
}

/** The name, or as much of it as leaves room for an ellipsis, in cells of a monospaced font. */
export function fit(name: string, cells: number): string {
	let used = 0;
	let end = 0;

	// Each character takes a cell or two: a name so short needs no closer look.
	if (name.length * 2 <= cells)
		return name;
	for (const character of name.slice(0, 2 * cells + 2)) {
		used += cellsOf(character);
		if (used > cells)
			return name.slice(0, end) + '…';
		// What still fits together with the ellipsis.
		if (used < cells)
			end += character.length;
	}
	return name;
}

/** The file's name without its folders. */
export function baseName(path: string): string {
	return path.slice(path.lastIndexOf('/') + 1);
}

const encoder = new TextEncoder();

function isAscii(text: string): boolean {
	for (let i = 0; i < text.length; i++) {
		if (text.charCodeAt(i) >= 0x80)
			return false;
	}
	return true;
}

/** FNV-1a over the UTF-8 bytes, as palette.c does it: the same name looks alike everywhere. */
export function hashName(name: string): number {
	// To encode what is encoded already takes most of the time.
	const bytes = isAscii(name) ? null : encoder.encode(name);
	const length = bytes ? bytes.length : name.length;
	let hash = 2166136261;

	for (let i = 0; i < length; i++)
		hash = Math.imul(hash ^ (bytes ? bytes[i]! : name.charCodeAt(i)), 16777619);
	// The low bits of names that differ in one character only are alike.
	return (hash ^ (hash >>> 15)) >>> 0;
}
