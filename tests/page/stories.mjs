// SPDX-License-Identifier: Apache-2.0
// A server of the page that can be made to do what a real one does once in a while: to be slow, to end
// and be another one, to have dropped a profile.
import { makeStatus, serve, SNAPSHOT } from './many_frames.mjs';

const NAMES = ['', 'prog', 'main', 'left', 'right', 'gone', 'new'];
/** Of "before": main calls gone and left; of "after": left, right and new. */
const TREES = {
	before: [[0, -1, 0], [1, 0, 0], [2, 3, 40], [2, 1, 60]],
	after: [[0, -1, 0], [1, 0, 0], [2, 1, 30], [2, 2, 60], [2, 4, 20]],
};
const DIFF = [[0, -1, 0, 0], [1, 0, 0, 0], [2, 1, 30, 60], [2, 2, 60, 0], [2, 3, 0, 40], [2, 4, 20, 0]];

function treeOf(nodes, diff) {
	const column = (i) => nodes.map((node) => node[i]);

	return JSON.stringify({
		version: 1, title: diff ? 'a comparison' : 'prog (pid 1)', kind: 'profile', time_ms: 1763808243000,
		duration_ms: 1000, types: [{ type: 'samples', unit: 'count' }], shown: 0, below_zero: [0],
		comments: [], outcome: { whole: 1, truncated: 0, lost_stacks: 0, lost: 0 }, diff,
		strings: NAMES,
		frames: {
			name: [2, 3, 4, 5, 6], module: [1, 1, 1, 1, 1], file: [0, 0, 0, 0, 0],
			line: [0, 0, 0, 0, 0], kind: [0, 0, 0, 0, 0],
		},
		nodes: {
			depth: column(0), frame: column(1), self: [column(2)],
			...(diff ? { base: [column(3)] } : {}),
		},
	});
}

/** `ids`: the snapshots there are, each "before" or "after". What `slow` has is answered when it is. */
export async function serveStories(folder) {
	const story = { attached_ms: 1000, ids: {}, slow: {}, taken: 0 };
	const entry = (id) => ({ ...SNAPSHOT, id: Number(id) });
	const json = 'application/json';
	const api = {
		'/api/status': [json, () => JSON.stringify(makeStatus(story.attached_ms))],
		'/api/snapshots': [json, (request) => {
			if (request.method === 'POST') {
				story.ids[++story.taken] = 'after';
				return JSON.stringify(entry(story.taken));
			}
			return JSON.stringify({
				snapshots: Object.keys(story.ids).map(entry), bytes: 0, max_bytes: 1, max_count: 32,
			});
		}],
	};

	for (const id of [1, 2, 3]) {
		api[`/api/snapshots/${id}`] = [json, async (request) => {
			const nodes = TREES[story.ids[id]];
			const is_diff = request.url.includes('base=');

			await story.slow[id];
			return nodes ? treeOf(is_diff ? DIFF : nodes, is_diff) : '{}';
		}];
	}
	return { story, ...(await serve(folder, api)) };
}
