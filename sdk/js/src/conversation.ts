// The live events of one thread of messages, over fetch: its stream takes the credential in a
// header, which an EventSource cannot send. It remembers the position of the last event it saw,
// and asks for what came after it whenever it connects again.

import { backoff } from "./backoff.js";
import type { ConversationEvent, ConversationEvents } from "./conversation_events.js";
import type { V1Error, V1ErrorCode } from "./rest.js";
import { type Block, blocksOf } from "./sse.js";
import { Tokens, type TokenSource } from "./tokens.js";
import { configuredOptions, type TransportOptions } from "./transport.js";
import { Listeners, words } from "./listeners.js";

export interface ResumeOptions {
  /** Resume after this position or event id; `"0"`: from the thread's first event. */
  since?: string;
}

export interface FollowOptions extends ResumeOptions {
  /** Where the server is; that of `configure` if absent. */
  baseUrl?: string;
  /**
   * Fetches a new session token from the application's backend, before the first connection and
   * whenever the one that is held has expired or is refused.
   */
  sessionToken: TokenSource;
  /** Used in place of fetch. */
  customFetch?: TransportOptions["customFetch"];
}

/** The events of a thread by their `event_type`, and what happens to the stream. */
export interface FollowedEvents extends ConversationEvents {
  /** Any event, also of a type that this version does not know. */
  event: ConversationEvent;
  /** Connected, for the first time or again. */
  open: { position: string };
  /** What happened since the last event cannot be had any more: read the conversation anew. */
  lost: { position: string };
  /** A connection failed or was lost; it is tried again. */
  error: { message: string; code?: V1ErrorCode };
}

/** Why nothing more comes: `close()` was called, or the server refuses the stream. */
export interface FollowEnd {
  reason: "closed_by_us" | "refused";
  /** Of a refusal, e.g. `NOT_FOUND`. */
  code?: V1ErrorCode;
  message: string;
}

export interface FollowedConversation {
  /** The position of the last event; `since` of a later one resumes there. */
  readonly position: string | undefined;
  readonly ended: Promise<FollowEnd>;
  /** Calls back on an event, and returns what ends that. */
  on<Name extends keyof FollowedEvents>(
    name: Name,
    callback: (payload: FollowedEvents[Name]) => void,
  ): () => void;
  close(): void;
}

/** Where a credential comes from; `refuse` says whether another one may be had. */
interface Credentials {
  headers(): Promise<Record<string, string>>;
  refuse(): boolean;
}

interface Following extends ResumeOptions {
  conversationId: string;
  baseUrl: string;
  credentials: Credentials;
  fetched: NonNullable<TransportOptions["customFetch"]>;
}

const TOKEN_LIMIT_MS = 10_000;
/** The server says something every 30 s; a connection on which it says nothing is dead. */
const SILENCE_MS = 75_000;
/** Refused once more with what another one has been fetched for, it is refused for good. */
const MOST_TOKENS_REFUSED = 2;

/** Follows a thread of messages, until it is closed. */
export function followConversation(
  conversationId: string,
  options: FollowOptions,
): FollowedConversation {
  const { sessionToken, since, customFetch } = options;
  const tokens = new Tokens(sessionToken, TOKEN_LIMIT_MS, "sessionToken");
  let held: string | undefined;
  let refused = 0;
  const credentials: Credentials = {
    async headers() {
      held = await tokens.current();
      return { authorization: `Bearer ${held}` };
    },
    refuse() {
      tokens.refuse(held);
      refused += 1;
      return refused < MOST_TOKENS_REFUSED;
    },
  };
  const configured = configuredOptions();
  const follower = new Follower({
    conversationId,
    baseUrl: options.baseUrl ?? configured.baseUrl ?? "",
    credentials,
    fetched: customFetch ?? configured.customFetch ?? fetch,
    ...(since === undefined ? {} : { since }),
  });
  follower.on("open", () => (refused = 0));
  return follower;
}

/** The same with a secret key, in a backend. */
export function followWithKey(
  conversationId: string,
  transport: TransportOptions,
  options: ResumeOptions,
): FollowedConversation {
  return new Follower({
    conversationId,
    baseUrl: transport.baseUrl ?? "",
    credentials: { headers: async () => transport.headers ?? {}, refuse: () => false },
    fetched: transport.customFetch ?? fetch,
    ...options,
  });
}

class Follower implements FollowedConversation {
  readonly ended: Promise<FollowEnd>;
  readonly #how: Following;
  readonly #listeners = new Listeners<FollowedEvents>();
  readonly #closing = new AbortController();
  #position: string | undefined;
  #tries = 0;

  constructor(how: Following) {
    this.#how = how;
    this.#position = how.since;
    this.ended = this.#run();
  }

