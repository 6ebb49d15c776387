// SPDX-License-Identifier: Apache-2.0
// Colours of frames, as export/palette.h defines them: the same in every picture. A hue says whose
// code a frame is, its shade tells neighbours apart. All are light enough for dark ink.
import { STEPS } from './diff';
import { baseName, hashName } from './names';
import { KIND, type Frames } from './profile';

export const ROOT = '#dedad2';
export const HIT = '#b4238f';
export const INK = '#20242e';
export const NOTE = { ground: '#8f1d2c', stripe: '#b23a48' };

const SHADES = 6;
/** The middle one, for a legend. */
const SWATCH_SHADE = 2;
const LIBRARY_HUES = 20;

interface Range {
	hue: number;
	hueStep: number;
	saturation: number;
	lightness: number;
}

const APP: Range = { hue: 20, hueStep: 4, saturation: 84, lightness: 68 };
const RANGES: Record<number, Range> = {
	[KIND.app]: APP,
	[KIND.code]: APP,
	[KIND.library]: { hue: 0, hueStep: 0, saturation: 42, lightness: 70 },
	[KIND.jit]: { hue: 80, hueStep: 0, saturation: 50, lightness: 70 },
	[KIND.kernel]: { hue: 216, hueStep: 0, saturation: 64, lightness: 70 },
	[KIND.unknown]: { hue: 270, hueStep: 0, saturation: 10, lightness: 70 },
};

// From -STEPS to STEPS.
const CHANGES = [
	'#6a99e8',
	'#80a8ec',
	'#96b7ef',
	'#acc6f2',
	'#c2d5f5',
	'#d8e4f8',
	'#e4e1db',
	'#f9dcd6',
	'#f7c6bd',
	'#f5b0a4',
	'#f29a8c',
	'#ef8575',
	'#eb6f5f',
];

export function changeColour(step: number): string {
	return CHANGES[step + STEPS] ?? ROOT;
}

// Another version of a library is the same library. What is left out are the other kinds' hues.
function libraryHue(module: string): number {
	const file = baseName(module);
	const ending = file.indexOf('.so');
	const k = hashName(ending < 0 ? file : file.slice(0, ending + 3)) % LIBRARY_HUES;

	return k < LIBRARY_HUES / 2 ? 100 + 10 * k : 150 + 10 * k;
}

function colourOf(kind: number, module: string, shade: number): string {
	const range = RANGES[kind];

	if (!range)
		return kind === KIND.note ? NOTE.stripe : ROOT;
	const hue = kind === KIND.library ? libraryHue(module) : range.hue + shade * range.hueStep;
	return `hsl(${hue} ${range.saturation}% ${range.lightness + 2 * shade}%)`;
}

export function swatchColour(kind: number, module: string): string {
	return colourOf(kind, module, SWATCH_SHADE);
}

export function frameColour(frames: Frames, frame: number): string {
	return colourOf(
		frames.kind[frame]!,
		frames.module[frame]!,
		hashName(frames.name[frame]!) % SHADES,
	);
}
