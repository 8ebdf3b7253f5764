// The live events of a workspace, on the phoenix client. A channel remembers the position of
// the last event it saw and asks for what came after it whenever it joins again.

import { Socket } from "phoenix";
import { backoff } from "./backoff.js";
import { CLOSE_POLICIES, type ClosePolicy } from "./close_policy.js";
import type { Events } from "./generated.js";
import type { LogEvent, LogEvents } from "./log_events.js";
import { Tokens, type TokenSource } from "./tokens.js";
import { configuredOptions } from "./transport.js";
import { dialer, type WebSocketClass } from "./websocket.js";

/** Options of the phoenix client. */
export interface SocketOptions {
  /** More parameters of the connection, or a function that is asked for them at each connect. */
  params?: object | (() => object);
  /** A WebSocket class, where there is no global one. */
  transport?: WebSocketClass;
  /** The SDK has no long polling. */
  longPollFallbackMs?: never;
  /** How long a mint, a connection and a reply may take each, in ms: 10,000 if absent. */
  timeout?: number;
  heartbeatIntervalMs?: number;
  reconnectAfterMs?: (tries: number) => number;
  rejoinAfterMs?: (tries: number) => number;
  [option: string]: unknown;
}

export interface EventsSocket {
  connect(): void;
  disconnect(callback?: () => void, code?: number, reason?: string): void;
  isConnected(): boolean;
  onOpen(callback: () => void): string;
  onClose(callback: (event: unknown) => void): string;
  /** An error's message says why; browsers give none for a connection that failed. */
  onError(callback: (error: { message?: string }) => void): string;
}

/** The reply to a join: pushes follow from `position` on. */
export interface Joined {
  position: string;
  /** Whether everything after the given position follows; absent if none was given. */
  recovered?: boolean;
}

export interface JoinOptions {
  /** Resume after this position or event id; without it, only what is new comes. */
  since?: string;
  /** Called after every join, the later ones of a lost connection too. */
  onJoined?: (reply: Joined) => void;
  /** Called if a join is refused. */
  onRefused?: (reply: Record<string, unknown>) => void;
}

export interface LogOptions extends JoinOptions {
  /** Called with every event, in order. */
  onEvent?: (event: LogEvent) => void;
}

/** A channel whose events have these names and payloads. */
export interface ChannelOf<Payloads> {
  on<Name extends keyof Payloads>(event: Name, callback: (payload: Payloads[Name]) => void): number;
  off(event: keyof Payloads, ref?: number): void;
  onError(callback: (reason: unknown) => void): number;
  onClose(callback: () => void): number;
  leave(timeout?: number): {
    receive(status: string, callback: (response: Record<string, unknown>) => void): unknown;
  };
}

export type EventsChannel = ChannelOf<Events>;
export type LogChannel = ChannelOf<LogEvents>;

export interface InitOptions {
  /** Where the server is; that of `configure` if absent. */
  baseUrl?: string;
  /**
   * Fetches a new session token from the application's backend. It is asked before the first
   * connection, before a token expires, and after a connection that could not be opened.
   */
  sessionToken?: TokenSource;
  socketOptions?: SocketOptions;
}

const TIMEOUT_MS = 10_000;
const policies = CLOSE_POLICIES.events_socket;

let current: Socket | undefined;

/** Connects to the events of the workspace that the session token is of, and stays connected. */
export function initSocket(options: InitOptions): EventsSocket {
  const { sessionToken, socketOptions = {} } = options;
  const limitMs = socketOptions.timeout ?? TIMEOUT_MS;
  const tokens = tokensOf(sessionToken, socketOptions, limitMs);
  const plain = webSocketClass(socketOptions);
  const endpoint = endpointOf(options.baseUrl ?? configuredOptions().baseUrl ?? "");
  let closed = 0;
  const wait = socketOptions.reconnectAfterMs ?? backoff;
  current?.disconnect();
  const socket = new Socket(endpoint, {
    ...socketOptions,
    reconnectAfterMs: (tries: number) => Math.max(wait(tries), pause(policies[closed])),
    transport: dialer({ plain, tokens, limitMs, ended: (code) => (closed = code) }),
  });
  socket.onClose(() => {
    if (policies[closed]?.action !== "give_up") return;
    socket.disconnect();
    console.warn(`@ringline/sdk: closed with ${closed}, ${policies[closed]?.why}; not connecting again`);
  });
  socket.connect();
  current = socket;
  return socket;
}

