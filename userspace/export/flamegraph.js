/* SPDX-License-Identifier: Apache-2.0 */
/* Zoom and search in a flame graph. The picture is complete without; this only moves what is there.
 * Names come from the profiled program: they are read and written as text, never as markup. */
'use strict';
(() => {
	// As in flamegraph.c, in px and in characters.
	const PAD = 12, LABEL_PAD = 4, LEAST_LABEL = 3, LEAST_WIDTH = 0.1, LEAST_PICTURE = 800;
	const SVG = 'http://www.w3.org/2000/svg', XHTML = 'http://www.w3.org/1999/xhtml';

	const svg = document.documentElement;
	const byId = (id) => document.getElementById(id);
	// A parent comes before its children, a frame before those to its right.
	const frames = Array.from(byId('frames').children, readFrame);
	const height = Number(svg.getAttribute('height'));
	let width = Number(svg.getAttribute('width'));
	let cell = 7.3;
	let zoomed = 0;
	let box = null;

	function readFrame(g) {
		const [title, rect, text] = g.children;
		return {
			g, rect, text,
			name: title.textContent.split('\n', 1)[0],
			start: Number(g.dataset.s),
			end: Number(g.dataset.e),
			shown: true,
		};
	}

	/* Layout */

	function contains(outer, inner) {
		return outer.start <= inner.start && inner.end <= outer.end;
	}

	function cellsOf(character) {
		return character.codePointAt(0) < 0x1100 ? 1 : 2;
	}

	// The name, or as much of it as leaves room for an ellipsis.
	function fit(name, cells) {
		let used = 0, end = 0;
		for (const character of name) {
			used += cellsOf(character);
			if (used > cells)
				return name.slice(0, end) + '…';
			// What still fits together with the ellipsis.
			if (used < cells)
				end += character.length;
		}
		return name;
	}

	function label(frame, x, w) {
		const cells = Math.floor((w - 2 * LABEL_PAD) / cell);
		if (cells < LEAST_LABEL) {
			if (frame.text)
				frame.text.textContent = '';
			return;
		}
		if (!frame.text) {
			frame.text = document.createElementNS(SVG, 'text');
			frame.text.setAttribute('y', Number(frame.rect.getAttribute('y')) + 13);
			frame.g.append(frame.text);
		}
		frame.text.setAttribute('x', (x + LABEL_PAD).toFixed(2));
		frame.text.textContent = fit(frame.name, cells);
	}

	function show(frame, shown) {
		if (frame.shown !== shown)
			frame.g.style.display = shown ? '' : 'none';
		frame.shown = shown;
	}

	function place(frame, target, scale) {
		const start = Math.max(frame.start, target.start);
		const w = (Math.min(frame.end, target.end) - start) * scale;
		show(frame, w >= LEAST_WIDTH);
		if (!frame.shown)
			return;
		const x = PAD + (start - target.start) * scale;
		frame.rect.setAttribute('x', x.toFixed(2));
		frame.rect.setAttribute('width', w.toFixed(2));
		label(frame, x, w);
	}

	function layout() {
		const target = frames[zoomed];
		const scale = (width - 2 * PAD) / (target.end - target.start);
		frames.forEach((frame, i) => {
			const above = i < zoomed && contains(frame, target);
			frame.g.classList.toggle('above', above);
			if (above || (i >= zoomed && contains(target, frame)))
				place(frame, target, scale);
			else
				show(frame, false);
		});
	}

	function zoom(index) {
		zoomed = index;
		layout();
	}

	// The picture is as wide as the window.
	function resize() {
		width = Math.max(LEAST_PICTURE, svg.clientWidth);
		svg.setAttribute('width', width);
		svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
		byId('tools').setAttribute('transform', `translate(${width} 0)`);
		layout();
	}

	// The font is the reader's: ask how wide it is.
	function measureCell() {
		const probe = document.createElementNS(SVG, 'text');
		probe.textContent = '0'.repeat(100);
		frames[0].g.append(probe);
		cell = Math.max(probe.getComputedTextLength() / 100, 1) + 0.02;
		probe.remove();
	}

	/* Search */

	function matcher(pattern) {
		try {
			const regex = new RegExp(pattern, 'i');
			return (name) => regex.test(name);
		} catch (error) {
			const plain = pattern.toLowerCase();
			return (name) => name.toLowerCase().includes(plain);
		}
	}

	function search(pattern) {
		const matches = pattern ? matcher(pattern) : () => false;
		let matched = 0, covered = 0;
		for (const frame of frames.slice(1)) {
			const hit = matches(frame.name);
			frame.g.classList.toggle('hit', hit);
			// What is inside a match has been counted with it.
			if (hit && frame.start >= covered) {
				matched += frame.end - frame.start;
				covered = frame.end;
			}
		}
		const percent = 100 * matched / frames[0].end;
		byId('frames').classList.toggle('searched', pattern !== '');
		byId('matched').textContent = pattern ? `Matched: ${percent.toFixed(2)}%` : '';
	}

	function openSearch() {
		if (!box)
			box = makeBox();
		box.parentNode.style.display = '';
		box.focus();
		box.select();
	}

	function closeSearch() {
		if (box) {
			box.value = '';
			box.blur();
			box.parentNode.style.display = 'none';
		}
		search('');
	}

	function makeBox() {
		const holder = document.createElementNS(SVG, 'foreignObject');
		const input = document.createElementNS(XHTML, 'input');
		for (const [name, value] of Object.entries({ x: -392, y: 14, width: 232, height: 26 }))
			holder.setAttribute(name, value);
		input.setAttribute('type', 'text');
		input.setAttribute('placeholder', 'regular expression');
		input.setAttribute('aria-label', 'Search frames');
		input.addEventListener('input', () => search(input.value));
		holder.append(input);
		byId('tools').append(holder);
		return input;
	}

	/* What the reader does */

	function reset() {
		closeSearch();
		zoom(0);
	}

	function frameAt(event) {
		const g = event.target.closest('#frames > g');
		return g ? frames.findIndex((frame) => frame.g === g) : -1;
	}

	// One line at the bottom of the window, or of the picture where that is higher.
	function showDetails(event) {
		const index = frameAt(event), details = byId('details');
		details.style.display = index < 0 ? 'none' : 'inline';
		if (index < 0)
			return;
		const bottom = window.scrollY + window.innerHeight - 26;
		const y = Math.min(bottom, Number(frames[0].rect.getAttribute('y')) + 22);
		const text = frames[index].g.firstElementChild.textContent;
		const [name, value] = text.split('\n');
		const cells = Math.floor((width - 2 * PAD) / cell) - value.length - 4;
		details.lastElementChild.textContent = `${fit(name, cells)}  (${value})`;
		details.setAttribute('transform', `translate(0 ${y})`);
	}

	function onKey(event) {
		const typing = box && document.activeElement === box;
		const find = event.key === 'f' && (event.ctrlKey || event.metaKey);
		if (event.key === 'Escape')
			reset();
		// A second Ctrl-F is the browser's own.
		else if (!typing && (find || event.key === '/'))
			openSearch();
		else
			return;
		event.preventDefault();
	}

	function button(id, action) {
		byId(id).addEventListener('click', action);
		byId(id).addEventListener('keydown', (event) => {
			if (event.key !== 'Enter' && event.key !== ' ')
				return;
			event.preventDefault();
			action();
		});
	}

	byId('frames').addEventListener('click', (event) => {
		const index = frameAt(event);
		if (index >= 0)
			zoom(index);
	});
	byId('frames').addEventListener('mouseover', showDetails);
	byId('frames').addEventListener('mouseout', () => {
		byId('details').style.display = 'none';
	});
	window.addEventListener('keydown', onKey);
	window.addEventListener('resize', resize);
	button('search', openSearch);
	button('reset', reset);
	svg.classList.add('live');
	measureCell();
	resize();
})();
