// SPDX-License-Identifier: Apache-2.0
// How much a node of a diff has changed, and how strongly that is coloured.
import type { CallTree } from './tree';

export const STEPS = 6;

/** The greatest change of a frame. The root's is that of the totals: a small one of a frame would
 * not be seen beside it. */
export function greatestChange(tree: CallTree): number {
	let greatest = 0;

	if (!tree.before)
		return 0;
	for (let i = 1; i < tree.total.length; i++)
		greatest = Math.max(greatest, Math.abs(tree.total[i]! - tree.before.total[i]!));
	return greatest;
}

/** From -STEPS, has shrunk the most, to STEPS, has grown the most. However small the change: only
 * what is the same has 0. */
export function changeStep(from: number, to: number, greatest: number): number {
	const by = to - from;

	if (!by || !greatest)
		return 0;
	return Math.sign(by) * Math.min(STEPS, Math.ceil((Math.abs(by) / greatest) * STEPS));
}
