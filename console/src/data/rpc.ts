// How the console asks the server: the SDK's actions under the person's sign-in, and the few
// routes beside them. What goes wrong becomes one kind of error, with what a page says about it.

import { type Actions, createClient, interpolate, type Result, type RpcError } from "@ringline/sdk";
import { CONSOLE } from "../base";
import { clock } from "./time";

export type Environment = "live" | "test";

/** A request that was refused, or got no answer. */
export class ApiError extends Error {
  /** E.g. `forbidden`; `network_error` where there was no answer. */
  readonly type: string;
  /** 200 of an action that was refused in an answer; 0 without an answer. */
  readonly status: number;
  readonly requestId: string | null;
  /** After how many milliseconds it may be tried again, if the answer says so. */
  readonly retryAfterMs: number | null;

  constructor(errors: readonly RpcError[], answer: Response | undefined) {
    const [first] = errors;
    super(first ? interpolate(first) : withoutWords(answer));
    this.name = "ApiError";
    this.type = first?.type ?? "network_error";
    this.status = answer?.status ?? 0;
    this.requestId = answer?.headers.get("x-request-id") ?? null;
    const seconds = Number(answer?.headers.get("retry-after") ?? Number.NaN);
    this.retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : null;
  }
}

function withoutWords(answer: Response | undefined): string {
  return answer ? `The server answered ${answer.status}.` : "The server did not answer.";
}

/** The routes that act for a sign-in take nothing that another site could have sent. */
const HEADERS = { "x-ringline-console": "1" };

type Observer = (answer: Response) => void;
const observers = new Set<Observer>();

/** Look at every answer, e.g. for its status or its build; return what ends that. */
export function observe(observer: Observer): () => void {
  observers.add(observer);
  return () => observers.delete(observer);
}

/** Send a request of the console, and take the server's time from its answer. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const sentAt = Date.now();
  const headers = { ...Object.fromEntries(new Headers(init.headers)), ...HEADERS };
  const answer = await fetch(path, { ...init, headers, credentials: "same-origin" });
  const date = Date.parse(answer.headers.get("date") ?? "");
  clock.correct({ date, sentAt, cameAt: Date.now() });
  for (const observer of observers) observer(answer);
  return answer;
}

/** Ask for nothing but an answer: the server's time and build are in it. False if it is away. */
export function greet(): Promise<boolean> {
  return send(`${CONSOLE}/api/hello`).then(
    ({ status }) => status < 500,
    () => false,
  );
}

/** Run an action of the environment; give its data, or throw an `ApiError`. */
export async function run<Data>(
  environment: Environment,
  ask: (actions: Actions) => Promise<Result<Data>>,
  { signal, key }: { signal?: AbortSignal; key?: string } = {},
): Promise<Data> {
  let answer: Response | undefined;
  const actions = createClient({
    baseUrl: `${CONSOLE}/api/${environment}`,
    headers: key === undefined ? {} : { "idempotency-key": key },
    fetchOptions: signal === undefined ? {} : { signal },
    customFetch: async (path, init) => {
      answer = await send(path, init);
      return answer;
    },
  });
  const result = await ask(actions);
  if (result.success) return result.data;
  throw new ApiError(result.errors, answer);
}

/** Give an order to a call once, however often its request is sent. */
export function order<Data>(
  environment: Environment,
  ask: (actions: Actions) => Promise<Result<Data>>,
): Promise<Data> {
  return run(environment, ask, { key: crypto.randomUUID() });
}
