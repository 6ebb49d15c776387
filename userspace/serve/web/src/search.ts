// SPDX-License-Identifier: Apache-2.0
// Which frames a search is about, and what share of the whole they and what they call are.
import type { Layout } from './layout';
import { baseName } from './names';
import type { Frames } from './profile';
import type { CallTree } from './tree';

export type Matcher = (text: string) => boolean;

export interface Search {
	matches: Matcher | null;
	error: string;
}

/** `text` is looked for as it is, whatever its case; `/regex/` as a regular expression. */
export function compile(text: string): Search {
	const regex = /^\/(.*)\/([imsu]*)$/.exec(text);

	if (!text)
		return { matches: null, error: '' };
	if (!regex) {
		const plain = text.toLowerCase();

		return { matches: (name) => name.toLowerCase().includes(plain), error: '' };
	}
	try {
		const pattern = new RegExp(regex[1]!, regex[2] || 'i');

		return { matches: (name) => pattern.test(name), error: '' };
	} catch (error) {
		return {
			matches: null,
			error: error instanceof Error ? error.message : String(error),
		};
	}
}

/** By frame: whether its name or its module matches. */
export function hitFrames(frames: Frames, matches: Matcher): Uint8Array {
	const modules = new Map<string, boolean>();

	return Uint8Array.from(frames.name, (name, i) => {
		const module = frames.module[i]!;
		let hit = modules.get(module);

		if (hit === undefined)
			modules.set(module, (hit = module !== '' && matches(baseName(module))));
		return hit || matches(name) ? 1 : 0;
	});
}

/** What the matching frames are of the picture; what is inside a match has been counted with it. */
export function matchedSize(tree: CallTree, layout: Layout, hits: Uint8Array): number {
	let matched = 0;

	for (let i = 1; i < tree.frame.length;) {
		if (hits[tree.frame[i]!]) {
			matched += layout.size[i]!;
			i = tree.end[i]!;
		} else {
			i++;
		}
	}
	return matched;
}
