// A WebSocket as the phoenix client wants one, over the runtime's own: it fetches its token
// before it dials, and its end is always told, whatever the runtime leaves out.

import { CLOSE_POLICIES } from "./close_policy.js";
import type { Tokens } from "./tokens.js";

/** The part of a WebSocket class that is needed, e.g. of the global one or of the package `ws`. */
export interface WebSocketClass {
  new (url: string, protocols?: string | string[]): WebSocketLike;
  readonly prototype: unknown;
}

interface WebSocketLike {
  binaryType: unknown;
  readonly bufferedAmount: number;
  onopen: unknown;
  onmessage: unknown;
  onerror: unknown;
  onclose: unknown;
  send(data: never): void;
  close(code?: number, reason?: string): void;
}

/** As a CloseEvent. */
interface Closed {
  code: number;
  reason: string;
  wasClean: boolean;
}

type Callback<Event> = ((event: Event) => void) | null;

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
/** How long a runtime may take from an `error` to the `close` that belongs to it. */
const CLOSE_AFTER_ERROR_MS = 100;
const LOST: Closed = { code: 1006, reason: "", wasClean: false };

/** How connections are made. */
interface Dialing {
  /** What they run over. */
  plain: WebSocketClass;
  /** Where their tokens come from; absent if the URL says all. */
  tokens: Tokens | undefined;
  /** How long one may take, once it has its token. */
  limitMs: number;
  /** Told the close code of each connection before anybody else is. */
  ended: (code: number) => void;
}

/** Makes the class that phoenix opens its connections with. */
export function dialer(how: Dialing): WebSocketClass {
  return class extends Dialed {
    constructor(url: string, protocols?: string | string[]) {
      super(how, url, protocols);
    }
  };
}

class Dialed implements WebSocketLike {
  readonly #how: Dialing;
  readyState = CONNECTING;
  binaryType: unknown = "arraybuffer";
  onopen: Callback<unknown> = null;
  onmessage: Callback<unknown> = null;
  onerror: Callback<unknown> = null;
  onclose: Callback<Closed> = null;
  #plain: WebSocketLike | undefined;
  #token: string | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;
  #rest: (() => void) | undefined;

  constructor(how: Dialing, url: string, protocols?: string | string[]) {
    this.#how = how;
    this.#dial(url, protocols).catch((error: unknown) => {
      this.onerror?.(error);
      this.#end(LOST);
    });
  }

  get bufferedAmount(): number {
    return this.#plain?.bufferedAmount ?? 0;
  }

  send(data: never): void {
    this.#plain?.send(data);
  }

  close(code?: number, reason?: string): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSING;
    const closed = { code: code ?? 1005, reason: reason ?? "", wasClean: true };
    if (this.#plain) this.#plain.close(code, reason);
    else queueMicrotask(() => this.#end(closed));
  }

  async #dial(url: string, protocols?: string | string[]): Promise<void> {
    this.#token = await this.#how.tokens?.current();
    if (this.readyState !== CONNECTING) return;
    const plain = new this.#how.plain(this.#token ? withToken(url, this.#token) : url, protocols);
    this.#plain = plain;
    plain.binaryType = this.binaryType;
    plain.onopen = (event: unknown) => this.#opened(event);
    plain.onmessage = (event: unknown) => this.onmessage?.(event);
    plain.onerror = (event: unknown) => this.#failed(event);
    plain.onclose = (event: Closed) => this.#end(event);
    this.#limit = setTimeout(
      () => this.#failed(new Error(`no connection within ${this.#how.limitMs} ms`)),
      this.#how.limitMs,
    );
  }

  #opened(event: unknown): void {
    if (this.readyState !== CONNECTING) return;
    clearTimeout(this.#limit);
    this.readyState = OPEN;
    this.#rest = this.#how.tokens?.keep();
    this.onopen?.(event);
  }

  // Node 22 reports the error of a refused upgrade and leaves the close out.
  #failed(event: unknown): void {
    if (this.readyState === CLOSED) return;
    clearTimeout(this.#limit);
    this.#limit = setTimeout(() => this.#end(LOST), CLOSE_AFTER_ERROR_MS);
    this.onerror?.(event);
  }

  #end(event: Closed): void {
    if (this.readyState === CLOSED) return;
    clearTimeout(this.#limit);
    if (this.readyState === CONNECTING && this.#plain) this.#how.tokens?.refuse(this.#token);
    this.readyState = CLOSED;
    this.#rest?.();
    this.#letGo();
    this.#how.ended(event.code);
    if (CLOSE_POLICIES.events_socket[event.code]?.fresh) this.#how.tokens?.refuse(this.#token);
    this.onclose?.(event);
  }

  // A listener stays for errors: without one, `ws` would throw them at the whole process.
  #letGo(): void {
    const plain = this.#plain;
    if (!plain) return;
    plain.onopen = plain.onmessage = plain.onclose = null;
    plain.onerror = () => {};
    try {
      plain.close();
    } catch {
      // It is closed already.
    }
  }
}

function withToken(url: string, token: string): string {
  const whole = new URL(url);
  whole.searchParams.set("session_token", token);
  return whole.href;
}
