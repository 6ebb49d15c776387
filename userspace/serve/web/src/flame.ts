// SPDX-License-Identifier: Apache-2.0
// A flame graph that can be looked at, walked through and zoomed into.
import { el } from './dom';
import { boxesIn, nodeAt, windowOf, type Boxes, type Layout, type Window } from './layout';
import { Painter, ROW_HEIGHT, type Picture, type Theme } from './painter';
import { isWithin, nodeName } from './tree';

const ZOOM_MS = 160;

export interface FlameModel extends Picture {
	layout: Layout;
	/** The root is at the bottom. */
	upward: boolean;
	/** For who does not see it. */
	label: string;
}

export interface FlameHandlers {
	zoom: (node: number) => void;
	/** The pointer is over a node, or over none (-1). */
	hover: (node: number, event: PointerEvent | null) => void;
	/** The node that keys are about. */
	focus: (node: number) => void;
	menu: (node: number, x: number, y: number) => void;
	/** Keys that are none of the picture's own. */
	key: (event: KeyboardEvent, node: number) => boolean;
}

function easeOut(part: number): number {
	return 1 - (1 - part) ** 3;
}

export class Flame {
	readonly element: HTMLElement;
	readonly canvas: HTMLCanvasElement;
	private readonly room: HTMLElement;
	private readonly hoverBox = el('div', { class: 'flame-hover', attrs: { hidden: '' } });
	private readonly focusBox = el('div', { class: 'flame-focus', attrs: { hidden: '' } });
	private readonly painter: Painter;
	private model: FlameModel | null = null;
	private boxes: Boxes = { rows: [], narrow: [], count: 0 };
	private window: Window = { start: 0, size: 0 };
	private target: Window = { start: 0, size: 0 };
	private moving: { from: Window; since: number } | null = null;
	private pending = 0;
	private focused = 0;
	private rows = 1;
	/** What is hidden above; asking for it makes the browser lay out the page. */
	private scrolled = 0;
	private width = 0;
	private height = 0;

	constructor(
		private readonly handlers: FlameHandlers,
		testid?: string,
	) {
		this.canvas = el('canvas', {
			...(testid ? { testid } : {}),
			attrs: {
				tabindex: '0',
				role: 'application',
				'aria-roledescription': 'flame graph',
			},
		});
		this.room = el('div', { class: 'flame-room' }, [
			this.canvas,
			this.hoverBox,
			this.focusBox,
		]);
		this.element = el('div', { class: 'flame' }, [this.room]);
		this.painter = new Painter(this.canvas);
		this.listen();
	}

	private listen(): void {
		const { canvas } = this;

		canvas.addEventListener('pointermove', (event) => this.onMove(event));
		canvas.addEventListener('pointerleave', () => this.hover(-1, null));
		canvas.addEventListener('click', (event) => this.onClick(event));
		canvas.addEventListener('contextmenu', (event) => this.onMenu(event));
		canvas.addEventListener('keydown', (event) => this.onKey(event));
		canvas.addEventListener('focus', () => this.showFocus());
		canvas.addEventListener('blur', () => this.showFocus());
		this.element.addEventListener('scroll', () => this.redraw());
		new ResizeObserver(() => this.resize()).observe(this.element);
		// Zooming the browser, or moving it to another screen.
		window.addEventListener('resize', () => this.resize());
		// The theme's colours are read when it is drawn.
		new MutationObserver(() => this.redraw()).observe(document.documentElement, {
			attributeFilter: ['data-theme'],
		});
	}

	show(model: FlameModel): void {
		const before = this.model;
		const same_tree = before?.tree === model.tree && before.layout === model.layout;

		this.model = model;
		this.canvas.setAttribute('aria-label', model.label);
		// The pointer is over something else now.
		if (!same_tree || before?.zoom !== model.zoom)
			this.hover(-1, null);
		this.moveTo(windowOf(model.layout, model.zoom), same_tree);
		this.fitHeight();
		if (!same_tree || !isWithin(model.tree, model.zoom, this.focused))
			this.setFocus(model.zoom);
		if (before?.upward !== model.upward || !before)
			this.element.scrollTop = model.upward ? this.element.scrollHeight : 0;
		this.resize();
	}

	private moveTo(target: Window, smoothly: boolean): void {
		const still =
			target.start === this.target.start && target.size === this.target.size;
		const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;

		if (still && smoothly)
			return;
		this.target = target;
		this.moving =
			smoothly && !calm ? { from: this.window, since: performance.now() } : null;
		if (!this.moving)
			this.window = target;
	}

