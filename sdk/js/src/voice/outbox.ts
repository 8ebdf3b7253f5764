// The user's audio on its way into the socket. What a slow network cannot take is dropped, the
// oldest first: late audio is worse than none.

import { encodeBase64 } from "./pcm.js";

/** The longest piece of audio in one event. */
const PIECE_MS = 1000;
/** How much may wait in the socket, and here until the socket has room. */
const MOST_MS = { inSocket: 1000, here: 1000 };
/** How soon a full socket is looked at again. */
const RETRY_MS = 50;
const BYTES_PER_SAMPLE = 2;

export class Outbox {
  readonly #bytesPerMs: number;
  readonly #buffered: () => number;
  readonly #write: (base64: string) => void;
  #waiting: { readonly base64: string; readonly ms: number }[] = [];
  #retry: ReturnType<typeof setTimeout> | undefined;
  #droppedMs = 0;

  /** `buffered` gives the bytes that wait in the socket. */
  constructor(rateHz: number, buffered: () => number, write: (base64: string) => void) {
    this.#bytesPerMs = (rateHz * BYTES_PER_SAMPLE) / 1000;
    this.#buffered = buffered;
    this.#write = write;
  }

  get droppedMs(): number {
    return Math.round(this.#droppedMs);
  }

  push(pcm: Int16Array | Uint8Array): void {
    let waitingMs = this.#waiting.reduce((sum, one) => sum + one.ms, 0);
    while (waitingMs > MOST_MS.here) {
      const { ms } = this.#waiting.shift()!;
      waitingMs -= ms;
      this.#droppedMs += ms;
    }
    const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    const most = Math.ceil(PIECE_MS * this.#bytesPerMs);
    for (let at = 0; at < bytes.length; at += most) {
      const piece = bytes.subarray(at, at + most);
      this.#waiting.push({ base64: encodeBase64(piece), ms: piece.length / this.#bytesPerMs });
    }
    this.#drain();
  }

  /** Writes all that waits, before an event that refers to it. */
  flush(): void {
    clearTimeout(this.#retry);
    for (const { base64 } of this.#waiting.splice(0)) this.#write(base64);
  }

  clear(): void {
    clearTimeout(this.#retry);
    this.#waiting = [];
  }

  #drain(): void {
    clearTimeout(this.#retry);
    const most = MOST_MS.inSocket * this.#bytesPerMs * (4 / 3); // base64
    while (this.#waiting.length > 0 && this.#buffered() < most) {
      this.#write(this.#waiting.shift()!.base64);
    }
    if (this.#waiting.length > 0) this.#retry = setTimeout(() => this.#drain(), RETRY_MS);
  }
}
