// SPDX-License-Identifier: Apache-2.0
// The flame graph with what belongs to it: its title, what can be set, the way back, and the frame
// that is looked at.
import type { App } from './app';
import { describeNode, describeView, placeOf } from './describe';
import { copyText, el, setText, show, toggle } from './dom';
import { Flame } from './flame';
import { legend } from './legend';
import type { Menu, MenuItem } from './menu';
import { tabNamed } from './tabs';
import type { Tooltip } from './tooltip';
import { nodeName, pathTo, type CallTree } from './tree';
import type { View } from './view';

const KEYS =
	'Keys: arrows move, Enter zooms, Esc resets, / searches, c copies the name, ' +
	's shows callers and callees, m opens the menu.';
/** Of the way to a deep frame, so many steps are shown at its end. */
const CRUMBS = 4;

/** What frames can be asked, wherever they are drawn. */
export class FrameActions {
	constructor(
		private readonly app: App,
		private readonly menu: Menu,
		private readonly say: (text: string) => void,
	) {}

	copy(tree: CallTree, node: number): void {
		const name = nodeName(tree, node);

		void copyText(name).then((copied) =>
			this.say(copied ? `Copied: ${name}` : 'The browser would not copy it.'),
		);
	}

	sandwich(tree: CallTree, node: number): void {
		const frame = tree.frame[node]!;

		if (frame < 0)
			return;
		this.app.go({
			focus: {
				name: tree.frames.name[frame]!,
				module: tree.frames.module[frame]!,
			},
		});
	}

	items(tree: CallTree, node: number, zoom: () => void): MenuItem[] {
		const name = nodeName(tree, node);
		const items: MenuItem[] = [
			{ text: 'Zoom to it', testid: 'menu-zoom', act: zoom },
			{
				text: 'Callers and callees',
				testid: 'menu-sandwich',
				act: () => this.sandwich(tree, node),
			},
			{
				text: 'Search for it',
				testid: 'menu-search',
				act: () => this.app.adjust({ search: name }),
			},
			{
				text: 'Copy its name',
				testid: 'menu-copy',
				act: () => this.copy(tree, node),
			},
		];

		// The root is no function.
		return tree.frame[node]! < 0 ? items.slice(0, 1) : items;
	}

	openMenu(tree: CallTree, node: number, x: number, y: number, zoom: () => void): void {
		this.menu.open(this.items(tree, node, zoom), x, y);
	}
}

export class Graph {
	readonly element: HTMLElement;
	readonly flame: Flame;
	private readonly title = el('h2', { testid: 'picture-title' });
	private readonly facts = el('p', { class: 'soft', testid: 'picture-facts' });
	private readonly crumbs = el('nav', {
		class: 'crumbs',
		testid: 'crumbs',
		attrs: { 'aria-label': 'Zoom' },
	});
	private readonly reset = el('button', {
		text: 'Reset zoom',
		testid: 'zoom-reset',
		attrs: { type: 'button' },
		on: {
			click: () => {
				this.app.go({ zoom: 0 });
				// What cannot be pressed any more keeps no focus.
				this.flame.focus();
			},
		},
	});
	private readonly detail = el('div', { class: 'detail', testid: 'detail' });
	private readonly spoken = el('div', {
		class: 'offscreen',
		attrs: { 'aria-live': 'polite' },
	});
	private readonly legend = legend();
	private readonly upward = toggle('Root at the bottom', 'orientation', (on) =>
		this.app.adjust({ upward: on }),
	);
	private readonly kernel = toggle('Hide kernel', 'hide-kernel', (on) =>
		this.app.adjust({ hideKernel: on }),
	);
	private readonly idle = toggle('Hide idle', 'hide-idle', (on) =>
		this.app.adjust({ hideIdle: on }),
	);
	private readonly widths = toggle('Widths: before', 'widths', (on) =>
		this.app.adjust({ widths: on ? 'before' : 'after' }),
	);
	private view: View | null = null;
	private crumbsOf: { tree: CallTree | null; zoom: number } = { tree: null, zoom: 0 };

