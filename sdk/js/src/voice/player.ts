// The agent's speech in a browser: its pieces follow each other without a gap, and it is known
// how much of a response was heard.

import { VoiceError } from "./errors.js";
import { guarded } from "../listeners.js";
import { decodeAudio } from "./pcm.js";
import type { VoiceSession } from "./session.js";

/** An AudioContext, by a few of its members: not every project has the types of a browser. */
export interface SoundContext {
  readonly currentTime: number;
  readonly sampleRate: number;
  readonly state: string;
}

export interface PlayerOptions {
  /** Where to play; a context of its own, at the session's rate, if absent. */
  context?: SoundContext;
  /** How much is held back when sound begins, for a network that stutters: 50 if absent. */
  bufferMs?: number;
}

/** How a response ended for who listens. */
export interface PlayerEnd {
  readonly playedMs: number;
  /** Whether it was cut off. */
  readonly flushed: boolean;
}

/** What a player plays: a session, or what looks like one. */
export type AudioSource = Pick<VoiceSession, "on" | "outputSampleRate">;

interface Scheduled {
  readonly node: AudioBufferSourceNode;
  readonly at: number;
  readonly seconds: number;
  readonly response: number;
}

/** What voices speak at; another rate makes a new context at the start. */
const PLAYER_HZ = 24_000;
const BUFFER_MS = 50;
/** The most that may wait; what comes beyond it is dropped. */
const MOST_WAITING_S = 120;
/** What a sample of PCM16 is a part of. */
const FULL_SCALE = 32_768;

/** Plays an agent's speech. Make it in a click: browsers keep a page silent without one. */
export class Player {
  /** Called when a response has been heard, or was cut off. */
  onended: ((end: PlayerEnd) => void) | null = null;
  readonly #isOwn: boolean;
  readonly #bufferS: number;
  #context: AudioContext;
  #queue: readonly Scheduled[] = [];
  #next = 0;
  #response = 0;
  #playedS = 0;
  #droppedS = 0;
  #gaps = 0;
  /** Whether more of the response may come. */
  #isOpen = false;
  /** Whether something was played whose end has not been told. */
  #isUntold = false;

  constructor(options: PlayerOptions = {}) {
    const { context, bufferMs = BUFFER_MS } = options;
    if (!context && typeof AudioContext === "undefined") {
      throw new VoiceError("player_unavailable", "this runtime has no AudioContext");
    }
    this.#isOwn = !context;
    this.#bufferS = bufferMs / 1000;
    this.#context = context
      ? (context as AudioContext)
      : new AudioContext({ sampleRate: PLAYER_HZ });
  }

  /** How much of the current response was heard. */
  get playedMs(): number {
    return Math.round(this.#heardS() * 1000);
  }

  /** How much is still to be heard. */
  get bufferedMs(): number {
    return Math.round(this.#waitingS() * 1000);
  }

  get playing(): boolean {
    return this.#queue.length > 0;
  }

  /** How often a response paused because its next piece came late. */
  get gaps(): number {
    return this.#gaps;
  }

  /** How much was dropped because too much was waiting. */
  get droppedMs(): number {
    return Math.round(this.#droppedS * 1000);
  }

  /** Plays a session and falls silent when its user speaks; returns what ends this. */
  attach(session: AudioSource): () => void {
    if (session.outputSampleRate > 0) this.#tune(session.outputSampleRate);
    const ends = [
      session.on("session.started", (event) => this.#tune(event.output_sample_rate)),
      session.on("response.started", () => this.#begin()),
      session.on("audio.delta", ({ audio }) =>
        this.play(decodeAudio(audio), session.outputSampleRate),
      ),
      session.on("response.completed", ({ interrupted }) => this.#complete(interrupted ?? false)),
      session.on("speech.started", () => void this.flush()),
      session.on("end", ({ reason }) => this.#complete(reason === "closed_by_us")),
    ];
    return () => ends.forEach((end) => end());
  }

  /** Plays PCM16, mono, right after what is playing. */
  play(pcm: Int16Array, sampleRate: number): void {
    const context = this.#context;
    if (pcm.length === 0 || context.state === "closed") return;
    const seconds = pcm.length / sampleRate;
    if (this.#waitingS() + seconds > MOST_WAITING_S) {
      this.#droppedS += seconds;
      return;
    }
    if (context.state === "suspended") context.resume().catch(() => {}); // it may need a click
    const buffer = context.createBuffer(1, pcm.length, sampleRate);
    const samples = buffer.getChannelData(0);
    pcm.forEach((sample, index) => (samples[index] = sample / FULL_SCALE));
    const node = context.createBufferSource();
    node.buffer = buffer;
    node.connect(context.destination);
    const scheduled = { node, at: this.#place(), seconds, response: this.#response };
    node.onended = () => this.#finished(scheduled);
    node.start(scheduled.at);
    this.#next = scheduled.at + seconds;
    this.#queue = [...this.#queue, scheduled];
    this.#isUntold = true;
  }

  /** Falls silent and drops what waits; returns how much of the response was heard, in ms. */
  flush(): number {
    const dropped = this.#queue;
    this.#playedS = this.#heardS();
    this.#queue = [];
    this.#next = 0;
    for (const { node } of dropped) {
      node.onended = null;
      node.stop();
      node.disconnect();
    }
    if (dropped.length > 0) this.#tell(true);
    return this.playedMs;
  }

  /** Lets a page sound that was silent for want of a click: call it in one. */
  async resume(): Promise<void> {
    await this.#context.resume();
  }

  /** Falls silent for good. A context that was passed in stays open. */
  close(): void {
    this.flush();
    if (!this.#isOwn || this.#context.state === "closed") return;
    guarded("closing the player", () => this.#context.close());
  }

  // In a context of another rate each piece would be converted by itself, and the seams heard.
  #tune(rate: number): void {
    if (!this.#isOwn || rate === this.#context.sampleRate) return;
    this.close();
    this.#context = new AudioContext({ sampleRate: rate });
  }

  /** Finds where the next piece begins: behind the last one, or after a pause on a whole sample. */
  #place(): number {
    const { currentTime, sampleRate } = this.#context;
    if (this.#queue.length > 0 && this.#next >= currentTime) return this.#next;
    if (this.#isOpen && this.#isUntold) this.#gaps += 1;
    return Math.ceil((currentTime + this.#bufferS) * sampleRate) / sampleRate;
  }

  #waitingS(): number {
    return Math.max(0, this.#next - this.#context.currentTime);
  }

  #heardS(): number {
    const { currentTime, outputLatency = 0 } = this.#context;
    const heardS = ({ at, seconds }: Scheduled) =>
      Math.max(0, Math.min(seconds, currentTime - outputLatency - at));
    return this.#queue
      .filter((one) => one.response === this.#response)
      .reduce((sum, one) => sum + heardS(one), this.#playedS);
  }

  #begin(): void {
    this.#response += 1;
    this.#playedS = 0;
    this.#isOpen = true;
  }

  #complete(isCut: boolean): void {
    this.#isOpen = false;
    if (isCut) this.flush();
    else if (this.#queue.length === 0 && this.#isUntold) this.#tell(false);
  }

  #finished(one: Scheduled): void {
    this.#queue = this.#queue.filter((other) => other !== one);
    if (one.response === this.#response) this.#playedS += one.seconds;
    if (this.#queue.length === 0 && !this.#isOpen) this.#tell(false);
  }

  #tell(flushed: boolean): void {
    this.#isUntold = false;
    guarded("onended", () => this.onended?.({ playedMs: this.playedMs, flushed }));
  }
}
