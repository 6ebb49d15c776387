// SPDX-License-Identifier: Apache-2.0
// What the page does: it looks after the state and is the only one to change it.
import { HOME, readPlace, writePlace, type Place } from './place';
import { readProfile, type Profile } from './profile';
import {
	deleteSnapshot,
	getSnapshots,
	getStatus,
	getTree,
	ServerError,
	takeSnapshot,
} from './server';
import { Store, type State } from './store';
import { tabNamed } from './tabs';
import { sameNode, treeOf } from './tree';
import type { History, Kind, Snapshot, Status } from './wire';

const STATUS_MS = 2000;
const HISTORY_POINTS = 600;

function sentence(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

function isAbort(error: unknown): boolean {
	return error instanceof DOMException && error.name === 'AbortError';
}

/** What is known of the past, and what has come since. */
function joinHistory(old: History | undefined, news: History): History {
	if (old && news.cpu.length === 0)
		return old;
	const at = old ? Math.round((news.start_ms - old.start_ms) / old.step_ms) : -1;

	// The clock was set, or exoprof is another one.
	if (!old || at < 0 || at > old.cpu.length || old.step_ms !== news.step_ms)
		return news;
	const length = Math.max(old.cpu.length, at + news.cpu.length);
	const drop = Math.max(0, length - HISTORY_POINTS);
	const join = (a: (number | null)[], b: (number | null)[]) =>
		[...a.slice(0, at), ...b, ...a.slice(at + b.length)].slice(drop);

	return {
		start_ms: old.start_ms + drop * old.step_ms,
		step_ms: old.step_ms,
		cpu: join(old.cpu, news.cpu),
		rss: join(old.rss, news.rss),
		threads: join(old.threads, news.threads),
	};
}

export class App {
	readonly store: Store;
	/** Which snapshots `profile` is of. */
	private shownKey = '';
	private shownKind = '';
	/** What could not be loaded: it is tried again when the reader comes back to it. */
	private failedKey = '';
	/** The profile whose nodes the place's zoom counts; null: that of the place's snapshot. */
	private zoomOf: Profile | null = null;
	private loading: AbortController | null = null;
	/** Lists of snapshots that were asked for, and the newest that has come. */
	private listsAsked = 0;
	private listShown = 0;
	/** Kinds of which one has been taken without being asked for. */
	private tried = new Set<string>();

	constructor() {
		this.store = new Store({
			place: readPlace(location.hash),
			status: null,
			silence: '',
			snapshots: null,
			profile: null,
			loading: false,
			jobs: new Map(),
			failure: null,
		});
		window.addEventListener('popstate', () => {
			this.zoomOf = null;
			this.failedKey = '';
			this.store.set({ place: readPlace(location.hash), failure: null });
			void this.refresh();
		});
	}

	get state(): State {
		return this.store.state;
	}

	async start(): Promise<void> {
		void this.watchStatus();
		await this.readSnapshots();
	}

	/* Places */

	/** To a place that the browser's Back button leaves again. */
	go(patch: Partial<Place>): void {
		this.failedKey = '';
		this.move(patch, 'push');
	}

	/** The same place, looked at in another way. */
	adjust(patch: Partial<Place>): void {
		this.move(patch, 'replace');
	}

	private move(patch: Partial<Place>, how: 'push' | 'replace'): void {
		const place = this.pinned({ ...this.state.place, ...patch });
		const hash = writePlace(place);

		if (patch.zoom !== undefined)
			this.zoomOf = this.state.profile;
		if (hash !== location.hash) {
			if (how === 'push')
				history.pushState(null, '', hash);
			else
				history.replaceState(null, '', hash);
		}
		this.store.set({ place });
		void this.refresh();
	}

	// Who sends the address of something in the newest profile means that one.
	private pinned(place: Place): Place {
		const is_here = this.kindOf(place.tab) === this.kind;
		const is_special = place.zoom > 0 || place.base !== null || place.focus !== null;

		return place.snapshot === null && is_here && is_special
			? { ...place, snapshot: this.shown }
			: place;
	}

	openTab(name: string): void {
		const same_kind = this.kindOf(name) === this.kindOf(this.state.place.tab);
		const { snapshot, base, search, upward, hideKernel, hideIdle } = this.state.place;

		this.store.set({ failure: null });
		this.go({
			...HOME,
			tab: name,
			search,
			upward,
			hideKernel,
			hideIdle,
			...(same_kind ? { snapshot, base } : {}),
		});
	}

	private kindOf(tab: string): string {
		return tabNamed(tab).kind;
	}

	get kind(): string {
		return this.kindOf(this.state.place.tab);
	}

	/** What the server says of the kind. */
	get kindStatus(): Kind | undefined {
		return this.state.status?.kinds.find((kind) => kind.name === this.kind);
	}

	/** The snapshots of the kind, the newest first. */
	get kept(): Snapshot[] {
		return (this.state.snapshots ?? [])
			.filter((one) => one.kind === this.kind)
			.reverse();
	}

	/** The number of the snapshot that is shown or is about to be. */
	get shown(): number | null {
		return this.state.place.snapshot ?? this.kept[0]?.id ?? null;
	}

	/* Status */

	private async watchStatus(): Promise<never> {
		for (let tick = 0; ; tick++) {
			if (!document.hidden) {
				await this.readStatus();
				// Others take snapshots, too.
				if (tick % 5 === 4)
					await this.readSnapshots();
			}
			await new Promise((resolve) => setTimeout(resolve, STATUS_MS));
		}
	}

	private async readStatus(): Promise<void> {
		const old = this.state.status;
		const past = old?.history;
		const since = past ? past.start_ms + (past.cpu.length - 1) * past.step_ms : null;

		try {
			const status: Status = await getStatus(since);
			const is_another = old !== null && old.attached_ms !== status.attached_ms;
			const history = joinHistory(is_another ? undefined : past, status.history);

			this.store.set({ status: { ...status, history }, silence: '' });
			if (is_another)
				await this.startAgain();
			else if (!old)
				void this.refresh();
		} catch (error) {
			this.store.set({ silence: sentence(error) });
		}
	}

	/** Another exoprof answers: it counts its snapshots from 1 again, and has none of those before. */
	private async startAgain(): Promise<void> {
		this.tried.clear();
		this.drop();
		this.store.set({ snapshots: null, failure: null });
		this.adjust({ snapshot: null, base: null, zoom: 0 });
		await this.readSnapshots();
	}

	/* Snapshots */

	private async readSnapshots(): Promise<void> {
		try {
			await this.readList();
			await this.refresh();
		} catch (error) {
			this.store.set({ silence: sentence(error) });
		}
	}

	/** An answer that comes after that to a later question is old. */
	private async readList(): Promise<void> {
		const number = ++this.listsAsked;
		const { snapshots } = await getSnapshots();

		if (number < this.listShown)
			return;
		this.listShown = number;
		// Whoever is looking at something is not disturbed for nothing.
		if (JSON.stringify(snapshots) !== JSON.stringify(this.state.snapshots))
			this.store.set({ snapshots });
	}

	private fail(kind: string, error: unknown): void {
		if (!isAbort(error))
			this.store.set({ failure: { kind, text: sentence(error) } });
	}

	/** Loads what is to be seen, if it is not yet; takes a first profile if that is at once. */
	private async refresh(): Promise<void> {
		const id = this.shown;

		if (this.state.snapshots === null)
			return;
		if (id === null) {
			this.drop();
			this.takeFirst();
			return;
		}
		const key = `${id} ${this.state.place.base ?? ''}`;
		if (key !== this.shownKey && key !== this.failedKey)
			await this.load(id, this.state.place.base, key);
	}

	private drop(): void {
		this.loading?.abort();
		this.loading = null;
		this.shownKey = '';
		this.failedKey = '';
		if (this.state.profile || this.state.loading)
			this.store.set({ profile: null, loading: false });
	}

	private takeFirst(): void {
		const { kind, kindStatus } = this;

		if (
			!kindStatus ||
			kindStatus.takes_seconds ||
			kindStatus.why_not ||
			this.tried.has(kind)
		)
			return;
		this.tried.add(kind);
		void this.take(null);
	}

	private async load(id: number, base: number | null, key: string): Promise<void> {
		const { kind } = this;
		const abort = new AbortController();

		this.loading?.abort();
		this.loading = abort;
		this.shownKey = key;
		// What is there of another kind is nothing to look at meanwhile.
		this.store.set(
			this.shownKind === kind
				? { loading: true }
				: { loading: true, profile: null },
		);
		this.shownKind = kind;
		try {
			const file = await getTree(id, base, abort.signal);
			const profile = readProfile(file);

			// A great one takes its time, and the browser has other things to do.
			await new Promise((resolve) => setTimeout(resolve));
			if (this.loading === abort)
				this.arrived(profile);
		} catch (error) {
			if (this.loading !== abort)
				return;
			this.shownKey = '';
			this.failedKey = key;
			this.store.set({ profile: null, loading: false });
			this.fail(kind, error);
			// It is not kept any more. Where the newest was asked for that is another one now.
			if (error instanceof ServerError && error.status === 404)
				await this.readSnapshots();
		}
	}

	/** The zoom stays at the same calls, as far as they are in the new profile. */
	private arrived(profile: Profile): void {
		const { place, failure } = this.state;
		const old = this.zoomOf;
		let zoom = place.zoom;

		if (old && zoom && old.kind === profile.kind && zoom < old.frame.length)
			zoom = sameNode(treeOf(old, 0), zoom, treeOf(profile, 0));
		this.zoomOf = profile;
		this.store.set({
			profile,
			loading: false,
			failure: failure?.kind === profile.kind ? null : failure,
		});
		if (zoom !== place.zoom)
			this.adjust({ zoom });
	}

	async take(seconds: number | null): Promise<void> {
		const { kind } = this;
		const job = { seconds, startedAt: Date.now(), abort: new AbortController() };

		if (this.state.jobs.has(kind))
			return;
		this.store.set({ jobs: new Map(this.state.jobs).set(kind, job), failure: null });
		try {
			const entry = await takeSnapshot(kind, seconds, job.abort.signal);
			const is_first = this.kind === kind && this.shown === null;

			await this.readList();
			this.endJob(kind);
			if (this.kind !== kind)
				return;
			// What was seen before the first one is nothing to go back to.
			this.failedKey = '';
			this.move({ snapshot: entry.id }, is_first ? 'replace' : 'push');
		} catch (error) {
			this.endJob(kind);
			this.fail(kind, error);
		}
	}

	private endJob(kind: string): void {
		const jobs = new Map(this.state.jobs);

		jobs.delete(kind);
		this.store.set({ jobs });
	}

	cancel(): void {
		this.state.jobs.get(this.kind)?.abort.abort();
	}

	async remove(id: number): Promise<void> {
		const { kind } = this;

		try {
			await deleteSnapshot(id);
			// One that was deleted on purpose is not taken again by itself.
			this.tried.add(kind);
			await this.readList();
			if (this.kind === kind && (this.state.place.snapshot ?? id) === id)
				this.adjust({ snapshot: null, base: null, zoom: 0 });
		} catch (error) {
			this.fail(kind, error);
		}
	}
}