	constructor(
		private readonly app: App,
		private readonly actions: FrameActions,
		private readonly tooltip: Tooltip,
	) {
		this.flame = new Flame(
			{
				zoom: (node) => this.zoom(node),
				hover: (node, event) => this.hover(node, event),
				focus: (node) => this.describe(node),
				menu: (node, x, y) =>
					this.actions.openMenu(this.view!.tree, node, x, y, () =>
						this.zoom(node),
					),
				key: (event, node) => this.onKey(event, node),
			},
			'flame',
		);
		this.element = el(
			'section',
			{ class: 'graph', attrs: { 'aria-label': 'Flame graph' } },
			[
				el('div', { class: 'section-head' }, [this.title, this.facts]),
				el('div', { class: 'settings' }, [
					this.upward.element,
					this.kernel.element,
					this.idle.element,
					this.widths.element,
					this.reset,
				]),
				this.crumbs,
				this.flame.element,
				this.detail,
				this.spoken,
				this.legend.element,
				el('p', { class: 'keys', text: KEYS }),
			],
		);
	}

	show(view: View): void {
		const { place } = this.app.state;
		const { title, facts } = describeView(view);

		this.view = view;
		setText(this.title, title);
		setText(this.facts, facts);
		this.upward.set(place.upward);
		this.kernel.set(place.hideKernel);
		this.idle.set(place.hideIdle);
		this.widths.set(place.widths === 'before');
		show(this.idle.element, tabNamed(place.tab).hasIdle || place.hideIdle);
		// Who allocates is never the kernel.
		show(this.kernel.element, this.app.kind !== 'heap' || place.hideKernel);
		show(this.widths.element, view.tree.before !== null);
		this.reset.disabled = view.zoom === 0;
		this.showCrumbs(view);
		this.legend.show(view);
		show(this.flame.element, view.layout.sum > 0);
		this.flame.show({ ...view, upward: place.upward, label: `${title}. ${facts}` });
	}

	private zoom(node: number): void {
		this.tooltip.hide();
		this.app.go({ zoom: this.view!.tree.origin[node]! });
	}

	private onKey(event: KeyboardEvent, node: number): boolean {
		const { tree } = this.view!;

		if (event.key === 'c')
			this.actions.copy(tree, node);
		else if (event.key === 's')
			this.actions.sandwich(tree, node);
		else if (event.key === 'Escape')
			this.app.go({ zoom: 0, search: '' });
		else
			return false;
		return true;
	}

	private hover(node: number, event: PointerEvent | null): void {
		const { view } = this;

		// A finger hides what is said beside it: below the picture there is all of it.
		if (node < 0 || !event || !view || event.pointerType === 'touch')
			this.tooltip.hide();
		else
			this.tooltip.show(
				describeNode(view.tree, node, view.unit),
				event.clientX,
				event.clientY,
			);
	}

	/** The frame that was chosen, in words, and what can be done with it. */
	private describe(node: number): void {
		const { tree, unit } = this.view!;
		const what = describeNode(tree, node, unit);
		const button = (text: string, act: () => void) =>
			el('button', {
				class: 'quiet',
				text,
				attrs: { type: 'button' },
				on: { click: act },
			});

		this.detail.replaceChildren(
			el('strong', { text: what.name }),
			el('span', { text: what.facts.join(' · ') }),
			el('span', { class: 'soft', text: placeOf(tree, tree.frame[node]!) }),
		);
		if (node > 0) {
			this.detail.append(
				el('span', { class: 'actions' }, [
					button('Callers and callees', () =>
						this.actions.sandwich(tree, node),
					),
					button('Copy name', () => this.actions.copy(tree, node)),
				]),
			);
		}
		if (document.activeElement === this.flame.canvas)
			setText(this.spoken, `${what.name}, ${what.facts.join(', ')}`);
	}

	// Made anew only where they differ: the keyboard may be on one of them.
	private showCrumbs(view: View): void {
		const { tree, zoom } = this.crumbsOf;

		if (tree === view.tree && zoom === view.zoom)
			return;
		const had_focus = this.crumbs.contains(document.activeElement);
		this.crumbsOf = view;
		this.fillCrumbs(view);
		if (had_focus)
			this.flame.focus();
	}

	private fillCrumbs(view: View): void {
		const path = pathTo(view.tree, view.zoom);
		const left_out = Math.max(path.length - CRUMBS, 0);
		const crumb = (node: number) =>
			el('button', {
				class: 'crumb',
				text: nodeName(view.tree, node),
				attrs: {
					type: 'button',
					'aria-current': node === view.zoom ? 'location' : undefined,
				},
				on: { click: () => this.zoom(node) },
			});

		const said = (text: string) => el('span', { class: 'soft', text });

		show(this.crumbs, path.length > 0);
		this.crumbs.replaceChildren(
			crumb(0),
			...(left_out ? [said(`› … ${left_out} more`)] : []),
			...path.slice(left_out).flatMap((node) => [said('›'), crumb(node)]),
		);
	}
}
