// SPDX-License-Identifier: Apache-2.0
// What is said of a frame and of a profile, in words.
import { change, clock, percent, time, typeTitle, value } from './format';
import { nodeName, type CallTree } from './tree';
import type { View } from './view';

export interface Description {
	name: string;
	/** Module, file and line. */
	place: string;
	facts: string[];
}

/** Where the function is from, as far as it is known. */
export function placeOf(tree: CallTree, frame: number): string {
	const { module, file, line } = tree.frames;

	if (frame < 0)
		return '';
	const source = file[frame] ? file[frame] + (line[frame] ? `:${line[frame]}` : '') : '';
	return [module[frame], source].filter(Boolean).join(' · ');
}

function share(part: number, whole: number, unit: string): string {
	return `${value(part, unit)}, ${percent(part, whole)}`;
}

export function describeNode(tree: CallTree, node: number, unit: string): Description {
	const { before } = tree;
	const total = tree.total[node]!;
	const facts: string[] = [];

	if (before) {
		const earlier = before.total[node]!;

		facts.push(`before ${share(earlier, before.total[0]!, unit)}`);
		facts.push(`after ${share(total, tree.total[0]!, unit)}`);
		facts.push(change(earlier, total, unit));
	} else {
		facts.push(`total ${share(total, tree.total[0]!, unit)}`);
		facts.push(`self ${share(tree.self[node]!, tree.total[0]!, unit)}`);
	}
	return { name: nodeName(tree, node), place: placeOf(tree, tree.frame[node]!), facts };
}

/** A function with all of its calls, which is the root of its callees. */
export function describeFunction(view: View, callees: CallTree): string {
	const { tree, unit } = view;
	const total = callees.total[0]!;
	const before = callees.before?.total[0];
	const facts = [`total ${share(total, tree.total[0]!, unit)}`];

	if (before === undefined)
		facts.push(`self ${share(callees.self[0]!, tree.total[0]!, unit)}`);
	else
		facts.push(change(before, total, unit));
	return [...facts, placeOf(callees, callees.frame[0]!)].filter(Boolean).join(' · ');
}

function totals(view: View): string[] {
	const { tree, unit, layout } = view;
	const total = tree.total[0]!;

	if (!tree.before)
		return [`${value(total, unit)} in total`];
	const before = tree.before.total[0]!;
	const facts = [
		`${value(before, unit)} before, ${value(total, unit)} after: ` +
			change(before, total, unit),
	];
	if (layout.unseenNodes)
		facts.push(
			`${view.widths === 'before' ? 'new' : 'gone'}, so without width: ` +
				value(layout.unseen, unit),
		);
	return facts;
}

/** The picture's title, and what is said below it. */
export function describeView(view: View): { title: string; facts: string } {
	const { profile, tree } = view;
	const type = profile.types[view.type];
	const facts = totals(view);

	if (profile.duration_ms > 0 && !tree.before)
		facts.push(`over ${time(profile.duration_ms * 1e6)}`);
	if (profile.time_ms > 0)
		facts.push(`taken ${clock(profile.time_ms, Date.now())}`);
	return {
		title: [type ? typeTitle(type.type, type.unit) : '', profile.title]
			.filter(Boolean)
			.join(' · '),
		facts: facts.join(' · '),
	};
}
