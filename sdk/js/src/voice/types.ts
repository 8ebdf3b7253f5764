import type { ClientEvent, ServerEvents, SessionConfig, SessionEndCode } from "../realtime.js";
import type { WebSocketClass } from "../websocket.js";
import type { TicketSource } from "./ticket.js";
import type { ToolFunction } from "./tools.js";

export interface VoiceSessionOptions {
  /** A ticket opens one session, once: best is a function that fetches one from your backend. */
  ticket: TicketSource;
  /** Where the server is; the page's own origin if absent. */
  baseUrl?: string;
  /** What the ticket leaves open. Both transcripts are on if this does not say otherwise. */
  config?: SessionConfig;
  /** The agent that speaks, if the ticket names none. */
  agentId?: string;
  /** The functions behind the tools that the ticket, the agent or `config` declares. */
  tools?: { readonly [name: string]: ToolFunction };
  /** A WebSocket class, where there is no global one. */
  webSocket?: WebSocketClass;
  /** How long ticket, connection and start may take together, in ms: 20,000 if absent. */
  startTimeoutMs?: number;
}

/** What a session is doing. */
export type SessionState =
  | "idle"
  | "starting"
  /** Neither side speaks. */
  | "listening"
  /** The user speaks. */
  | "hearing"
  /** The agent is about to answer. */
  | "thinking"
  /** The agent speaks. */
  | "speaking"
  | "ended";

/** The event that opened a session, with its ids, rates and warnings. */
export type SessionStarted = ServerEvents["session.started"];

/** Why a session ended. */
export interface SessionEnd {
  /**
   * - `closed_by_us`: by `close()`
   * - `terminated`: by the server, which gave the `code`
   * - `lost`: the connection broke
   * - `refused`: it never started; there was no ticket, or a bad one, or no server
   */
  readonly reason: "closed_by_us" | "terminated" | "lost" | "refused";
  /** The server's code, if it gave one. */
  readonly code: SessionEndCode | null;
  /** A sentence for people. */
  readonly message: string;
  /** The WebSocket's close code, if there was one. */
  readonly closeCode: number | null;
}

/** How long an answer took to begin, in ms; the two shares add up to the whole. */
export interface Latency {
  readonly totalMs: number;
  /** From when the voice had the last of the user's speech to its first sound. */
  readonly voiceMs: number;
  /** What the server added. */
  readonly gatewayMs: number;
}

/** What one side said. A turn that changes is a new object with the same `id`. */
export interface Turn {
  readonly id: number;
  readonly role: "user" | "agent";
  readonly text: string;
  /** Whether the text is whole. */
  readonly final: boolean;
  readonly interrupted: boolean;
  /** When it began, in ms since 1970 by this machine's clock; turns are in this order. */
  readonly at: number;
  /** Of an answer to speech: from `speech.stopped` to the first sound of the answer. */
  readonly gapMs?: number;
  /** Of a final answer to speech: how long it took to begin, by the server's clock. */
  readonly latency?: Latency;
  /** Of an interrupted turn: the beginning of `text` that was heard, if the server knows. */
  readonly spokenText?: string;
  /** False if the speech could not be recognised; `text` is empty then. */
  readonly recognized?: boolean;
}

/** Every event of the server by its `type`, and what the session itself tells. */
export interface VoiceSessionEvents extends ServerEvents {
  /** Any event of the server, of an unknown type too. */
  event: { readonly type: string; readonly [member: string]: unknown };
  /** An event that was sent. */
  sent: ClientEvent;
  state: SessionState;
  /** A turn that is new or has changed. */
  turn: Turn;
  end: SessionEnd;
}
