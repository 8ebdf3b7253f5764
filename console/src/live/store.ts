// The calls of an environment, live. Whoever shows one subscribes to it alone, and is told at most
// once a frame; while the page is hidden, at most once a second.

import type { LogEvent } from "@ringline/sdk";
import { type Call, hasEnded } from "./call";
import { type Connection, FIRST } from "./connection";
import { BOARD, isCallEvent, reduce } from "./reducer";
import type { Snapshot } from "./snapshot";

/** An ended call stays in the table this long. */
export const LEAVES_AFTER_MS = 10_000;
/** How many calls are remembered that have just ended. */
const JUST_ENDED = 20;

export type Notify = () => void;
/** Calls back soon: with the next frame, or in a second if the page is hidden. */
export type Schedule = (callback: Notify) => void;

export class Store {
  readonly #schedule: Schedule;
  readonly #agents = new Map<string, string>();
  #calls = new Map<string, Call>();
  /** Newest first; a call keeps its place. */
  #order: readonly string[] = [];
  #ended: readonly Call[] = [];
  #connection: Connection = FIRST;
  readonly #rows = new Map<string, Set<Notify>>();
  readonly #lists = new Set<Notify>();
  readonly #wires = new Set<Notify>();
  readonly #changed = new Set<string>();
  #listChanged = false;
  #wireChanged = false;
  #scheduled = false;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  // -- what is read ---------------------------------------------------------------------------

  /** Return the uuids of the calls in the table, newest first. */
  readonly order = (): readonly string[] => this.#order;
  /** Return the calls that have just ended, the last one first. */
  readonly ended = (): readonly Call[] => this.#ended;
  readonly connection = (): Connection => this.#connection;

  call(uuid: string): Call | undefined {
    return this.#calls.get(uuid);
  }

  /** Return the name of an agent, if it is known. */
  agentName(id: string): string | undefined {
    return this.#agents.get(id);
  }

  // -- who is told ----------------------------------------------------------------------------

  onCall(uuid: string, callback: Notify): Notify {
    const callbacks = this.#rows.get(uuid) ?? new Set();
    this.#rows.set(uuid, callbacks.add(callback));
    return () => {
      callbacks.delete(callback);
      if (callbacks.size === 0 && this.#rows.get(uuid) === callbacks) this.#rows.delete(uuid);
    };
  }

  /** Call back when calls come and go. */
  readonly onList = (callback: Notify): Notify => listen(this.#lists, callback);
  readonly onConnection = (callback: Notify): Notify => listen(this.#wires, callback);

  // -- what happens ---------------------------------------------------------------------------

  /** Begin anew with what was read. */
  replace({ open, ended, agents }: Snapshot): void {
    for (const [id, name] of agents) this.#agents.set(id, name);
    for (const uuid of this.#calls.keys()) this.#changed.add(uuid);
    this.#calls = new Map(open.map((call) => [call.uuid, call]));
    for (const { uuid } of open) this.#changed.add(uuid);
    this.#order = open.map((call) => call.uuid);
    this.#ended = ended.slice(0, JUST_ENDED);
    this.#listChanged = true;
    this.#tellSoon();
  }

  /** Take the names of agents that were made since. */
  learn(agents: ReadonlyMap<string, string>): void {
    for (const [id, name] of agents) this.#agents.set(id, name);
    for (const call of this.#calls.values()) this.#put(this.#named(call));
    this.#tellSoon();
  }

  /** Take an event. Return the agent whose name it leaves unknown, if there is one. */
  apply(event: LogEvent): string | null {
    if (!isCallEvent(event)) return null;
    const uuid = event.callUuid;
    const open = this.#calls.get(uuid);
    const before = open ?? this.#ended.find((call) => call.uuid === uuid);
    const reduced = reduce(before, event, BOARD);
    if (reduced === undefined || reduced === before) return null;
    const after = this.#named(reduced);
    if (before === undefined) {
      this.#order = [uuid, ...this.#order];
      this.#listChanged = true;
    }
    if (hasEnded(after)) this.#end(after);
    if (open !== undefined || before === undefined) this.#put(after);
    this.#tellSoon();
    return after.agentId !== null && after.agentName === null ? after.agentId : null;
  }

  /** Remove the calls that ended a while ago. */
  sweep(now: number): void {
    const gone = [...this.#calls.values()].filter(
      (call) => hasEnded(call) && now - (call.endedAt ?? now) >= LEAVES_AFTER_MS,
    );
    if (gone.length === 0) return;
    for (const { uuid } of gone) {
      this.#calls.delete(uuid);
      this.#changed.add(uuid);
    }
    this.#order = this.#order.filter((uuid) => this.#calls.has(uuid));
    this.#listChanged = true;
    this.#tellSoon();
  }

  connect(connection: Connection): void {
    this.#connection = connection;
    this.#wireChanged = true;
    this.#tellSoon();
  }

  /** Note how far the log was followed; a delta has no offset. */
  reach(offset: number | null): void {
    if (offset !== null) this.connect({ ...this.#connection, offset });
  }

  /** List a call among those that have just ended, or what is known of it now. */
  #end(call: Call): void {
    const known = this.#ended.some(({ uuid }) => uuid === call.uuid);
    this.#ended = known
      ? this.#ended.map((one) => (one.uuid === call.uuid ? call : one))
      : [call, ...this.#ended].slice(0, JUST_ENDED);
    this.#listChanged = true;
  }

  #named(call: Call): Call {
    if (call.agentName !== null || call.agentId === null) return call;
    const agentName = this.#agents.get(call.agentId);
    return agentName === undefined ? call : { ...call, agentName };
  }

  #put(call: Call): void {
    if (this.#calls.get(call.uuid) === call) return;
    this.#calls.set(call.uuid, call);
    this.#changed.add(call.uuid);
  }

  #tellSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => this.#tell());
  }

  #tell(): void {
    this.#scheduled = false;
    const changed = [...this.#changed];
    const [list, wire] = [this.#listChanged, this.#wireChanged];
    this.#changed.clear();
    this.#listChanged = this.#wireChanged = false;
    for (const uuid of changed) call(this.#rows.get(uuid));
    if (list) call(this.#lists);
    if (wire) call(this.#wires);
  }
}

function listen(callbacks: Set<Notify>, callback: Notify): Notify {
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}

function call(callbacks: ReadonlySet<Notify> | undefined): void {
  for (const callback of [...(callbacks ?? [])]) callback();
}

/** Schedule with the next frame, or in a second while the page is hidden. */
export function withFrames(callback: Notify): void {
  if (document.hidden) setTimeout(callback, 1000);
  else requestAnimationFrame(callback);
}
