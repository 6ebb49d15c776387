// SPDX-License-Identifier: Apache-2.0
// Uses the page as a reader would: node scenarios.mjs NAME URL-OR-FOLDER. Says what it found; its exit
// status is 0 if all was as it should be.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { check, open, openedPages, until } from './browser.mjs';
import { NODES, serve } from './many_frames.mjs';
import { serveStories } from './stories.mjs';

const HANDLER = 'gc_heavy_handler';
const THEMES = ['light', 'dark'];
const WIDTHS = [1280, 390];
/** Far above what is meant, 100 ms: a machine that runs the tests has other things to do. */
const LONG_TASK_MS = 1000;
const UNITS = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/* What pprof says of the file that the page gave */

/** Of each function, and in all, in the unit's base. */
function top(file, type, unit) {
	const text = execFileSync('go', ['tool', 'pprof', '-top', '-cum', `-unit=${unit}`,
		`-sample_index=${type}`, '-nodecount=10000', '-nodefraction=0', '-edgefraction=0', file],
	{ encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
	const [, total] = /of ([\d.]+)\w* total/.exec(text);
	const functions = new Map();

	for (const line of text.split('\n')) {
		const row = /^ *([\d.]+)\w* +[\d.]+% +[\d.]+% +([\d.]+)\w* +[\d.]+% +(.*?)( \(inline\))?$/
			.exec(line);

		if (row)
			functions.set(row[3], { flat: Number(row[1]), cum: Number(row[2]) });
	}
	check(functions.size > 0, 'pprof reads the file');
	return { total: Number(total), functions };
}

/** Whether a rounded value, such as "1.50 MiB", is of that number. */
function isAbout(text, number) {
	const [, digits, unit] = /^([\d,.]+) (\w+)/.exec(text) ?? [];
	const scale = UNITS[unit];
	const step = digits?.includes('.') ? 0.005 : 0.5;

	return Math.abs(Number(digits?.replaceAll(',', '')) - number / scale) <= step * 1.001;
}

function percentIn(text, what) {
	const found = new RegExp(`${what}[^%]*?([\\d.]+)%`).exec(text);

	check(found, `there is a share in: ${text}`);
	return Number(found[1]);
}

async function download(opened, format) {
	const [file] = await Promise.all([
		opened.page.waitForEvent('download'), opened.at(`download-${format}`).click(),
	]);

	await file.saveAs(file.suggestedFilename());
	return file.suggestedFilename();
}

/* Steps */

async function take(opened, seconds) {
	const before = await opened.at('snapshot').inputValue().catch(() => '');

	await opened.at('seconds').fill(seconds);
	await opened.at('take').click();
	await until('the new profile', async () =>
		(await opened.shown('snapshot')) && (await opened.at('snapshot').inputValue()) !== before &&
		!(await opened.shown('progress')));
}

async function takeCpu(opened, seconds = '2') {
	await take(opened, seconds);
	await opened.frame(HANDLER);
	await opened.still();
}

function hashOf(opened) {
	return new URLSearchParams(new URL(opened.page.url()).hash.slice(1));
}

/** Gives the share that matched. */
async function searchFor(opened, text) {
	await opened.at('search').fill(text);
	await until('the search', () => hashOf(opened).get('search') === text);
	return percentIn(await opened.text('matched'), 'Matched');
}

async function zoomTo(opened, name) {
	const { width } = await opened.frame(name);

	await opened.click(name);
	await opened.still();
	const canvas = await opened.at('flame').boundingBox();
	const now = await opened.frame(name);

	check(Math.abs(now.width - canvas.width) <= 2, `${name} is as wide as the picture: ` +
		`${width} px became ${now.width} of ${canvas.width}`);
	check(await opened.at('zoom-reset').isEnabled(), 'the zoom can be reset');
}

/** A pixel of the frame, beside its name. */
function colourOf(opened, name) {
	return opened.page.evaluate((wanted) => {
		const canvas = document.querySelector('[data-testid=flame]');
		const rect = window.exoprofPage.frameRect(wanted);
		const place = canvas.getBoundingClientRect();
		const scale = canvas.width / place.width;

		return Array.from(canvas.getContext('2d').getImageData(
			(rect.right - 3 - place.x) * scale, (rect.y - place.y + 3) * scale, 1, 1).data);
	}, name);
}

/* Scenarios */

async function cpu(url) {
	const opened = await open(url);

	await takeCpu(opened);
	const facts = await opened.text('picture-facts');
	const file = await download(opened, 'pprof');
	const { total, functions } = top(file, 'cpu', 'ns');
	const handler = functions.get(HANDLER);
	console.log(`the page: ${facts}; pprof, of ${file}: ${total} ns, ${handler.cum} ns in ${HANDLER}`);
	check(isAbout(facts, total), 'the total is that of the file');

	await zoomTo(opened, HANDLER);
	const detail = await opened.text('detail');
	console.log(`the page: ${detail}`);
	check(isAbout(detail.slice(detail.indexOf('total ') + 6), handler.cum),
		'the value of the handler is that of the file');
	check(Math.abs(percentIn(detail, 'total') - (100 * handler.cum) / total) < 0.006,
		'so is its share');
	await opened.at('zoom-reset').click();
	await opened.still();
	check(await opened.at('zoom-reset').isDisabled(), 'the zoom is reset');

	check(Math.abs((await searchFor(opened, HANDLER)) - (100 * handler.cum) / total) < 0.006,
		'a search for the handler matches its share');
	const matched = await searchFor(opened, '/^_?_?(libc_)?(calloc|free|malloc)$/');
	const found = [...functions].filter(([name]) => /^_?_?(libc_)?(calloc|free|malloc)$/.test(name));
	const cums = found.map(([, { cum }]) => (100 * cum) / total);
	console.log(`matched: ${matched}%, of ${found.map(([name]) => name)}`);
	check(matched >= Math.max(...cums) - 0.006, 'a search matches as much as the largest of them');
	check(matched <= cums.reduce((sum, cum) => sum + cum, 0) + 0.006, 'and no more than all');
	await opened.screenshot('search');

	const place = opened.page.url();
	await opened.page.reload();
	await opened.frame(HANDLER);
	check(opened.page.url() === place, 'a reload stays at its place');
	check((await opened.at('search').inputValue()).includes('calloc'), 'and with its search');
	check(/whole.*lost/.test(await opened.text('losses')), 'the losses are told');

	await opened.at('search').fill('');
	await opened.at('table').getByRole('button', { name: HANDLER, exact: false }).first().click();
	check((await opened.text('sandwich-title')).includes(HANDLER), 'callers and callees are shown');
	check(Math.abs(percentIn(await opened.text('sandwich-facts'), 'total') -
		(100 * handler.cum) / total) < 0.006, 'of the same share');
	await opened.close();
}

async function heap(url) {
	const opened = await open(url);

	await opened.at('tab-heap').click();
	await opened.frame(HANDLER);
	const first = await opened.at('snapshot').inputValue();
	const before = await opened.text('picture-facts');
	await until('the heap to grow', async () => {
		await take(opened, '');
		return (await opened.text('picture-facts')).split(' in total')[0] !== before.split(' in total')[0];
	});
	await opened.frame(HANDLER);

	const facts = await opened.text('picture-facts');
	const file = await download(opened, 'pprof');
	const { total, functions } = top(file, 'inuse_space', 'B');
	console.log(`the page: ${facts}; pprof, of ${file}: ${total} B, ` +
		`${functions.get(HANDLER).cum} B in ${HANDLER}`);
	check(isAbout(facts, total), 'the total is that of the file');

	await opened.at('base').selectOption(first);
	await until('the comparison', async () =>
		(await opened.text('legend')).includes('more than before'));
	await opened.still();
	const legend = await opened.text('legend');
	const diff_facts = await opened.text('picture-facts');
	const [red, , blue] = await colourOf(opened, HANDLER);
	console.log(`${legend}; ${diff_facts}; red ${red}, blue ${blue}`);
	check(legend.includes('less than before'), 'the legend tells what has shrunk');
	check(/before.*after/.test(diff_facts), 'both totals are told');
	check(red > blue + 50, 'what has grown is red');
	await opened.accessible('a comparison');
	for (const format of ['flamegraph', 'folded'])
		console.log(`${format}: ${await download(opened, format)}`);
	check(!(await opened.shown('download-speedscope')), 'no format is offered that holds no difference');
	await opened.at('base').selectOption('');
	await until('no comparison', () => opened.shown('download-speedscope'));
	for (const format of ['flamegraph', 'folded', 'speedscope', 'text'])
		console.log(`${format}: ${await download(opened, format)}`);
	await opened.close();
}

/** Waits for files that its caller makes: "cancel", then "end". */
async function cancel(url) {
	const opened = await open(url);

	await opened.at('seconds').fill('60');
	await opened.at('take').click();
	await until('progress', () => opened.shown('progress'));
	await until('the file "cancel"', () => existsSync('cancel'));
	await opened.at('cancel').click();
	await until('Take', () => opened.shown('take'));
	check(!(await opened.shown('error')), 'a profile that was cancelled is no failure');
	console.log('cancelled');
	await until('the file "end"', () => existsSync('end'));
	check(!(await opened.shown('snapshot')), 'none is kept');
	await opened.close();
}

async function tabTo(opened, testid, key = 'Tab') {
	for (let i = 0; i < 40; i++) {
		await opened.page.keyboard.press(key);
		if (await opened.at(testid).evaluate((one) => one === document.activeElement))
			return;
	}
	check(false, `the keyboard comes to ${testid}`);
}

async function keys(url) {
	const opened = await open(url);
	const { keyboard } = opened.page;
	const hash = (name) => hashOf(opened).get(name);

	await tabTo(opened, 'seconds');
	await keyboard.press('Control+A');
	await keyboard.type('2');
	await tabTo(opened, 'take');
	await keyboard.press('Enter');
	await opened.frame(HANDLER);
	await opened.page.evaluate(() => document.activeElement?.blur());
	await tabTo(opened, 'flame');
	const seen = [await opened.text('detail')];
	for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown']) {
		await keyboard.press(key);
		seen.push(await opened.text('detail'));
	}
	check(new Set(seen).size === 4, `the arrows move: ${seen.join(' | ')}`);
	await keyboard.press('ArrowUp');
	check((await opened.text('detail')) === seen[2], 'and back');
	await keyboard.press('Enter');
	await until('Enter to zoom', () => hash('zoom') !== null);
	await keyboard.press('Escape');
	await until('Escape to reset', () => hash('zoom') === null);
	await keyboard.press('/');
	check(await opened.at('search').evaluate((one) => one === document.activeElement),
		'/ leads to the search');
	await keyboard.type(HANDLER);
	await until('what matched', async () => (await opened.text('matched')).startsWith('Matched'));
	await keyboard.press('Escape');
	await until('no search', () => hash('search') === null);
	await tabTo(opened, 'tab-cpu', 'Shift+Tab');
	await keyboard.press('ArrowRight');
	await keyboard.press('Enter');
	await until('the heap', () => hash('tab') === 'heap');
	await opened.close();
}

/** Each tab, as it is first opened: what can be had at once is taken. */
async function tabs(url) {
	const opened = await open(url);

	for (const tab of ['allocs', 'block', 'mutex', 'threads']) {
		await opened.at(`tab-${tab}`).click();
		await until(`a profile in ${tab}`, () => opened.shown('snapshot'));
		await until(`a picture in ${tab}, or a word`, async () =>
			(await opened.shown('flame')) || (await opened.text('empty')).startsWith('No samples'));
		check(!(await opened.shown('error')), `${tab} opens: ${await opened.text('error')}`);
		console.log(`${tab}: ${await opened.text('picture-title')}: ` +
			`${await opened.text('picture-facts')}; ${await opened.text('losses')}`);
	}
	await opened.at('tab-wall').click();
	await take(opened, '1');
	await opened.frame('all');
	await tryViews(opened);
	await opened.close();
}

async function tryViews(opened) {
	const icicle = await opened.frame('all');
	await opened.at('orientation').click();
	await opened.still();
	check((await opened.frame('all')).y > icicle.y, 'the root is at the bottom');
	await opened.at('hide-kernel').click();
	await opened.at('hide-idle').click();
	await until('what is hidden', async () => /idle, hidden/.test(await opened.text('losses')));
	// Perhaps that was all there was.
	await opened.at('hide-idle').click();
	await opened.frame('all');

	const themeOf = () => opened.page.evaluate(() => document.documentElement.dataset.theme);
	while ((await themeOf()) !== 'dark')
		await opened.at('theme').click();
	const place = opened.page.url();
	await opened.page.reload();
	await until('the picture', () => opened.shown('flame'));
	check((await themeOf()) === 'dark', 'the theme is kept');
	check(opened.page.url() === place && place.includes('draw=flame'), 'and the orientation');
	check((await opened.text('pprof-command')).startsWith(`go tool pprof ${new URL(place).origin}/`),
		"pprof's command has this server's address");
}

/** In both themes and at both widths: nothing sticks out, and nobody is kept out. */
async function looks(url) {
	if (process.env.SCREENSHOTS)
		mkdirSync(process.env.SCREENSHOTS, { recursive: true });
	await makeProfiles(url);
	for (const width of WIDTHS) {
		for (const theme of THEMES)
			await look(url, width, theme);
	}
}

/** That each of the windows then shows. */
async function makeProfiles(url) {
	const opened = await open(url);

	await takeCpu(opened, '1');
	await opened.at('tab-heap').click();
	await opened.frame(HANDLER);
	await take(opened, '');
	await opened.close();
}

async function look(url, width, theme) {
	const opened = await open(url, { width, theme });
	const what = `${theme}, ${width} px`;

	await opened.frame(HANDLER);
	await opened.still();
	await opened.fitsWidth();
	check(/whole.*lost/.test(await opened.text('losses')), 'the losses are told');
	check(await opened.shown('losses'), 'and can be seen');
	check((await opened.page.evaluate(() => document.documentElement.dataset.theme)) === theme,
		`the theme is the system's: ${what}`);
	await opened.accessible(`the CPU profile, ${what}`);
	await opened.screenshot('cpu');
	await opened.at('tab-heap').click();
	await opened.frame(HANDLER);
	await opened.at('base').selectOption({ index: 1 });
	await until('the comparison', async () =>
		(await opened.text('legend')).includes('more than before'));
	await opened.at('table').getByText('Total change').scrollIntoViewIfNeeded();
	await opened.fitsWidth();
	await opened.tableFits();
	await opened.accessible(`the heap's comparison, ${what}`);
	await opened.screenshot('heap-diff');
	console.log(`${what}: fits, accessible`);
	await opened.close();
}

async function many(folder) {
	const { server, url } = await serve(folder);
	const opened = await open(url);
	const times = {};
	const measure = async (what, act) => {
		await act();
		await opened.still();
		times[what] = Math.max(times[what] ?? 0, await opened.longestTask());
	};

	await measure('opening', () => opened.frame('hot_0'));
	console.log(`${NODES} nodes, ${await opened.page.evaluate(() => window.exoprofPage.frames())} drawn`);
	for (const depth of [1, 4, 8, 16]) {
		await measure('zooming', () => opened.click(`hot_${depth}`));
		await measure('zooming', () => opened.at('zoom-reset').click());
	}
	await measure('searching', () => searchFor(opened, 'function_1'));
	await measure('searching', () => searchFor(opened, '/type_[1-5]+::/'));
	await measure('hiding the kernel', () => opened.at('hide-kernel').click());
	for (const [what, ms] of Object.entries(times)) {
		console.log(`longest task while ${what}: ${ms ? `${ms.toFixed(0)} ms` : 'below 50 ms'}`);
		check(ms < LONG_TASK_MS, `${what} takes no longer than ${LONG_TASK_MS} ms`);
	}
	await opened.close();
	server.close();
}

/** The numbers of calls are made up, so that each share is known. */
async function stories(folder) {
	const { server, url, story } = await serveStories(folder);

	for (const tell of [backKeepsZoom, lateAnswer, comparison, restart]) {
		Object.assign(story, { attached_ms: 1000, ids: { 1: 'before', 2: 'after' }, slow: {}, taken: 2 });
		const opened = await open(url, { place: '#tab=cpu&snapshot=1' });

		await opened.frame('gone');
		await tell(opened, story);
		console.log(`${tell.name}: told`);
		await opened.close();
	}
	server.close();
}

/** The zoom of each place in the browser's history is of the profile that was there. */
async function backKeepsZoom(opened) {
	await opened.click('left');
	await until('the zoom', () => hashOf(opened).get('zoom') === '3');
	await opened.at('snapshot').selectOption('2');
	await until('the other profile', async () =>
		(await opened.text('picture-facts')).startsWith('110 in total'));
	check(hashOf(opened).get('zoom') === '2', 'the zoom stays at the same calls');
	await opened.at('zoom-reset').click();
	await opened.frame('right');
	await opened.click('new');
	await until('the other zoom', () => hashOf(opened).get('zoom') === '4');
	for (const [zoom, name] of [[null, 'right'], ['2', 'left'], ['3', 'left'], [null, 'gone']]) {
		await opened.page.goBack();
		await until('the way back', () => hashOf(opened).get('zoom') === zoom);
		await opened.frame(name);
		await opened.still();
		check(hashOf(opened).get('zoom') === zoom, `back at ${name}`);
	}
}

/** What is shown is what was asked for last, whatever comes last. */
async function lateAnswer(opened, story) {
	let answer;

	story.slow[2] = new Promise((resolve) => (answer = resolve));
	await opened.at('snapshot').selectOption('2');
	await opened.at('snapshot').selectOption('1');
	await opened.frame('gone');
	answer();
	await opened.still();
	await opened.frame('gone');
}

/** Of a comparison, what has gone can be looked at, too. */
async function comparison(opened) {
	await opened.at('snapshot').selectOption('2');
	await opened.frame('new');
	await opened.at('base').selectOption('1');
	await until('the comparison', () => opened.shown('widths'));
	check(/gone, so without width: 40/.test(await opened.text('picture-facts')), 'what has gone is told');
	await opened.at('table').getByRole('button', { name: /^gone/ }).click();
	check(/total 0, 0.00%.*−40 \(−100.00%\)/.test(await opened.text('sandwich-facts')), 'it is gone');
	check(await opened.shown('sandwich-callers'), 'who called it is shown');
	check(await opened.at('sandwich-close').evaluate((one) => one === document.activeElement),
		'the keyboard is there');
	await opened.page.keyboard.press('Escape');
	await until('the flame graph', () => opened.shown('flame'));
	check(await opened.at('flame').evaluate((one) => one === document.activeElement), 'and back');
}

/** Another exoprof has other profiles, even where their numbers are the same. */
async function restart(opened, story) {
	Object.assign(story, { attached_ms: 2000, ids: {}, taken: 0 });
	await until('no profile', async () => (await opened.text('empty')).includes('Nothing has been taken'));
	check(hashOf(opened).get('snapshot') === null, 'the old number is forgotten');
	await opened.at('take').click();
	await opened.frame('new');
	check((await opened.at('snapshot').inputValue()) === '1', 'a number that was there before');
}

const scenarios = { cpu, heap, tabs, cancel, keys, looks, many, stories };
const [name, where] = process.argv.slice(2);

try {
	await scenarios[name](where);
	process.exit(0);
} catch (error) {
	console.log(error.stack);
	for (const { problems, width, theme } of openedPages.slice(-1))
		console.log(`${theme}, ${width} px; problems: ${problems.join('\n') || 'none'}`);
	process.exit(1);
}