  get position(): string | undefined {
    return this.#position;
  }

  on<Name extends keyof FollowedEvents>(
    name: Name,
    callback: (payload: FollowedEvents[Name]) => void,
  ): () => void {
    return this.#listeners.on(name, callback);
  }

  close(): void {
    this.#closing.abort();
  }

  async #run(): Promise<FollowEnd> {
    const closed: FollowEnd = { reason: "closed_by_us", message: "it was closed" };
    while (!this.#closing.signal.aborted) {
      let least = 0;
      try {
        least = await this.#connection();
      } catch (error) {
        if (this.#closing.signal.aborted) break;
        if (error instanceof Refused && !error.again) {
          return { reason: "refused", ...error.told };
        }
        const told = error instanceof Refused ? error.told : { message: words(error) };
        if (error instanceof Refused) least = error.waitMs;
        this.#listeners.emit("error", told);
      }
      this.#tries += 1;
      await pause(Math.max(least, backoff(this.#tries)), this.#closing.signal);
    }
    return closed;
  }

  /** Follows over one connection until it ends; gives how long to wait at least, in ms. */
  async #connection(): Promise<number> {
    const lost = new AbortController();
    const abort = () => lost.abort(new Error("closed"));
    this.#closing.signal.addEventListener("abort", abort);
    let silence: ReturnType<typeof setTimeout> | undefined;
    const hear = () => {
      clearTimeout(silence);
      const late = new Error(`nothing was heard for ${SILENCE_MS} ms`);
      silence = setTimeout(() => lost.abort(late), SILENCE_MS);
    };
    try {
      hear();
      const body = await this.#opened(lost.signal);
      for await (const block of blocksOf(body)) {
        hear();
        if (!this.#take(block)) return 0;
      }
      throw new Error("the connection was lost");
    } finally {
      clearTimeout(silence);
      this.#closing.signal.removeEventListener("abort", abort);
      lost.abort(new Error("done"));
    }
  }

  async #opened(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const { baseUrl, conversationId, credentials, fetched } = this.#how;
    const headers = await credentials.headers();
    const id = encodeURIComponent(conversationId);
    const since = this.#position === undefined ? {} : { "last-event-id": this.#position };
    const url = `${baseUrl.replace(/\/+$/, "")}/v1/conversations/${id}/stream`;
    const answer = await fetched(url, {
      headers: { ...headers, ...since, accept: "text/event-stream" },
      cache: "no-store",
      signal,
    });
    if (answer.ok && answer.body !== null) return answer.body;
    throw await this.#refusal(answer);
  }

  async #refusal(answer: Response): Promise<Refused> {
    const said = (await answer.json().catch(() => ({}))) as Partial<V1Error>;
    const { error_code: code, message = `the server answered ${answer.status}` } = said;
    const waitMs = Number(answer.headers.get("retry-after") ?? 0) * 1000 || 0;
    const again =
      answer.status === 401
        ? this.#how.credentials.refuse()
        : answer.status === 429 || answer.status >= 500;
    return new Refused({ message, ...(code && { code }) }, again, waitMs);
  }

  /** Takes what came; false if the connection has lost something and must begin anew. */
  #take(block: Block): boolean {
    const { id, event, data, comments } = block;
    if (event === "error") throw this.#farewell(data ?? "");
    if (data !== undefined && id === undefined) return false; // it stands behind a gap
    if (id !== undefined) this.#position = id;
    const position = this.#position ?? "";
    if (data !== undefined || comments.includes("hb")) this.#tries = 0;
    if (comments.includes("ok")) this.#listeners.emit("open", { position });
    if (comments.includes("not recovered")) this.#listeners.emit("lost", { position });
    if (data !== undefined) this.#tell(JSON.parse(data) as ConversationEvent);
    return true;
  }

  #tell(event: ConversationEvent): void {
    this.#listeners.emit(event.event_type, event as never);
    this.#listeners.emit("event", event);
  }

  #farewell(data: string): Refused {
    const { error_code: code, message } = JSON.parse(data) as Told;
    const again = code !== "UNAUTHENTICATED" || this.#how.credentials.refuse();
    return new Refused({ code, message }, again, 0);
  }
}

/** What the data of `event: error` is. */
type Told = Pick<V1Error, "error_code" | "message">;

/** The server's no; `again` says whether it may be asked once more, after `waitMs`. */
class Refused extends Error {
  readonly told: { message: string; code?: V1ErrorCode };
  readonly again: boolean;
  readonly waitMs: number;

  constructor(told: Refused["told"], again: boolean, waitMs: number) {
    super(told.message);
    this.told = told;
    this.again = again;
    this.waitMs = waitMs;
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((over) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      over();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
