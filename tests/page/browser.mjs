// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium with the page open in it, and an eye on what must never happen there: an error,
// a question to another host, a breach of the page's policy.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const WAIT_MS = 30000;
const POLL_MS = 50;

export function fail(text) {
	throw new Error(text);
}

export function check(holds, what) {
	if (!holds)
		fail(`not so: ${what}`);
}

export function sleep(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Until it gives something; that is the answer. */
export async function until(what, look, ms = WAIT_MS) {
	const end = Date.now() + ms;

	for (;;) {
		const found = await look();

		if (found)
			return found;
		if (Date.now() > end)
			fail(`waited in vain for: ${what}`);
		await sleep(POLL_MS);
	}
}

function watch(page, host) {
	const problems = [];

	page.on('console', (message) => {
		if (message.type() === 'error' || message.type() === 'warning')
			problems.push(`console: ${message.text()}`);
	});
	page.on('pageerror', (error) => problems.push(`page: ${error.stack ?? error}`));
	page.on('request', (request) => {
		const url = new URL(request.url());

		if (url.protocol !== 'data:' && url.protocol !== 'blob:' && url.host !== host)
			problems.push(`asked ${url.host} for ${url.pathname}`);
	});
	return problems;
}

// Run in the page before anything of its own.
function listen() {
	window.testNotes = { violations: [], longTasks: [] };
	document.addEventListener('securitypolicyviolation', (event) =>
		window.testNotes.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
	new PerformanceObserver((list) => {
		for (const entry of list.getEntries())
			window.testNotes.longTasks.push(entry.duration);
	}).observe({ type: 'longtask', buffered: true });
}

export class Opened {
	constructor(browser, page, problems, size) {
		Object.assign(this, { browser, page, problems, ...size });
	}

	at(testid) {
		return this.page.getByTestId(testid);
	}

	async text(testid) {
		return (await this.at(testid).textContent()) ?? '';
	}

	async shown(testid) {
		return this.at(testid).first().isVisible();
	}

	/** Its place in the window, once there is such a frame. */
	frame(name) {
		return until(`the frame ${name}`, () => this.page.evaluate((wanted) => {
			const rect = window.exoprofPage?.frameRect(wanted);

			return rect && { x: rect.x, y: rect.y, width: rect.width, height: rect.height };
		}, name));
	}

	async click(name) {
		await this.frame(name);
		await this.at('flame').scrollIntoViewIfNeeded();
		// What is clicked is what is drawn, which may be on its way yet.
		await this.still();
		const { x, y, width, height } = await this.frame(name);

		await this.page.mouse.click(x + width / 2, y + height / 2);
	}

	/** Nothing moves any more. */
	async still() {
		let before = '';

		await until('the picture to stand still', async () => {
			const now = await this.page.evaluate(() =>
				document.querySelector('[data-testid=flame]')?.toDataURL() ?? '');
			const same = now === before;

			before = now;
			return same;
		});
	}

	async screenshot(what) {
		const { SCREENSHOTS } = process.env;

		if (!SCREENSHOTS)
			return;
		// A focus ring or a tooltip is not what the picture is about.
		await this.page.mouse.move(0, 0);
		await this.still();
		await this.page.screenshot({
			path: join(SCREENSHOTS, `page-${what}-${this.theme}-${this.width}.png`),
			fullPage: this.width < 600,
		});
	}

	/** No part of the document is to the right of the window. */
	async fitsWidth() {
		const [width, room] = await this.page.evaluate(() =>
			[document.documentElement.scrollWidth, document.documentElement.clientWidth]);

		check(width <= room, `the document is ${width} px wide, of ${room}`);
	}

	/** No cell of the table is outside of what is seen, nor its text outside of the cell. */
	async tableFits() {
		const cut = await this.page.evaluate(() => {
			const room = document.documentElement.clientWidth;

			return [...document.querySelectorAll('[data-testid=table] .number')]
				.filter((cell) => cell.scrollWidth > cell.clientWidth + 1 ||
					cell.getBoundingClientRect().right > room)
				.map((cell) => cell.textContent);
		});

		check(cut.length === 0, `the table's figures can be seen: ${cut}`);
	}

	/** What keeps people from using it, of the kinds that axe-core calls serious or critical. */
	async accessible(what) {
		const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

		await this.page.evaluate(readFileSync(axe, 'utf8'));
		const { violations } = await this.page.evaluate(() =>
			window.axe.run(document, { resultTypes: ['violations'] }));
		const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));

		for (const { id, help, nodes } of serious)
			console.log(`axe: ${what}: ${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
		check(serious.length === 0, `axe finds nothing serious in: ${what}`);
	}

	async longestTask() {
		const tasks = await this.page.evaluate(() => window.testNotes.longTasks.splice(0));

		return Math.max(0, ...tasks);
	}

	async close() {
		const { violations } = await this.page.evaluate(() => window.testNotes);

		await this.browser.close();
		for (const problem of [...this.problems, ...violations])
			console.log(problem);
		check(this.problems.length + violations.length === 0, 'there was no problem in the page');
	}
}

/** All that have been opened, for who wants to know what was seen before a failure. */
export const openedPages = [];

/** Opens the page; the text after `#` is `place`. */
export async function open(url, { width = 1280, theme = 'light', place = '' } = {}) {
	const browser = await chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
		args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking',
			'--disable-component-update', '--disable-sync'],
	});
	const context = await browser.newContext({
		viewport: { width, height: width < 600 ? 844 : 900 },
		colorScheme: theme,
		hasTouch: width < 600,
		reducedMotion: 'no-preference',
		acceptDownloads: true,
	});
	const page = await context.newPage();
	const problems = watch(page, new URL(url).host);

	await page.addInitScript(listen);
	const opened = new Opened(browser, page, problems, { width, theme });

	openedPages.push(opened);
	const answer = await page.goto(url + place);
	const policy = answer.headers()['content-security-policy'] ?? '';

	check(policy.includes("default-src 'none'") && !policy.includes('unsafe'),
		`the page has a strict policy: ${policy}`);
	return opened;
}
