// One call from its beginning: its log is followed first and read second, and reduced by the same
// reducer as the board's calls.

import type { LogEvent } from "@ringline/sdk";
import type { Call } from "./call";
import type { Follower } from "./followers";
import { type CallEvent, isCallEvent, offsetOf, reduce } from "./reducer";
import type { Notify, Schedule } from "./store";

/** A page of the call's log, and where the next one begins. */
export interface Page {
  events: readonly LogEvent[];
  position: string;
  hasMore: boolean;
}

/** A call as it is listed, and its row with what no event says. */
export interface Known<Row> {
  call: Call;
  row: Row;
}

export interface Past<Row> {
  state: "reading" | "read" | "failed";
  /** The call as its events say; null before the first. */
  call: Call | null;
  row: Row | null;
  /** The durable events, in order. */
  events: readonly CallEvent[];
  error: unknown;
}

export interface Source<Row> {
  uuid: string;
  follow(follower: Follower): Notify;
  /** Read the events after a position. */
  read(after: string): Promise<Page>;
  /** The call as it is listed; null if it is unknown. */
  known(): Promise<Known<Row> | null>;
  /** The same call with its turns, for one whose first events are no longer kept. */
  withTurns(call: Call): Promise<Call>;
  schedule: Schedule;
}

export class History<Row> {
  readonly #source: Source<Row>;
  readonly #listeners = new Set<Notify>();
  readonly #stop: Notify;
  #past: Past<Row> = { state: "reading", call: null, row: null, events: [], error: null };
  #waiting: CallEvent[] | null = [];
  #reading = 0;
  #scheduled = false;

  constructor(source: Source<Row>) {
    this.#source = source;
    this.#stop = source.follow({
      event: (event) => this.#take(event),
      anew: () => this.readAnew(),
    });
    this.readAnew();
  }

  readonly past = (): Past<Row> => this.#past;

  readonly subscribe = (callback: Notify): Notify => {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  };

  close(): void {
    this.#reading += 1;
    this.#stop();
  }

  /** Read the whole log of the call; what comes meanwhile waits. */
  readAnew(): void {
    const reading = ++this.#reading;
    this.#waiting = [];
    this.#read(reading).catch((error: unknown) => {
      if (reading === this.#reading) this.#show({ ...this.#past, state: "failed", error });
    });
  }

  async #read(reading: number): Promise<void> {
    const events: LogEvent[] = [];
    let page: Page = { events: [], position: "0", hasMore: true };
    const known = this.#source.known();
    known.catch(() => {}); // it is awaited below; until then nobody would
    while (page.hasMore) {
      page = await this.#source.read(page.position);
      events.push(...page.events);
    }
    const listed = await known;
    const mine = events.filter(isCallEvent).filter((event) => event.callUuid === this.#source.uuid);
    const isWhole = mine[0]?.type === "call.created";
    const call = listed && (isWhole ? listed.call : await this.#source.withTurns(listed.call));
    if (reading !== this.#reading) return;
    const came = this.#waiting ?? [];
    this.#waiting = null;
    const row = listed?.row ?? null;
    this.#past = this.#after({ state: "read", call, row, events: [], error: null }, mine);
    this.#past = this.#after(this.#past, came);
    this.#tellSoon();
  }

  #take(event: CallEvent): void {
    if (this.#waiting !== null) this.#waiting.push(event);
    else this.#show(this.#after(this.#past, [event]));
  }

  /** Return what is known after more events; those that are in it change nothing. */
  #after(past: Past<Row>, more: readonly CallEvent[]): Past<Row> {
    const last = past.events.at(-1);
    let newest = last ? (offsetOf(last) ?? 0) : 0;
    let call = past.call ?? undefined;
    const events: CallEvent[] = [];
    for (const event of more) {
      call = reduce(call, event);
      const offset = offsetOf(event);
      if (offset === null || offset <= newest) continue;
      newest = offset;
      events.push(event);
    }
    const all = events.length > 0 ? [...past.events, ...events] : past.events;
    return { ...past, call: call ?? null, events: all };
  }

  #show(past: Past<Row>): void {
    this.#past = past;
    this.#tellSoon();
  }

  #tellSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#source.schedule(() => {
      this.#scheduled = false;
      for (const callback of [...this.#listeners]) callback();
    });
  }
}
