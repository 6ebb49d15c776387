// SPDX-License-Identifier: Apache-2.0
// A server of the page with one profile of 50,000 nodes, that nobody would have the patience to
// collect: made of numbers that are the same each time.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const NODES = 50000;
/** Functions "hot_0" to this one call each other, and the last one is much of the whole. */
const HOT = 20;
const DEPTH_MAX = 60;
const FUNCTIONS = 8000;
const KINDS = [0, 0, 0, 1, 1, 3];

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Numbers from 0 up to below 1 (Numerical Recipes' generator). */
function numbers(seed) {
	let state = seed;

	return () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 32;
	};
}

function makeFrames(next) {
	const strings = ['', 'app', '/usr/lib/libone.so.1', '/usr/lib/libtwo.so.2', '[kernel.kallsyms]'];
	const frames = { name: [], module: [], file: [], line: [], kind: [] };
	const add = (name, kind) => {
		frames.name.push(strings.push(name) - 1);
		frames.module.push(kind === 3 ? 4 : kind === 1 ? 2 + Math.floor(2 * next()) : 1);
		frames.file.push(0);
		frames.line.push(0);
		frames.kind.push(kind);
	};

	for (let i = 0; i <= HOT; i++)
		add(`hot_${i}`, 0);
	for (let i = HOT + 1; i < FUNCTIONS; i++)
		add(`ns::type_${i % 97}::function_${i}(int, char const*)`, KINDS[i % KINDS.length]);
	return { strings, frames };
}

function makeTree() {
	const next = numbers(1);
	const { strings, frames } = makeFrames(next);
	const nodes = { depth: [0], frame: [-1], self: [[0], [0]] };
	const add = (depth, frame, ticks) => {
		nodes.depth.push(depth);
		nodes.frame.push(frame);
		nodes.self[0].push(ticks);
		nodes.self[1].push(ticks * 10101010);
	};
	let depth = HOT + 1;

	for (let i = 0; i <= HOT; i++)
		add(i + 1, i, i === HOT ? 40000 : 1);
	// A walk up and down; the siblings' order is not one that a reader relies on.
	while (nodes.depth.length < NODES) {
		depth = Math.min(DEPTH_MAX, Math.max(1, depth + (next() < 0.6 ? 1 : -Math.floor(5 * next()))));
		add(depth, HOT + 1 + Math.floor(next() * (FUNCTIONS - HOT - 1)), Math.floor(8 * next()));
	}
	return {
		version: 1, title: 'many (pid 1)', kind: 'profile', time_ms: 1763808243000,
		duration_ms: 10000, period: 10101010, period_type: { type: 'cpu', unit: 'nanoseconds' },
		types: [{ type: 'samples', unit: 'count' }, { type: 'cpu', unit: 'nanoseconds' }], shown: 1,
		below_zero: [0, 0], comments: ['made up'], outcome: { whole: 100, truncated: 1, lost_stacks: 0, lost: 0 },
		diff: false, strings, frames, nodes,
	};
}

export const SNAPSHOT = {
	id: 1, kind: 'profile', query: 'seconds=10', taken_ms: 1763808243000, duration_ms: 10000,
	bytes: 1000, title: 'many (pid 1)', pprof: '/api/snapshots/1?format=pprof',
};

const ATTACHED_MS = Date.now() - 60000;

export function makeStatus(attached_ms = ATTACHED_MS) {
	return {
		version: '0', now_ms: Date.now(), attached_ms,
		targets: [{
			pid: 1, name: 'many', command: ['many'], alive: true, started_ms: ATTACHED_MS - 30000,
			threads: 1,
		}],
		target_count: 1,
		kinds: [{ name: 'profile', title: 'CPU', takes_seconds: true, count: null, why_not: null }],
		heap: {
			followed: false, text: '', warning: '', probe_cpu_share: null, hits_per_second: null,
		},
		losses: [], stacks: { whole: 100, truncated: 1 },
		self: { cpu_seconds: 1, rss_bytes: 1 << 20, map_bytes: 1 << 20 },
		history: { start_ms: Date.now(), step_ms: 1000, cpu: [0.5], rss: [1 << 20], threads: [1] },
	};
}

/** Serves the built page from that folder; gives its address. What `api` has, by path, goes before. */
export function serve(folder, api = {}) {
	const tree = JSON.stringify(makeTree());
	const file = (name) => () => readFileSync(join(folder, name));
	const answers = {
		'/': ['text/html; charset=utf-8', file('index.html')],
		'/page.js': ['text/javascript; charset=utf-8', file('page.js')],
		'/page.css': ['text/css; charset=utf-8', file('page.css')],
		'/api/status': ['application/json', () => JSON.stringify(makeStatus())],
		'/api/snapshots': ['application/json', () => JSON.stringify({
			snapshots: [SNAPSHOT], bytes: 1000, max_bytes: 1 << 26, max_count: 32,
		})],
		'/api/snapshots/1': ['application/vnd.exoprof.tree+json', () => tree],
		...api,
	};
	const server = createServer(async (request, response) => {
		const [type, make] = answers[new URL(request.url, 'http://x').pathname] ?? [];

		response.setHeader('Content-Security-Policy', POLICY);
		if (!make) {
			response.writeHead(404).end('There is no such profile.');
			return;
		}
		const body = await make(request);
		response.setHeader('Content-Type', type);
		response.end(body);
	});

	return new Promise((resolve) => server.listen(0, '127.0.0.1', () =>
		resolve({ server, url: `http://127.0.0.1:${server.address().port}/` })));
}
