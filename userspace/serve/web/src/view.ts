// SPDX-License-Identifier: Apache-2.0
// What there is to see of a profile at a place: made anew only as far as something has changed.
import { changeStep, greatestChange } from './diff';
import { layOut, type Layout, type Widths } from './layout';
import { changeColour, frameColour } from './palette';
import type { Place } from './place';
import type { Frames, Profile } from './profile';
import { compile, hitFrames, matchedSize } from './search';
import { tabNamed } from './tabs';
import { hide, idleFrames, kernelFrames, nodeOf, treeOf, type CallTree } from './tree';

/** Remembers its last answer for the same arguments. */
function remember<A extends unknown[], R>(make: (...args: A) => R): (...args: A) => R {
	let last: { args: A; result: R } | null = null;

	return (...args) => {
		if (!last || last.args.some((arg, i) => arg !== args[i]))
			last = { args, result: make(...args) };
		return last.result;
	};
}

export interface View {
	profile: Profile;
	type: number;
	unit: string;
	tree: CallTree;
	layout: Layout;
	widths: Widths;
	zoom: number;
	/** What was left out, on request. */
	hiddenKernel: number;
	hiddenIdle: number;
	/** By frame; null if nothing is searched for. */
	hits: Uint8Array | null;
	matched: number;
	searchError: string;
	greatest: number;
	fill: (node: number) => string;
}

/** Which of the profile's types a place is about. */
export function typeAt(profile: Profile, place: Place): number {
	const named = (name: string) => profile.types.findIndex((type) => type.type === name);
	const asked = place.value === null ? -1 : named(place.value);

	if (asked >= 0)
		return asked;
	const usual = named(tabNamed(place.tab).value);
	return usual >= 0 ? usual : Math.min(profile.shown, profile.types.length - 1);
}

// The frames of a profile are those of all trees that are made of it.
export const frameColours = remember((frames: Frames) => {
	const colours: (string | undefined)[] = [];

	return (frame: number) => (colours[frame] ??= frameColour(frames, frame));
});

/** The colour of a node: by whose code it is, or of a diff by how it has changed. */
export function colouring(tree: CallTree, greatest: number): (node: number) => string {
	const { before, total, frame } = tree;
	const colour_of = frameColours(tree.frames);

	if (!before)
		return (node) => colour_of(frame[node]!);
	return (node) => changeColour(changeStep(before.total[node]!, total[node]!, greatest));
}

const wholeTree = remember(treeOf);

const shownTree = remember((whole: CallTree, no_kernel: boolean, no_idle: boolean) => {
	// What a thread waits in is often seen in the kernel only: first the idle ones go.
	const busy = no_idle
		? hide(whole, idleFrames(whole.frames), false)
		: { tree: whole, value: 0 };
	const user = no_kernel
		? hide(busy.tree, kernelFrames(whole.frames), true)
		: { tree: busy.tree, value: 0 };

	return { tree: user.tree, hiddenIdle: busy.value, hiddenKernel: user.value };
});

const layoutOf = remember(layOut);
const greatestOf = remember(greatestChange);

const found = remember((tree: CallTree, layout: Layout, search: string) => {
	const { matches, error } = compile(search);
	const hits = matches && hitFrames(tree.frames, matches);

	return { hits, error, matched: hits ? matchedSize(tree, layout, hits) : 0 };
});

export function viewOf(profile: Profile, place: Place): View {
	const type = typeAt(profile, place);
	const { tree, hiddenIdle, hiddenKernel } = shownTree(
		wholeTree(profile, type),
		place.hideKernel,
		place.hideIdle,
	);
	const layout = layoutOf(tree, place.widths);
	const search = found(tree, layout, place.search);
	const greatest = greatestOf(tree);

	return {
		profile,
		type,
		unit: profile.types[type]?.unit ?? '',
		tree,
		layout,
		widths: place.widths,
		zoom: nodeOf(tree, place.zoom),
		hiddenKernel,
		hiddenIdle,
		hits: search.hits,
		matched: search.matched,
		searchError: search.error,
		greatest,
		fill: colouring(tree, greatest),
	};
}
