/* SPDX-License-Identifier: Apache-2.0 */
/* Uses a flame graph of make_flamegraph.c as a reader would, and leaves what it found as the text
 * of #verdict: a line "ok ..." or "not ok ..." for each claim, "done" at the end. */
'use strict';
addEventListener('load', () => {
	const svg = document.documentElement;
	const byId = (id) => document.getElementById(id);
	const found = [];
	const claim = (what, holds) => found.push(`${holds ? 'ok' : 'not ok'} ${what}`);

	const all = Array.from(byId('frames').children);
	const nameOf = (g) => g.querySelector('title').textContent.split('\n')[0];
	const frame = (start) => all.find((g) => nameOf(g).startsWith(start));
	const rectOf = (g) => g.querySelector('rect');
	const widthOf = (g) => Number(rectOf(g).getAttribute('width'));
	const isShown = (g) => g.style.display !== 'none';
	const full = () => Number(svg.getAttribute('width')) - 24;
	const isFull = (g) => isShown(g) && Math.abs(widthOf(g) - full()) < 0.1;
	const click = (element) => element.dispatchEvent(new MouseEvent('click', { bubbles: true }));
	const key = (name, more) => svg.dispatchEvent(
		new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true, ...more }));
	const box = () => document.querySelector('#tools input');
	const isOpen = () => box() && box().parentNode.style.display !== 'none';
	const matched = () => byId('matched').textContent;

	function type(text) {
		box().value = text;
		box().dispatchEvent(new Event('input', { bubbles: true }));
	}

	// What is to be seen of the frames.
	function picture() {
		return JSON.stringify(all.map((g) => isShown(g) && [
			g.classList.contains('above'), rectOf(g).getAttribute('x'), widthOf(g),
			g.querySelector('text') ? g.querySelector('text').textContent : '',
		]));
	}

	function labelsFit() {
		return all.filter(isShown).every((g) => {
			const text = g.querySelector('text');
			if (!text || !text.textContent)
				return true;
			const label = text.getBBox(), rect = rectOf(g).getBBox();
			return label.x >= rect.x && label.x + label.width <= rect.x + rect.width;
		});
	}

	function shownLabels() {
		return all.filter((g) => isShown(g) && g.querySelector('text')?.textContent).length;
	}

	// The same of what is around the graph, in the picture.
	function linesFit() {
		const texts = Array.from(svg.querySelectorAll('.line text, #legend text'));
		return texts.filter((text) => isShown(text.parentNode)).every((text) => {
			const { x, width } = text.getBBox();
			return x >= 0 && x + width <= Number(svg.getAttribute('width')) - 12;
		});
	}

	function tryText() {
		claim('no label is wider than its frame', labelsFit());
		claim('no line is wider than the picture', linesFit());
		claim('all labels are in their rows', all.every((g) => {
			const text = g.querySelector('text');
			const high = text && text.getBBox().height > rectOf(g).getBBox().height;
			return !high || text.matches('.foreign');
		}));
	}

	function tryZoom() {
		const before = picture(), target = frame('demo::Router::dispatch');
		const above = ['all', 'clone3', 'start_thread', 'demo::ThreadPool::run_worker'].map(frame);
		claim('the clicked frame is narrow at first', widthOf(target) < full() * 0.6);
		click(rectOf(target));
		claim('a click gives the frame the full width', isFull(target));
		claim('its ancestors remain, faded',
			above.every((g) => isFull(g) && g.classList.contains('above')));
		claim('its siblings are gone', !isShown(frame('demo::json::Parser::parse_document')));
		claim('its children are wider', widthOf(frame('demo::sha256')) / full() > 0.2);
		claim('no label is wider than its frame when zoomed', labelsFit());
		click(rectOf(frame('names of many kinds')));
		claim('names of all kinds have labels', shownLabels() >= 10);
		claim('none of them is wider than its frame', labelsFit());
		click(byId('reset'));
		claim('reset restores the picture', picture() === before);
		click(rectOf(target));
		key('Escape');
		claim('so does Esc', picture() === before);
	}

	// The milliseconds are those of make_flamegraph.c.
	function trySearch() {
		const total = Number(all[0].dataset.e) / 1e6;
		const percent = (ms) => `Matched: ${(100 * ms / total).toFixed(2)}%`;
		click(byId('search'));
		claim('the button opens the search', isOpen() && document.activeElement === box());
		type('PARSE_(object|value)');
		claim('nested matches count once', matched() === percent(1573 + 190));
		claim('matches are marked', frame('demo::json::Parser::parse_object').matches('.hit'));
		claim('others are not', !frame('demo::sha256').matches('.hit'));
		type('[LOST');
		claim('no regular expression is a plain text', matched() === percent(150));
		type('no such frame');
		claim('no match is 0%', matched() === percent(0));
		key('Escape');
		claim('Esc ends the search', !isOpen() && matched() === '' && !svg.querySelector('.hit'));
		key('/');
		claim('/ opens the search', isOpen());
		key('Escape');
		key('f', { ctrlKey: true });
		claim('Ctrl-F opens the search', isOpen());
		key('Escape');
	}

	function tryHover() {
		rectOf(frame('demo::sha256')).dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
		claim('hovering tells name, value and share',
			/^\u2068demo::sha256\(.*\)\u2069 +\(880\.00 ms, \d+\.\d\d%/.test(byId('details').textContent));
	}

	function tryNames() {
		claim('no name ran as script', svg.id !== 'owned');
		// The picture's own and this one.
		claim('no name is markup', svg.querySelectorAll('script').length === 2 &&
			!svg.querySelector('image, [onload], [onerror]'));
		claim('a hostile name is shown as it is', Boolean(frame('</title></g><script>')));
	}

	// Without its own script the picture is a still one.
	const isLive = svg.classList.contains('live');
	const steps = isLive ? [tryText, tryZoom, trySearch, tryHover, tryNames] : [tryText];
	for (const step of steps) {
		try {
			step();
		} catch (error) {
			claim(`${step.name}: ${error}`, false);
		}
	}
	const verdict = document.createElementNS('http://www.w3.org/2000/svg', 'desc');
	verdict.id = 'verdict';
	verdict.textContent = `\n${found.join('\n')}\ndone\n`;
	svg.append(verdict);
});
