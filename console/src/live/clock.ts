// One clock, the server's: this machine's may be wrong by an hour. Every answer says the server's
// time to the second, and how long it took says between which times that was; what all answers
// allow together is soon narrow. When the machine's clock was set, or the machine has slept, the next
// tick notices: what the answers allowed no longer holds, and the server is asked anew. The clock
// stands still while the connection is lost.

/** By how much the server's clock may be ahead of this machine's, in milliseconds. */
export interface Bounds {
  least: number;
  most: number;
}

/** An answer's `Date`, and when the request left and the answer came, by this machine. */
export interface Told {
  date: number;
  sentAt: number;
  cameAt: number;
}

/** `Date` says whole seconds. */
const SECOND = 1000;

/** Return the bounds that one answer allows. */
export function boundsOf({ date, sentAt, cameAt }: Told): Bounds {
  return { least: date - cameAt, most: date + SECOND - sentAt };
}

/** Return what is left of bounds after another answer; that alone if one of the clocks was set. */
export function narrow(known: Bounds | null, told: Bounds): Bounds {
  if (known === null) return told;
  const both = { least: Math.max(known.least, told.least), most: Math.min(known.most, told.most) };
  return both.least <= both.most ? both : told;
}

const TICK_MS = 1000;

export class Clock {
  readonly #machine: () => number;
  readonly #steady: () => number;
  readonly #listeners = new Set<() => void>();
  #bounds: Bounds | null = null;
  #stoppedAt: number | null = null;
  #shown = 0;
  #ticking: ReturnType<typeof setInterval> | undefined;
  readonly #asking = new Set<() => void>();
  /** How far the machine's clock is from the steady one; a jump of it breaks the bounds. */
  #apart: number;
  #broken = false;

  /** `machine` may be set at any time; `steady` counts the milliseconds and nothing else. */
  constructor(machine = () => Date.now(), steady = () => performance.now()) {
    this.#machine = machine;
    this.#steady = steady;
    this.#apart = machine() - steady();
  }

  /** Return the server's time, or when the clock was stopped. */
  now(): number {
    return this.#stoppedAt ?? this.#machine() + this.#ahead();
  }

  /** Take an answer's time. */
  correct(told: Told): void {
    if (Number.isNaN(told.date)) return;
    this.#bounds = narrow(this.#broken ? null : this.#bounds, boundsOf(told));
    this.#broken = false;
  }

  /** Call back when it takes an answer to know the time again; return what ends that. */
  readonly onBroken = (ask: () => void): (() => void) => {
    this.#asking.add(ask);
    return () => this.#asking.delete(ask);
  };

  /** Stand still, until `resume`. */
  stop(): void {
    this.#stoppedAt ??= this.now();
  }

  resume(): void {
    this.#stoppedAt = null;
    this.#tick();
  }

  /** Return the time as of the last tick: the same for all that is shown. */
  readonly shown = (): number => {
    const now = this.now();
    if (this.#ticking === undefined && Math.abs(now - this.#shown) >= TICK_MS) this.#shown = now;
    return this.#shown;
  };

  /** Call back at each tick, and return what ends that. */
  readonly subscribe = (callback: () => void): (() => void) => {
    this.#listeners.add(callback);
    if (this.#ticking === undefined) {
      this.#shown = this.now();
      this.#ticking = setInterval(() => {
        this.#compare();
        this.#tick();
      }, TICK_MS);
    }
    return () => {
      this.#listeners.delete(callback);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#ticking);
      this.#ticking = undefined;
    };
  };

  #tick(): void {
    if (this.#listeners.size === 0) return;
    this.#shown = this.now();
    for (const callback of this.#listeners) callback();
  }

  /** Look whether the machine's clock was set since the last tick. */
  #compare(): void {
    const apart = this.#machine() - this.#steady();
    if (Math.abs(apart - this.#apart) < TICK_MS) return;
    this.#apart = apart;
    this.#broken = true;
    for (const ask of this.#asking) ask();
  }

  #ahead(): number {
    return this.#bounds === null ? 0 : (this.#bounds.least + this.#bounds.most) / 2;
  }
}
