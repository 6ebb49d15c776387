// SPDX-License-Identifier: Apache-2.0
// Puts the page together.
import { App } from './app';
import { el, setText, show } from './dom';
import { downloads } from './downloads';
import { FrameActions, Graph } from './graph';
import { Head } from './head';
import { losses } from './losses';
import { Menu } from './menu';
import { Picking } from './picking';
import { SandwichView } from './sandwichview';
import { searching } from './searching';
import type { State } from './store';
import { PANEL_ID, tabBar } from './tabbar';
import { TableView } from './tableview';
import { tabNamed } from './tabs';
import { Taking } from './taking';
import { Tooltip } from './tooltip';
import { viewOf } from './view';

declare global {
	interface Window {
		/** For tests: a canvas has no elements to look for. */
		exoprofPage: {
			frameRect: (name: string) => DOMRect | null;
			frames: () => number;
			focus: () => void;
		};
	}
}

const app = new App();
const tooltip = new Tooltip();
const menu = new Menu();
const toast = el('div', { class: 'toast', attrs: { role: 'status' } });
let toastTimer = 0;

function say(text: string): void {
	setText(toast, text);
	clearTimeout(toastTimer);
	toastTimer = window.setTimeout(() => setText(toast, ''), 2500);
}

const actions = new FrameActions(app, menu, say);
const graph = new Graph(app, actions, tooltip);
const sandwich = new SandwichView(app, actions, tooltip);
const table = new TableView(app);
const search = searching(app, () => graph.flame.focusHit());
const lossLines = losses();
const links = downloads(app);
const failure = el('p', {
	class: 'failure',
	testid: 'error',
	attrs: { role: 'alert', hidden: '' },
});
const empty = el('p', { class: 'empty', testid: 'empty' });
const pictures = el('div', {}, [graph.element, sandwich.element]);

const panel = el('div', { attrs: { id: PANEL_ID, role: 'tabpanel' } }, [
	el('div', { class: 'toolbar' }, [new Taking(app).element, new Picking(app).element]),
	failure,
	el('div', { class: 'subline' }, [lossLines.element, search.element]),
	empty,
	pictures,
	links.element,
	table.element,
]);

/** What is said where there is no picture. */
function emptiness(state: State): string {
	const why_not = app.kindStatus?.why_not;

	if (state.loading)
		return 'Loading the profile …';
	if (state.jobs.has(app.kind))
		return 'Taking the profile …';
	if (why_not)
		return why_not;
	if (state.snapshots === null)
		return state.silence ? '' : 'Asking exoprof …';
	if (state.failure?.kind === app.kind && app.shown !== null)
		return '';
	if (state.profile && app.shown !== null)
		return 'No samples: this profile is empty.';
	return `${tabNamed(state.place.tab).about} Nothing has been taken yet: press “Take”.`;
}

/** Whoever opens or leaves a function goes on there, by keyboard, too. */
function followFocus({ place }: State, before: State): void {
	const was_open = before.place.focus !== null;

	if (was_open === (place.focus !== null) || before.place.tab !== place.tab)
		return;
	if (was_open)
		graph.flame.focus();
	else
		sandwich.focus();
}

function render(state: State): void {
	const view = state.profile && viewOf(state.profile, state.place);
	// Where all of it is hidden, what hides it must be there to be turned off.
	const something = view !== null && (view.layout.sum > 0 || view.layout.unseenNodes > 0 ||
		view.hiddenIdle > 0);
	const error = state.failure?.kind === app.kind ? state.failure.text : '';

	panel.setAttribute('aria-labelledby', `tab-${state.place.tab}`);
	setText(failure, error);
	show(failure, error !== '');
	setText(empty, something ? '' : emptiness(state));
	show(empty, !something && empty.textContent !== '');
	show(pictures, something);
	show(table.element, something);
	show(search.element, something);
	search.show(view);
	lossLines.show(view);
	links.show(view);
	pictures.classList.toggle('stale', state.loading);
	if (!view || !something)
		return;
	show(graph.element, state.place.focus === null);
	show(sandwich.element, state.place.focus !== null);
	if (state.place.focus)
		sandwich.show(view, state.place.focus);
	else
		graph.show(view);
	table.show(view);
}

document.addEventListener('keydown', (event) => {
	const typing = event.target instanceof HTMLInputElement;

	if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey)
		return;
	event.preventDefault();
	search.focus();
});

document.body.append(
	new Head(app).element,
	el('main', {}, [tabBar(app), panel]),
	el('footer', {}, [
		el('a', { text: 'All profiles', attrs: { href: 'debug/pprof/' } }),
		el('a', { text: 'Metrics', attrs: { href: 'metrics' } }),
	]),
	tooltip.element,
	menu.element,
	toast,
);
window.exoprofPage = {
	frameRect: (name) => graph.flame.frameRect(name),
	frames: () => graph.flame.drawn(),
	focus: () => graph.flame.canvas.focus(),
};
app.store.follow((state, before) => {
	// The head and its charts look after themselves.
	const { status, ...seen } = state;
	const kinds_known = (status === null) !== (before.status === null);

	if (
		state === before ||
		kinds_known ||
		Object.entries(seen).some(([key, value]) => value !== before[key as keyof State])
	)
		render(state);
	followFocus(state, before);
});
void app.start();