// Drawn, as the backoff is.
function pause(policy: ClosePolicy | undefined): number {
  return (policy?.pauseMs ?? 0) * (1 + Math.random() / 2);
}

function endpointOf(baseUrl: string): string {
  const endpoint = `${baseUrl.replace(/\/+$/, "").replace(/^http/i, "ws")}/socket`;
  const onPage = endpoint.startsWith("/") && "location" in globalThis;
  if (onPage || /^wss?:\/\//i.test(endpoint)) return endpoint;
  throw new Error(
    `initSocket needs a baseUrl like "https://voice.example.com"; it is "${baseUrl}"`,
  );
}

function tokensOf(
  source: TokenSource | undefined,
  options: SocketOptions,
  limitMs: number,
): Tokens | undefined {
  if (typeof source === "function") return new Tokens(source, limitMs, "sessionToken");
  if (source === undefined && (options.params || options["authToken"])) return undefined;
  throw new Error(
    "initSocket needs sessionToken, a function that fetches a new session token from your backend",
  );
}

// By itself phoenix would turn to long polling, which takes no class of ours below it: nothing
// would fetch tokens, and there are no close codes.
function webSocketClass(options: SocketOptions): WebSocketClass {
  const { transport } = options;
  if (options.longPollFallbackMs || (transport && "poll" in Object(transport.prototype))) {
    throw new Error(
      "the SDK has no long polling: leave longPollFallbackMs out, and transport or make it a WebSocket",
    );
  }
  const found = transport ?? globalThis.WebSocket;
  if (found) return found;
  throw new Error(
    "this runtime has no WebSocket: pass one as socketOptions.transport, e.g. that of the package ws",
  );
}

/** Joins the channel of a workspace's events, on the socket that `initSocket` connected. */
export function joinEventsChannel(options: JoinOptions = {}): EventsChannel {
  return join("joinEventsChannel", "events", options);
}

/**
 * Joins the channel of one call, which closes behind its `call_ended`. The call is named by its
 * `callUuid`, or by its id. One that is unknown, or has ended with nothing left to send, is
 * refused with the reason `not_found`.
 */
export function joinCallChannel(call: string, options: JoinOptions = {}): EventsChannel {
  if (!call) throw new Error("joinCallChannel needs a call's callUuid or its id");
  return join("joinCallChannel", `call:${call}`, options);
}

/**
 * Joins the channel of the whole log, for a person who has signed in to the console: every event
 * under its canonical type, as `listEvents` shows it, and the parts of turns while they are
 * spoken. Any other session token is refused with the reason `unauthorized`.
 */
export function joinLogChannel(options: LogOptions = {}): LogChannel {
  const { onEvent } = options;
  return join("joinLogChannel", "log", options, (payload) => {
    if (isLogEvent(payload)) onEvent?.(payload);
  });
}

// Nothing will change them: without this, phoenix would ask for ever.
const FINAL = new Set<unknown>(["not_found", "unauthorized"]);

function join<Payloads>(
  caller: string,
  topic: string,
  options: JoinOptions,
  seen: (payload: unknown) => void = () => {},
): ChannelOf<Payloads> {
  if (!current) throw new Error(`${caller} needs a socket: call initSocket first`);
  let position = options.since;
  const channel = current.channel(topic, () => (position ? { since: position } : {}));
  channel.onMessage = (_event, payload) => {
    if (hasPosition(payload)) position = payload.position;
    seen(payload);
    return payload;
  };
  channel
    .join()
    .receive("ok", (response) => {
      const reply = response as unknown as Joined;
      position = reply.position;
      options.onJoined?.(reply);
    })
    .receive("error", (response) => {
      if (FINAL.has(response["reason"])) channel.leave();
      options.onRefused?.(response);
    });
  return channel as ChannelOf<Payloads>;
}

// What the protocol itself sends has no canonical type.
function isLogEvent(payload: unknown): payload is LogEvent {
  return typeof payload === "object" && payload !== null && "type" in payload && "data" in payload;
}

function hasPosition(payload: unknown): payload is { position: string } {
  return (
    typeof payload === "object" &&
    payload !== null &&
    "position" in payload &&
    typeof payload.position === "string"
  );
}
