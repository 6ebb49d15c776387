// SPDX-License-Identifier: Apache-2.0
// The page's state: one object that is replaced as a whole, and who wants to know.
import type { Place } from './place';
import type { Profile } from './profile';
import type { Snapshot, Status } from './wire';

/** A profile that is being taken. */
export interface Job {
	seconds: number | null;
	startedAt: number;
	abort: AbortController;
}

export interface Failure {
	/** The kind of profile that it is about. */
	kind: string;
	text: string;
}

export interface State {
	place: Place;
	status: Status | null;
	/** Why there is no status, or no newer one. */
	silence: string;
	/** Null: not known yet. */
	snapshots: Snapshot[] | null;
	/** The one that is shown, or what has changed in it since another one. */
	profile: Profile | null;
	loading: boolean;
	/** By kind. */
	jobs: ReadonlyMap<string, Job>;
	failure: Failure | null;
}

export type Listener = (state: State, before: State) => void;

export class Store {
	private listeners: Listener[] = [];

	constructor(private current: State) {}

	get state(): State {
		return this.current;
	}

	set(patch: Partial<State>): void {
		const before = this.current;

		this.current = { ...before, ...patch };
		for (const listener of this.listeners)
			listener(this.current, before);
	}

	/** Calls now, and whenever something changes. */
	follow(listener: Listener): void {
		this.listeners.push(listener);
		listener(this.current, this.current);
	}
}