	/** The picture is as high as what can be seen there. Most of a great tree is not. */
	private fitHeight(): void {
		const { tree, layout } = this.model!;
		const width = this.element.clientWidth || window.innerWidth;
		const { rows, narrow } = boxesIn(tree, layout, this.target, width, 0, Infinity);

		this.rows = Math.max(rows.length, narrow.length, 1);
		this.room.style.height = `${this.rows * ROW_HEIGHT}px`;
	}

	private resize(): void {
		const width = this.element.clientWidth;
		const height = Math.min(this.element.clientHeight, this.room.offsetHeight);

		if (
			width &&
			height &&
			(width !== this.width ||
				height !== this.height ||
				this.canvas.width !== Math.round(width * devicePixelRatio))
		) {
			this.painter.resize(width, height);
			this.width = width;
			this.height = height;
			if (this.model)
				this.fitHeight();
			// A canvas whose size was set is empty until it is drawn.
			this.draw();
		}
		this.redraw();
	}

	private redraw(): void {
		this.pending ||= requestAnimationFrame(() => {
			this.pending = 0;
			this.draw();
		});
	}

	private advance(): void {
		if (!this.moving)
			return;
		const part = (performance.now() - this.moving.since) / ZOOM_MS;
		const { from } = this.moving;

		if (part >= 1) {
			this.moving = null;
			this.window = this.target;
			return;
		}
		const mix = (a: number, b: number) => a + (b - a) * easeOut(Math.max(part, 0));
		this.window = {
			start: mix(from.start, this.target.start),
			size: mix(from.size, this.target.size),
		};
		this.redraw();
	}

	private draw(): void {
		const { model } = this;

		if (!model || !this.width)
			return;
		this.advance();
		this.scrolled = this.element.scrollTop;
		this.boxes = this.boxesOf(this.window);
		this.painter.paint(model, this.boxes, this.theme(), (depth) => this.top(depth));
		this.showFocus();
	}

	/** The boxes that can be seen, for a window that is there or to come. */
	private boxesOf(window: Window): Boxes {
		const { tree, layout, upward } = this.model!;
		const count = Math.ceil(this.height / ROW_HEIGHT) + 1;
		const first = Math.floor(this.scrolled / ROW_HEIGHT);
		const from = upward ? Math.max(this.rows - first - count, 0) : first;

		return boxesIn(tree, layout, window, this.width, from, from + count);
	}

	private theme(): Theme {
		const style = getComputedStyle(this.element);

		return {
			ink: style.getPropertyValue('--ink').trim(),
			narrow: style.getPropertyValue('--narrow').trim(),
		};
	}

	/** Of a row, in the canvas. */
	private top(depth: number): number {
		const row = this.model!.upward ? this.rows - 1 - depth : depth;

		return row * ROW_HEIGHT - this.scrolled;
	}

	private nodeUnder(event: MouseEvent): number {
		const { model } = this;
		const y = event.offsetY + this.scrolled;
		const row = Math.floor(y / ROW_HEIGHT);

		if (!model)
			return -1;
		return nodeAt(this.boxes, model.upward ? this.rows - 1 - row : row, event.offsetX);
	}

	/* Pointer */

	private onMove(event: PointerEvent): void {
		this.hover(this.nodeUnder(event), event);
	}

	private hover(node: number, event: PointerEvent | null): void {
		this.canvas.style.cursor = node >= 0 ? 'pointer' : '';
		this.placeBox(this.hoverBox, node);
		this.handlers.hover(node, event);
	}

	private onClick(event: MouseEvent): void {
		const node = this.nodeUnder(event);

		if (node < 0)
			return;
		this.setFocus(node);
		this.handlers.zoom(node);
	}

	private onMenu(event: MouseEvent): void {
		const node = this.nodeUnder(event);

		if (node < 0)
			return;
		event.preventDefault();
		this.setFocus(node);
		this.handlers.menu(node, event.clientX, event.clientY);
	}

	/* Keys */

	private onKey(event: KeyboardEvent): void {
		const { model } = this;

		if (!model || event.ctrlKey || event.metaKey || event.altKey)
			return;
		const forward = model.upward ? 'ArrowUp' : 'ArrowDown';
		const back = model.upward ? 'ArrowDown' : 'ArrowUp';
		const actions: Record<string, () => void> = {
			[forward]: () => this.setFocus(this.widestChild()),
			[back]: () => this.setFocus(Math.max(model.tree.parent[this.focused]!, 0)),
			ArrowLeft: () => this.step(-1),
			ArrowRight: () => this.step(1),
			Home: () => this.setFocus(0),
			Enter: () => this.handlers.zoom(this.focused),
			' ': () => this.handlers.zoom(this.focused),
			ContextMenu: () => this.menuByKey(),
			m: () => this.menuByKey(),
		};
		const action = actions[event.key];

		if (action)
			action();
		else if (!this.handlers.key(event, this.focused))
			return;
		event.preventDefault();
	}

