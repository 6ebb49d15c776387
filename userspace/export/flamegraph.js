/* SPDX-License-Identifier: Apache-2.0 */
/* Zoom and search in a flame graph. The picture is complete without; this only moves what is there.
 * Names come from the profiled program: they are read and written as text, never as markup. */
'use strict';
(() => {
	// As in flamegraph.c and svg_text.c, in px and in characters.
	const PAD = 12, LABEL_PAD = 4, LEAST_LABEL = 3, LEAST_WIDTH = 0.1, LEAST_PICTURE = 800;
	const BUTTONS_WIDTH = 160, MATCHED_WIDTH = 130, MARKS_MAX = 4;
	const MARK = /\p{M}/u;
	// What a monospaced font may not have: nobody knows how wide it will be.
	const FOREIGN = /[^\u0000-\u052f\u2026]|\p{M}/u;
	const SVG = 'http://www.w3.org/2000/svg', XHTML = 'http://www.w3.org/1999/xhtml';

	const svg = document.documentElement;
	const byId = (id) => document.getElementById(id);
	// A parent comes before its children, a frame before those to its right.
	const frames = Array.from(byId('frames').children, readFrame);
	const height = Number(svg.getAttribute('height'));
	let width = Number(svg.getAttribute('width'));
	const cell = measureCell(frames[0].g, '');
	const lines = Array.from(document.querySelectorAll('.line'), readLine);
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

	function readLine(g) {
		const [title, text] = g.children;
		return { text, whole: title.textContent, cell: measureCell(g, text.id) };
	}

	/* Layout */

	function contains(outer, inner) {
		return outer.start <= inner.start && inner.end <= outer.end;
	}

	function cellsOf(character) {
		return MARK.test(character) ? 0 : character.codePointAt(0) < 0x1100 ? 1 : 2;
	}

	// The name, or as much of it as leaves room for an ellipsis.
	function fit(name, cells) {
		let used = 0, end = 0, marks = 0;
		for (const character of name) {
			const more = cellsOf(character);
			used += more;
			marks = more ? 0 : marks + 1;
			if (used > cells || marks > MARKS_MAX)
				return name.slice(0, end) + '…';
			// What still fits together with the ellipsis.
			if (used < cells)
				end += character.length;
		}
		return name;
	}

	// In at most that width, whatever the font.
	function write(text, name, w, characterWidth) {
		text.removeAttribute('textLength');
		text.textContent = fit(name, Math.floor(w / characterWidth));
		const foreign = FOREIGN.test(text.textContent);
		text.classList.toggle('foreign', foreign);
		if (!foreign || text.getComputedTextLength() <= w)
			return;
		text.setAttribute('lengthAdjust', 'spacingAndGlyphs');
		text.setAttribute('textLength', w.toFixed(2));
	}

	function label(frame, x, w) {
		const room = w - 2 * LABEL_PAD;
		if (room < LEAST_LABEL * cell) {
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
		write(frame.text, frame.name, room, cell);
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

	// What is around the graph: lines that may be cut, and as much of the legend as there is room for.
	function layoutLines() {
		for (const line of lines) {
			const room = width - 2 * PAD - (line.text.id === 'title' ? BUTTONS_WIDTH : 0);
			write(line.text, line.whole, room, line.cell);
		}
		let hidden = false;
		for (const entry of byId('legend').children) {
			entry.style.display = '';
			const { x, width: w } = entry.getBBox();
			hidden ||= x + w > width - PAD - MATCHED_WIDTH;
			entry.style.display = hidden ? 'none' : '';
		}
	}

	// The picture is as wide as the window.
	function resize() {
		width = Math.max(LEAST_PICTURE, svg.clientWidth);
		svg.setAttribute('width', width);
		svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
		byId('tools').setAttribute('transform', `translate(${width} 0)`);
		layoutLines();
		layout();
	}

	// The font is the reader's: ask how wide it is, in that place.
	function measureCell(parent, id) {
		const probe = document.createElementNS(SVG, 'text');
		probe.id = id;
		probe.textContent = '0'.repeat(100);
		parent.append(probe);
		const length = probe.getComputedTextLength();
		probe.remove();
		return Math.max(length / 100, 1) + 0.02;
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
		const room = width - 2 * PAD, cells = Math.floor(room / cell) - value.length - 8;
		// Isolated: a name that is written from the right would take the value along.
		write(details.lastElementChild, `\u2068${fit(name, cells)}\u2069  (${value})`, room, cell);
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
	resize();
})();
