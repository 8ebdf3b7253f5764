// The feed of an environment: it joins first, reads second, and lays what came meanwhile over what
// was read, before anything is shown. After a lost connection it goes on where it was, or reads
// anew if that is impossible.

import type { Joined, LogEvent } from "@ringline/sdk";
import type { Clock } from "./clock";
import {
  backoff,
  type Connection,
  isLive,
  next,
  PATIENCE_MS,
  type Signal,
  TOLD_MS,
} from "./connection";
import type { Followers } from "./followers";
import { isCallEvent, offsetOf } from "./reducer";
import type { Snapshot } from "./snapshot";
import type { Store } from "./store";

/** What happens on the wire. */
export interface Heard {
  joined(reply: Joined): void;
  refused(reason: string): void;
  /** A try to connect failed, and why. */
  failed(reason: string): void;
  event(event: LogEvent): void;
  lost(): void;
  signedOut(): void;
}

/** A connection that opens itself again, with a channel that knows its position. */
export interface Wire {
  /** Try to connect at once. */
  retry(): void;
  close(): void;
}

export interface Ports {
  store: Store;
  clock: Clock;
  followers: Followers;
  open(heard: Heard): Wire;
  read(): Promise<Snapshot>;
  /** Read the names of agents, by their ids. */
  agents(): Promise<ReadonlyMap<string, string>>;
}

/** While the calls are read, so many events may come; beyond it they are read again. */
const MOST_WAITING = 20_000;
const OFFLINE = "The server could not be reached for 20 seconds.";
const READ_FAILED = "The calls could not be read.";

export class Feed {
  readonly #ports: Ports;
  readonly #wire: Wire;
  /** What came while the calls are read; null once they were. */
  #waiting: LogEvent[] | null = null;
  #reading = 0;
  /** When the channel was joined again: what had happened before it is caught up. */
  #joinedAt = 0;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #telling: ReturnType<typeof setTimeout> | undefined;
  #rereading: ReturnType<typeof setTimeout> | undefined;
  readonly #asked = new Set<string>();
  #hasRead = false;
  /** Why the last try to connect failed, if the server says so. */
  #why: string | null = null;
  #closed = false;

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#wait();
    this.#wire = ports.open({
      joined: (reply) => this.#joined(reply),
      refused: (reason) => this.#giveUp(`The server refuses the feed: ${reason}.`),
      failed: (reason) => {
        this.#why = reason;
      },
      event: (event) => this.#take(event),
      lost: () => this.#lost(),
      signedOut: () => {
        this.#signal("signed_out");
        this.close();
      },
    });
  }

  close(): void {
    this.#closed = true;
    for (const timer of [this.#patience, this.#telling, this.#rereading]) clearTimeout(timer);
    this.#wire.close();
  }

  /** Try to connect at once: the network is back, somebody looks, or asks for it. */
  retry(): void {
    const { state } = this.#ports.store.connection();
    if (isLive(state) || state === "signed_out") return;
    this.#wire.retry();
    if (this.#waiting !== null) this.#read(1);
  }

  // -- from the wire --------------------------------------------------------------------------

  #joined({ position, recovered }: Joined): void {
    this.#why = null;
    this.#ports.store.reach(offsetAt(position));
    if (recovered !== true) {
      this.#startAnew();
    } else if (this.#waiting === null) {
      clearTimeout(this.#patience);
      this.#signal("recovered");
      this.#joinedAt = this.#ports.clock.now();
    } // else the calls are being read, and what was missed is going to wait with the rest
  }

  #take(event: LogEvent): void {
    if (this.#waiting === null) {
      this.#apply(event);
    } else {
      this.#waiting.push(event);
      if (this.#waiting.length > MOST_WAITING) this.#startAnew();
    }
  }

  #apply(event: LogEvent): void {
    const { store } = this.#ports;
    const unknown = store.apply(event);
    store.reach(offsetOf(event));
    if (isCallEvent(event)) this.#ports.followers.tell(event);
    if (unknown !== null && !this.#asked.has(unknown)) this.#ask(unknown);
    const { state, caughtUp } = store.connection();
    if (state === "caught_up" && Date.parse(event.occurredAt) < this.#joinedAt) {
      this.#show({ caughtUp: caughtUp + 1 });
    }
  }

  #lost(): void {
    if (!isLive(this.#ports.store.connection().state)) return;
    this.#ports.clock.stop();
    this.#signal("lost", { since: this.#ports.clock.now(), caughtUp: 0 });
    this.#wait();
  }

  // -- what is read ---------------------------------------------------------------------------

  /** Read everything from here on: what had happened before may not have come. */
  #startAnew(): void {
    this.#waiting = [];
    this.#read(1);
    this.#ports.followers.anew();
  }

  /** Read the calls; try again if that fails. */
  #read(tries: number): void {
    clearTimeout(this.#rereading);
    const reading = ++this.#reading;
    const isCurrent = () => reading === this.#reading && !this.#closed;
    this.#ports.read().then(
      (snapshot) => {
        if (isCurrent()) this.#begin(snapshot);
      },
      () => {
        if (!isCurrent()) return;
        this.#rereading = setTimeout(() => this.#read(tries + 1), backoff(tries));
      },
    );
  }

  #begin(snapshot: Snapshot): void {
    const { store } = this.#ports;
    const came = this.#waiting ?? [];
    this.#waiting = null;
    clearTimeout(this.#patience);
    store.replace(snapshot);
    this.#signal(this.#hasRead ? "read_again" : "read");
    this.#hasRead = true;
    for (const event of came) this.#apply(event);
  }

  /** Read the name of an agent that was made since. */
  #ask(agentId: string): void {
    this.#asked.add(agentId);
    this.#ports.agents().then(
      (agents) => {
        if (!this.#closed) this.#ports.store.learn(agents);
      },
      () => this.#asked.delete(agentId),
    );
  }

  // -- what is shown --------------------------------------------------------------------------

  #wait(): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(
      () => this.#giveUp(this.#why ?? (this.#waiting === null ? OFFLINE : READ_FAILED)),
      PATIENCE_MS,
    );
  }

  #giveUp(reason: string): void {
    this.#ports.clock.stop();
    this.#signal("given_up", { reason });
  }

  #signal(signal: Signal, more: Partial<Connection> = {}): void {
    const { store, clock } = this.#ports;
    const { state } = store.connection();
    const after = next(state, signal);
    if (after === state) return;
    if (isLive(after)) clock.resume();
    const told = isLive(after) ? { since: null, reason: null } : {};
    this.#show({ ...told, ...more, state: after });
    clearTimeout(this.#telling);
    if (after === "caught_up" || after === "read_anew") {
      this.#telling = setTimeout(() => this.#signal("told"), TOLD_MS);
    }
  }

  #show(more: Partial<Connection>): void {
    const { store } = this.#ports;
    store.connect({ ...store.connection(), ...more });
  }
}

/** Return the offset of a position, `<epoch>:<offset>`; the beginning of the log is 0. */
export function offsetAt(position: string): number {
  return Number(position.slice(position.indexOf(":") + 1));
}
