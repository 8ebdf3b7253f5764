// What both sides said, as a list of turns.

import type { Latency, Turn } from "./types.js";

/** Speech whose transcript may still come. */
const MOST_UNHEARD = 8;

export class Transcript {
  #turns: readonly Turn[] = [];
  #lastId = 0;
  #answer: Turn | undefined;
  #gapMs: number | undefined;
  #quietSince: number | undefined;
  #speech: readonly number[] = [];
  readonly #tell: (turn: Turn) => void;

  /** `tell` gets every turn that is new or has changed. */
  constructor(tell: (turn: Turn) => void) {
    this.#tell = tell;
  }

  get turns(): readonly Turn[] {
    return this.#turns;
  }

  speechStarted(): void {
    this.#quietSince = undefined;
    this.#speech = [...this.#speech, Date.now()].slice(-MOST_UNHEARD);
  }

  speechStopped(): void {
    this.#quietSince = performance.now();
  }

  /** Forgets speech whose audio was discarded. */
  cleared(): void {
    this.#speech = [];
  }

  /** Adds what the user said. It may be told after the answer to it has begun. */
  heard(text: string, recognized: boolean): void {
    const [at = Date.now(), ...later] = this.#speech;
    this.#speech = later;
    this.#add("user", { text, final: true, at, ...(!recognized && { recognized }) });
  }

  typed(text: string): void {
    this.#add("user", { text, final: true, at: Date.now() });
  }

  answerStarted(): void {
    this.#answer = this.#gapMs = undefined;
  }

  /** Notes that the answer sounds. */
  answerSounded(): void {
    if (this.#quietSince === undefined) return;
    this.#gapMs = Math.round(performance.now() - this.#quietSince);
    this.#quietSince = undefined;
    if (this.#answer) this.#answer = this.#put({ ...this.#answer, gapMs: this.#gapMs });
  }

  /** Lets the answer grow. */
  answered(delta: string): void {
    const begun = this.#answer;
    const gap = this.#gapMs === undefined ? {} : { gapMs: this.#gapMs };
    this.#answer = begun
      ? this.#put({ ...begun, text: begun.text + delta })
      : this.#add("agent", { text: delta, final: false, at: Date.now(), ...gap });
  }

  answerCompleted(interrupted: boolean, spokenText?: string, latency?: Latency): void {
    const said = this.#answer;
    this.answerStarted();
    const spoken = spokenText === undefined ? {} : { spokenText };
    const took = latency === undefined ? {} : { latency };
    if (said) this.#put({ ...said, ...spoken, ...took, final: true, interrupted });
  }

  #add(role: Turn["role"], turn: Omit<Turn, "id" | "role" | "interrupted">): Turn {
    this.#lastId += 1;
    return this.#put({ id: this.#lastId, role, interrupted: false, ...turn });
  }

  #put(turn: Turn): Turn {
    const turns = [...this.#turns];
    const known = turns.findIndex((one) => one.id === turn.id);
    const later = turns.findIndex((one) => one.at > turn.at);
    if (known >= 0) turns[known] = turn;
    else turns.splice(later < 0 ? turns.length : later, 0, turn);
    this.#turns = turns;
    this.#tell(turn);
    return turn;
  }
}
