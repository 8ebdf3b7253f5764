// How a request travels: over fetch, to a base URL, with headers; and what an answer becomes
// that is none.

import { Tokens, type TokenSource } from "./tokens.js";
import type { Failure, RpcError } from "./types.js";

/** What every function takes besides its own members; those of a call win over the defaults. */
export interface TransportOptions {
  /** Where the server is, e.g. `https://voice.example.com`; without it, the page's own origin. */
  baseUrl?: string;
  /** E.g. `{ "x-api-key": … }` in a backend. */
  headers?: Record<string, string>;
  /**
   * Fetches a new operator's token from the application's backend, before the first call, when
   * the one that is held has expired, and when it is refused.
   */
  operatorToken?: TokenSource;
  /** Handed to fetch, e.g. `{ signal }`. */
  fetchOptions?: RequestInit;
  /** Used in place of fetch. */
  customFetch?: (input: string, init: RequestInit) => Promise<Response>;
}

/** What a call gives that was answered with no envelope, or not at all. */
export interface NetworkFailure {
  success: false;
  errors: RpcError<"network_error">[];
}

let configured: TransportOptions = {};

/** Sets the options that the functions of this module's exports start from. */
export function configure(options: TransportOptions): void {
  configured = { ...options };
}

export function configuredOptions(): TransportOptions {
  return configured;
}

export function merged(defaults: TransportOptions, own: TransportOptions): TransportOptions {
  return {
    ...defaults,
    ...defined(own),
    headers: { ...lowered(defaults.headers), ...lowered(own.headers) },
    fetchOptions: { ...defaults.fetchOptions, ...own.fetchOptions },
  };
}

/** The tokens of each source, which are shared by all calls that are given it. */
const tokensOf = new WeakMap<TokenSource, Tokens>();
const TOKEN_LIMIT_MS = 10_000;

/**
 * Posts a body as JSON. Gives the answer's JSON if its status is 2xx or if it is an envelope,
 * else a failure: the refusal in its words, or one `network_error`. Rejects only if the caller's
 * own signal aborts it.
 */
export async function post(
  path: string,
  body: unknown,
  options: TransportOptions,
): Promise<{ ok: boolean; json: unknown } | Failure> {
  const source = options.operatorToken;
  if (source === undefined) return judged(await sent(path, body, options));
  const tokens = tokensOf.get(source) ?? new Tokens(source, TOKEN_LIMIT_MS, "operatorToken");
  tokensOf.set(source, tokens);
  const first = await sentWith(tokens, path, body, options);
  // Nothing was done for it, so it may be asked once more with another token.
  const again = first.status === 401 ? await sentWith(tokens, path, body, options) : first;
  return judged(again);
}

/** What came back: status 0 and the reason as its text if nothing did. */
interface Answer {
  status: number;
  statusText: string;
  text: string;
}

async function sentWith(
  tokens: Tokens,
  path: string,
  body: unknown,
  options: TransportOptions,
): Promise<Answer> {
  let token: string;
  try {
    token = await tokens.current();
  } catch (error) {
    return { status: 0, statusText: (error as Error).message, text: "" };
  }
  const headers = { ...lowered(options.headers), authorization: `Bearer ${token}` };
  const answer = await sent(path, body, { ...options, headers });
  if (answer.status === 401) tokens.refuse(token);
  return answer;
}

async function sent(path: string, body: unknown, options: TransportOptions): Promise<Answer> {
  const { fetchOptions = {}, customFetch } = options;
  const init: RequestInit = {
    ...fetchOptions,
    method: "POST",
    headers: {
      ...lowered(Object.fromEntries(new Headers(fetchOptions.headers))),
      "content-type": "application/json",
      ...lowered(options.headers),
    },
  };
  if (body !== undefined) init.body = JSON.stringify(body);
  const url = `${(options.baseUrl ?? "").replace(/\/+$/, "")}${path}`;
  try {
    const answer = await (customFetch ?? fetch)(url, init);
    const { status, statusText } = answer;
    return { status, statusText, text: await answer.text() };
  } catch (error) {
    if (fetchOptions.signal?.aborted) throw error;
    return { status: 0, statusText: "no answer", text: "" };
  }
}

function judged({ status, statusText, text }: Answer): { ok: boolean; json: unknown } | Failure {
  const ok = status >= 200 && status < 300;
  const json = parsed(text);
  if (json !== undefined && (ok || isEnvelope(json))) return { ok, json };
  return refusal(json) ?? networkFailure(status, statusText);
}

/** Makes an envelope of the refusal of a realtime mint, `{"error": {"code", "message"}}`. */
function refusal(json: unknown): Failure | undefined {
  if (!isRefusal(json)) return undefined;
  const { code, message, details } = json.error;
  const words = code.replaceAll("_", " ");
  const error: RpcError = {
    type: code,
    message,
    shortMessage: words.charAt(0).toUpperCase() + words.slice(1),
    vars: {},
    fields: [],
    path: [],
    ...(details === undefined ? {} : { details }),
  };
  return { success: false, errors: [error] };
}

interface Refusal {
  error: { code: string; message: string; details?: Record<string, unknown> };
}

function isRefusal(json: unknown): json is Refusal {
  const error = (json as Partial<Refusal> | null | undefined)?.error;
  return typeof error?.code === "string" && typeof error.message === "string";
}

export function networkFailure(statusCode: number, statusText: string): NetworkFailure {
  const error: RpcError<"network_error"> = {
    type: "network_error",
    message: "the request failed: %{statusCode} %{statusText}",
    shortMessage: "Network error",
    vars: { statusCode, statusText },
    fields: [],
    path: [],
    details: { statusCode },
  };
  return { success: false, errors: [error] };
}

export function isEnvelope(json: unknown): json is { success: boolean } {
  if (typeof json !== "object" || json === null || !("success" in json)) return false;
  return json.success === true || ("errors" in json && Array.isArray(json.errors));
}

export function isFailure(sent: object): sent is Failure {
  return "success" in sent;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function lowered(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

function defined<T extends object>(options: T): Partial<T> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<T>;
}
