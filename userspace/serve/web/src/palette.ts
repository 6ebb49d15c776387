// SPDX-License-Identifier: Apache-2.0
// Colours of frames. A hue says whose code a frame is, its shade only tells neighbours apart. All
// are light enough for dark ink, in both themes.
import { STEPS } from './diff';
import { hashName } from './names';
import { KIND, type Frames } from './profile';

export const ROOT = '#dedad2';
export const HIT = '#b4238f';
export const INK = '#20242e';
export const NOTE = { ground: '#8f1d2c', stripe: '#b23a48' };

const SHADES = 6;

// As in flamegraph.css: from -STEPS to STEPS.
const CHANGES = [
	'#6a99e8', '#80a8ec', '#96b7ef', '#acc6f2', '#c2d5f5', '#d8e4f8',
	'#e4e1db',
	'#f9dcd6', '#f7c6bd', '#f5b0a4', '#f29a8c', '#ef8575', '#eb6f5f',
];

const SHADED: Record<number, string[]> = {
	[KIND.app]: ['#f5b971', '#f8c688', '#f3aa63', '#f6c07c', '#f0a069', '#fad29b'],
	[KIND.code]: ['#f5b971', '#f8c688', '#f3aa63', '#f6c07c', '#f0a069', '#fad29b'],
	[KIND.library]: ['#8fcfbb', '#a2d9c7', '#7fc5b0', '#98d2c6', '#86cab9', '#b3e0d1'],
	[KIND.jit]: ['#b9d77c', '#c7e08f', '#acce6c', '#c0da86', '#b2d275', '#d3e7a6'],
	[KIND.kernel]: ['#9dbcec', '#b0c9f1', '#8eb0e6', '#a6bef0', '#96b4ea', '#bdd2f4'],
	[KIND.unknown]: ['#cbc6d2', '#d4d0da', '#c2bccb', '#cfcad3', '#c7c1cd', '#dad6df'],
	[KIND.note]: [NOTE.stripe],
};

export function changeColour(step: number): string {
	return CHANGES[step + STEPS]!;
}

export function kindColour(kind: number): string {
	return SHADED[kind]?.[0] ?? ROOT;
}

export function frameColour(frames: Frames, frame: number): string {
	const shades = SHADED[frames.kind[frame]!] ?? [ROOT];

	return shades[(hashName(frames.name[frame]!) % SHADES) % shades.length]!;
}
