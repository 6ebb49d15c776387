// SPDX-License-Identifier: Apache-2.0
// JavaScript whose stacks are known, for as long as it runs. "chain": each function is called by the
// one below it, often enough to be compiled. "server": an HTTP server on a port of its choice.
// "garbage": allocates what it soon forgets, so that collector threads work too.
'use strict';

function site_leaf(x) {
	return (x * 31) ^ (x >>> 3);
}

function site_inner(x) {
	let sum = 0;
	for (let i = 0; i < 50; i++) sum = (sum + site_leaf(i ^ x)) | 0;
	return sum;
}

function site_middle(x) {
	let sum = 0;
	for (let i = 0; i < 20; i++) sum = (sum + site_inner(i + x)) | 0;
	return sum;
}

function site_outer(count) {
	let sum = 0;
	for (let i = 0; i < count; i++) sum = (sum + site_middle(i)) | 0;
	return sum;
}

function site_tree(depth) {
	return depth ? { left: site_tree(depth - 1), right: site_tree(depth - 1), text: 'at ' + depth } : null;
}

const kept = [];

function site_garbage() {
	kept.push(site_tree(10));
	if (kept.length > 50) kept.shift();
	return JSON.parse(JSON.stringify(kept[0])).text.toUpperCase();
}

function site_answer(request, response) {
	const items = [];
	for (let i = 0; i < 50; i++) items.push({ id: i, url: request.url, sum: site_middle(i) });
	response.setHeader('content-type', 'application/json');
	response.end(JSON.stringify(items));
}

function site_turn(work) {
	work();
	setImmediate(site_turn, work);
}

const modes = {
	chain: () => site_turn(() => site_outer(1000)),
	garbage: () => site_turn(site_garbage),
	server: () => {
		const server = require('http').createServer(site_answer);
		server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
	},
};

modes[process.argv[2]]();
console.log('ready');
