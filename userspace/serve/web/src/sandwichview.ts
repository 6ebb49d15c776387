// SPDX-License-Identifier: Apache-2.0
// One function with all that call it above, and all that it calls below.
import type { App } from './app';
import { describeFunction, describeNode } from './describe';
import { el, setText, show } from './dom';
import { Flame } from './flame';
import type { FrameActions } from './graph';
import { layOut, type Layout, type Widths } from './layout';
import { frameNamed, sandwich } from './sandwich';
import type { Tooltip } from './tooltip';
import type { CallTree } from './tree';
import { colouring, type View } from './view';

/** One of both halves: a picture with a zoom of its own. */
class Half {
	readonly flame: Flame;
	private tree: CallTree | null = null;
	private unit = '';
	private zoom = 0;
	private laidOut: { tree: CallTree; widths: Widths; layout: Layout } | null = null;
	private redraw: () => void = () => undefined;

	constructor(
		private readonly actions: FrameActions,
		private readonly tooltip: Tooltip,
		private readonly upward: boolean,
		testid: string,
	) {
		this.flame = new Flame(
			{
				zoom: (node) => this.zoomTo(node),
				hover: (node, event) => this.hover(node, event),
				focus: () => undefined,
				menu: (node, x, y) =>
					actions.openMenu(this.tree!, node, x, y, () =>
						this.zoomTo(node),
					),
				key: (event, node) => this.onKey(event, node),
			},
			testid,
		);
	}

	show(tree: CallTree, widths: Widths, view: View, label: string): void {
		const fill = colouring(tree, view.greatest);
		const layout = this.layoutOf(tree, widths);

		if (tree !== this.tree)
			this.zoom = 0;
		this.tree = tree;
		this.unit = view.unit;
		this.redraw = () =>
			this.flame.show({
				tree,
				layout,
				fill,
				label,
				zoom: this.zoom,
				upward: this.upward,
				hits: view.hits,
			});
		this.redraw();
	}

	// The same one as long as it is of the same: by that a picture knows that it is still there.
	private layoutOf(tree: CallTree, widths: Widths): Layout {
		if (this.laidOut?.tree !== tree || this.laidOut.widths !== widths)
			this.laidOut = { tree, widths, layout: layOut(tree, widths) };
		return this.laidOut.layout;
	}

	private zoomTo(node: number): void {
		this.zoom = node;
		this.tooltip.hide();
		this.redraw();
	}

	private hover(node: number, event: PointerEvent | null): void {
		if (node < 0 || !event || event.pointerType === 'touch')
			this.tooltip.hide();
		else
			this.tooltip.show(
				describeNode(this.tree!, node, this.unit),
				event.clientX,
				event.clientY,
			);
	}

	private onKey(event: KeyboardEvent, node: number): boolean {
		if (event.key === 'c')
			this.actions.copy(this.tree!, node);
		else if (event.key === 's')
			this.actions.sandwich(this.tree!, node);
		else if (event.key === 'Escape' && this.zoom)
			this.zoomTo(0);
		else
			return false;
		return true;
	}
}

/** Those that are asked for, but of what has gone or is new there is only one. */
function widthsOf({ total, before }: CallTree, asked: Widths): Widths | null {
	const has = { after: total[0]! > 0, before: before !== null && before.total[0]! > 0 };
	const other = asked === 'after' ? 'before' : 'after';

	return has[asked] ? asked : has[other] ? other : null;
}

export class SandwichView {
	readonly element: HTMLElement;
	private readonly title = el('h2', { testid: 'sandwich-title' });
	private readonly facts = el('p', { class: 'soft', testid: 'sandwich-facts' });
	private readonly callers: Half;
	private readonly callees: Half;
	private readonly halves: HTMLElement;
	private readonly back: HTMLElement;
	private made: {
		tree: CallTree;
		frame: number;
		callers: CallTree;
		callees: CallTree;
	} | null = null;

	constructor(app: App, actions: FrameActions, tooltip: Tooltip) {
		this.back = el('button', {
			class: 'quiet',
			text: '← Back to the flame graph',
			testid: 'sandwich-close',
			attrs: { type: 'button' },
			on: { click: () => app.go({ focus: null }) },
		});
		this.callers = new Half(actions, tooltip, true, 'sandwich-callers');
		this.callees = new Half(actions, tooltip, false, 'sandwich-callees');
		this.halves = el('div', {}, [
			el('h3', { text: 'Callers' }),
			this.callers.flame.element,
			el('h3', { text: 'Callees' }),
			this.callees.flame.element,
		]);
		this.element = el(
			'section',
			{
				class: 'graph',
				testid: 'sandwich',
				attrs: { 'aria-label': 'Callers and callees' },
				on: {
					keydown: (event) => {
						if (
							event.key === 'Escape' &&
							!event.defaultPrevented
						)
							app.go({ focus: null });
					},
				},
			},
			[
				this.back,
				el('div', { class: 'section-head' }, [this.title, this.facts]),
				this.halves,
			],
		);
	}

	show(view: View, focus: { name: string; module: string }): void {
		const frame = frameNamed(view.tree, focus.name, focus.module);

		setText(this.title, focus.name);
		if (frame < 0) {
			show(this.halves, false);
			setText(this.facts, 'This profile has nothing of it.');
			return;
		}
		if (this.made?.tree !== view.tree || this.made.frame !== frame)
			this.made = { tree: view.tree, frame, ...sandwich(view.tree, frame) };
		const { callers, callees } = this.made;
		const widths = widthsOf(callees, view.widths);
		show(this.halves, widths !== null);
		setText(
			this.facts,
			widths
				? describeFunction(view, callees)
				: 'What is shown of this profile has nothing of it.',
		);
		if (!widths)
			return;
		this.callers.show(callers, widths, view, `Callers of ${focus.name}`);
		this.callees.show(callees, widths, view, `Callees of ${focus.name}`);
	}

	focus(): void {
		this.back.focus();
	}
}