	private widestChild(): number {
		const { tree, layout } = this.model!;
		let widest = this.focused;
		let size = 0;

		for (let i = this.focused + 1; i < tree.end[this.focused]!; i = tree.end[i]!) {
			if (layout.size[i]! <= size || !this.isInWindow(i))
				continue;
			widest = i;
			size = layout.size[i]!;
		}
		return widest;
	}

	private isInWindow(node: number): boolean {
		const { layout } = this.model!;
		const start = layout.start[node]!;

		return (
			start < this.target.start + this.target.size &&
			start + layout.size[node]! > this.target.start
		);
	}

	// To the next box of the row, whosever it is.
	private step(by: number): void {
		const row =
			this.boxesOf(this.target).rows[this.model!.tree.depth[this.focused]!] ?? [];
		const next = row[row.findIndex((box) => box.node === this.focused) + by];

		if (next)
			this.setFocus(next.node);
	}

	private menuByKey(): void {
		const rect = this.rectOf(this.focused);

		if (rect)
			this.handlers.menu(this.focused, rect.x + 8, rect.y + rect.height);
	}

	/** Makes the node the one that keys are about, and brings it into view. */
	setFocus(node: number): void {
		const top = this.top(this.model!.tree.depth[node]!);

		this.focused = node;
		if (top < 0)
			this.scrollBy(top);
		else if (this.height && top + ROW_HEIGHT > this.height)
			this.scrollBy(top + ROW_HEIGHT - this.height);
		this.showFocus();
		this.handlers.focus(node);
	}

	private scrollBy(by: number): void {
		this.element.scrollTop += by;
		this.scrolled = this.element.scrollTop;
	}

	private showFocus(): void {
		const visible =
			document.activeElement === this.canvas &&
			this.canvas.matches(':focus-visible');

		this.placeBox(this.focusBox, visible ? this.focused : -1);
	}

	private placeBox(element: HTMLElement, node: number): void {
		const box = node < 0 ? undefined : this.boxOf(this.boxes, node);

		element.hidden = !box;
		if (!box)
			return;
		element.style.left = `${box.x}px`;
		element.style.top = `${this.top(this.model!.tree.depth[node]!) + this.scrolled}px`;
		element.style.width = `${Math.max(box.width - 1, 1)}px`;
	}

	private boxOf(boxes: Boxes, node: number) {
		return boxes.rows[this.model!.tree.depth[node]!]?.find((box) => box.node === node);
	}

	/* For who looks at it from outside */

	/** Where a node is once the picture stands still, in the window. */
	private rectOf(node: number): DOMRect | null {
		const box = this.model ? this.boxOf(this.boxesOf(this.target), node) : undefined;
		const canvas = this.canvas.getBoundingClientRect();

		if (!box)
			return null;
		return new DOMRect(
			canvas.x + box.x,
			canvas.y + this.top(this.model!.tree.depth[node]!),
			box.width,
			ROW_HEIGHT - 1,
		);
	}

	/** The widest one in sight of which that is true, or -1. */
	private widest(isIt: (node: number) => boolean): number {
		let widest = -1;
		let width = 0;

		for (const row of this.model ? this.boxesOf(this.target).rows : []) {
			for (const box of row ?? []) {
				if (box.width <= width || !isIt(box.node))
					continue;
				widest = box.node;
				width = box.width;
			}
		}
		return widest;
	}

	/** Of the widest frame of this name. */
	frameRect(name: string): DOMRect | null {
		const node = this.widest((one) => nodeName(this.model!.tree, one) === name);

		return node < 0 ? null : this.rectOf(node);
	}

	/** To the widest frame that the search found, if there is one in sight. */
	focusHit(): void {
		const { model } = this;
		const node = this.widest((one) => model!.hits?.[model!.tree.frame[one]!] === 1);

		if (node < 0)
			return;
		this.canvas.focus();
		this.setFocus(node);
	}

	/** To the keyboard's frame; the page stays where it is. */
	focus(): void {
		this.canvas.focus({ preventScroll: true });
	}

	drawn(): number {
		return this.boxes.count;
	}
}
