// A session: one ticket, one socket, one conversation. What it is doing follows from a table.

import type { ClientEvent, ServerEvents, SessionConfig } from "../realtime.js";
import type { WebSocketClass } from "../websocket.js";
import { VoiceError } from "./errors.js";
import { guarded, Listeners, words } from "../listeners.js";
import { Outbox } from "./outbox.js";
import { socketUrl, ticketOf } from "./ticket.js";
import { runTool, type ToolCall } from "./tools.js";
import { Transcript } from "./transcript.js";
import type {
  SessionEnd,
  SessionStarted,
  SessionState,
  Turn,
  VoiceSessionEvents,
  VoiceSessionOptions,
} from "./types.js";

/** The state after an event, by the state before it; what is missing changes nothing. */
const NEXT: { readonly [event: string]: { readonly [State in SessionState]?: SessionState } } = {
  "session.started": { starting: "listening" },
  "speech.started": { listening: "hearing", thinking: "hearing", speaking: "hearing" },
  "speech.stopped": { hearing: "thinking" },
  "response.create": { listening: "thinking" },
  "response.started": { listening: "thinking" },
  "text.delta": { listening: "speaking", thinking: "speaking" },
  "audio.delta": { listening: "speaking", thinking: "speaking" },
  "tool.call": { listening: "thinking", speaking: "thinking" },
  "response.completed": { thinking: "listening", speaking: "listening" },
};
/** The session's own names, which no event of the server may take. */
const OWN: ReadonlySet<string> = new Set(["event", "sent", "state", "turn", "end"]);
const START_TIMEOUT_MS = 20_000;
/** How long the socket may take to close after an error, or after the server's last event. */
const CLOSE_AFTER_ERROR_MS = 100;
const CLOSE_AFTER_LAST_MS = 2000;
const NORMAL_CLOSE = 1000;

type AnyServerEvent = ServerEvents[keyof ServerEvents];
type Unchecked = VoiceSessionEvents["event"];
type Ending = Omit<SessionEnd, "code"> & { readonly code?: SessionEnd["code"] };

/** Prepares a session, which `start()` opens. */
export function createVoiceSession(options: VoiceSessionOptions): VoiceSession {
  return new VoiceSession(options);
}

export class VoiceSession {
  /** Resolves with the reason when the session has ended; never rejects. */
  readonly ended: Promise<SessionEnd>;
  readonly #options: VoiceSessionOptions;
  readonly #webSocket: WebSocketClass;
  readonly #listeners = new Listeners<VoiceSessionEvents>();
  readonly #transcript = new Transcript((turn) => this.#listeners.emit("turn", turn));
  /** Calls whose results are missing. */
  readonly #calls = new Set<string>();
  #state: SessionState = "idle";
  #starting: Promise<SessionStarted> | undefined;
  #started: SessionStarted | undefined;
  #terminating: ServerEvents["session.terminating"]["error"] | undefined;
  #socket: InstanceType<WebSocketClass> | undefined;
  #outbox: Outbox | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;
  #trouble = "";
  #resolveStarted!: (started: SessionStarted) => void;
  #resolveEnded!: (end: SessionEnd) => void;

  constructor(options: VoiceSessionOptions) {
    const webSocket = options.webSocket ?? globalThis.WebSocket;
    if (!webSocket) {
      throw new Error(
        "this runtime has no WebSocket: pass one as webSocket, e.g. that of the package ws",
      );
    }
    this.#webSocket = webSocket;
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
  }

  get state(): SessionState {
    return this.#state;
  }

  /** What both sides have said, in order. Each change makes a new list. */
  get turns(): readonly Turn[] {
    return this.#transcript.turns;
  }

  /** What the server told at the start; null before it. */
  get started(): SessionStarted | null {
    return this.#started ?? null;
  }

  /** The rate of `sendAudio`, in Hz; 0 before the start. */
  get inputSampleRate(): number {
    return this.#started?.input_sample_rate ?? 0;
  }

  /** The rate of `audio.delta`, in Hz; 0 before the start. */
  get outputSampleRate(): number {
    return this.#started?.output_sample_rate ?? 0;
  }

  /** How much audio was dropped because the network was too slow for it. */
  get droppedAudioMs(): number {
    return this.#outbox?.droppedMs ?? 0;
  }

  /** Calls back on an event, and returns what ends that. A callback may throw: it is logged. */
  on<Name extends keyof VoiceSessionEvents>(
    name: Name,
    callback: (payload: VoiceSessionEvents[Name]) => void,
  ): () => void {
    return this.#listeners.on(name, callback);
  }

  /** Opens the session. If it does not start, rejects with a `VoiceError` whose `end` says why. */
  start(): Promise<SessionStarted> {
    return (this.#starting ??= this.#start());
  }

  /** Sends any event of the protocol. Throws unless the session is running. */
  send(event: ClientEvent): void {
    if (!this.#isRunning()) {
      throw new VoiceError("not_running", "the session is not running: await start() first");
    }
    this.#outbox?.flush();
    this.#write(event);
    this.#enter(NEXT[event.type]?.[this.#state]);
  }

  /** Sends what the user typed and asks for an answer, unless `respond` is false. */
  sendText(text: string, options: { respond?: boolean } = {}): void {
    this.send({ type: "text.input", text });
    this.#transcript.typed(text);
    if (options.respond ?? true) this.respond();
  }

  /**
   * Sends what the user says: PCM16, mono, little-endian, at `inputSampleRate`, as fast as it is
   * spoken. Returns false, having sent nothing, unless the session is running.
   */
  sendAudio(pcm: Int16Array | Uint8Array): boolean {
    if (!this.#isRunning()) return false;
    this.#outbox?.push(pcm);
    return true;
  }

  /** Sends an image, as a `data:image/…` URI. The agent answers it on `respond()`. */
  sendImage(url: string, options: { detail?: string; text?: string } = {}): void {
    const { detail = null, text = null } = options;
    this.send({ type: "image.input", image_url: url, image_detail: detail, text });
  }

  /** Changes these members of the config; `session.updated` confirms it. */
  update(config: SessionConfig): void {
    this.send({ type: "session.update", config });
  }

  /** Asks for an answer now. */
  respond(): void {
    this.send({ type: "response.create" });
  }

  /** Stops the answer. */
  cancel(): void {
    this.send({ type: "response.cancel" });
  }

  /** Ends the user's turn; with the turn detection `none`, the agent answers it. */
  commit(): void {
    this.send({ type: "audio.commit" });
  }

  /** Discards the audio of the user's turn. */
  clear(): void {
    this.#outbox?.clear();
    this.send({ type: "audio.clear" });
    this.#transcript.cleared();
  }

  /** Answers a `tool.call` for which `tools` has no function. */
  answerTool(toolCallId: string, result: unknown): void {
    const isJson = !["undefined", "function", "symbol"].includes(typeof result);
    const tool_result = isJson ? result : null;
    this.send({ type: "tool.result", tool_call_id: toolCallId, tool_result });
    this.#calls.delete(toolCallId);
  }

  /** Ends the session. */
  close(): void {
    const message = "the session was closed";
    this.#end({ reason: "closed_by_us", message, closeCode: NORMAL_CLOSE });
  }

  // -- opening and ending ----------------------------------------------------------------------

  #start(): Promise<SessionStarted> {
    const started = new Promise<SessionStarted>((resolve) => (this.#resolveStarted = resolve));
    const failed = this.ended.then((end): never => {
      throw new VoiceError("not_started", end.message, end);
    });
    if (this.#state === "idle") {
      this.#enter("starting");
      const limitMs = this.#options.startTimeoutMs ?? START_TIMEOUT_MS;
      this.#limit = setTimeout(
        () => this.#refused(`the session did not start within ${limitMs} ms`),
        limitMs,
      );
      this.#dial().catch((error: unknown) => this.#refused(words(error)));
    }
    return Promise.race([started, failed]);
  }

  async #dial(): Promise<void> {
    const { ticket, baseUrl, config, agentId } = this.#options;
    const { client_secret, ws_url } = await ticketOf(ticket);
    if (this.#state === "ended") return;
    const url = socketUrl(baseUrl, ws_url);
    const socket = new this.#webSocket(url, [`opper-ticket.${client_secret}`]);
    this.#socket = socket;
    socket.onopen = () => {
      const captions = { input_transcription: true, output_transcription: true };
      const agent = agentId === undefined ? {} : { agent_id: agentId };
      this.#write({ type: "session.start", config: { ...captions, ...config }, ...agent });
    };
    socket.onmessage = (message: { data: unknown }) => this.#take(message.data);
    socket.onclose = (event: { code: number }) => this.#closed(event.code);
    // Node 22 reports the error of a refused upgrade and leaves the close out.
    socket.onerror = (event: { message?: unknown }) => {
      if (typeof event.message === "string") this.#trouble = event.message;
      this.#expectClose(CLOSE_AFTER_ERROR_MS);
    };
  }

  #expectClose(withinMs: number): void {
    clearTimeout(this.#limit);
    this.#limit = setTimeout(() => this.#closed(null), withinMs);
  }

  #closed(closeCode: number | null): void {
    if (this.#terminating) {
      this.#end({ reason: "terminated", ...this.#terminating, closeCode });
    } else if (this.#started) {
      this.#end({ reason: "lost", message: "the connection was lost", closeCode });
    } else {
      const why = this.#trouble || "the ticket is used or expired, or the server cannot be reached";
      this.#refused(`the session could not be opened: ${why}`, closeCode);
    }
  }

  #refused(message: string, closeCode: number | null = null): void {
    this.#end({ reason: "refused", message, closeCode });
  }

  #end({ code = null, reason, message, closeCode }: Ending): void {
    if (this.#state === "ended") return;
    clearTimeout(this.#limit);
    this.#outbox?.clear();
    this.#letGo();
    this.#transcript.answerCompleted(true);
    this.#enter("ended");
    const end: SessionEnd = { reason, code, message, closeCode };
    this.#resolveEnded(end);
    this.#listeners.emit("end", end);
  }

  // A listener stays for errors: without one, `ws` would throw them at the whole process.
  #letGo(): void {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    guarded("closing the socket", () => socket.close(NORMAL_CLOSE));
  }

  #isRunning(): boolean {
    return this.#started !== undefined && this.#state !== "ended";
  }

  #enter(state: SessionState | undefined): void {
    if (state === undefined || state === this.#state || this.#state === "ended") return;
    this.#state = state;
    this.#listeners.emit("state", state);
  }

  // -- sending and receiving -------------------------------------------------------------------

  #write(event: ClientEvent): void {
    this.#socket?.send(JSON.stringify(event) as never);
    this.#listeners.emit("sent", event);
  }

  #take(data: unknown): void {
    const event = eventOf(data);
    if (!event || this.#state === "ended") return;
    const name = event.type as keyof ServerEvents;
    // What the server got wrong must not break the session.
    guarded(`the event "${name}"`, () => this.#apply(event as unknown as AnyServerEvent));
    const next = NEXT[name]?.[this.#state];
    const waits = name === "response.completed" && this.#calls.size > 0;
    this.#enter(next && waits ? "thinking" : next);
    this.#listeners.emit("event", event);
    if (!OWN.has(name)) this.#listeners.emit(name, event as never);
  }

  #apply(event: AnyServerEvent): void {
    switch (event.type) {
      case "session.started":
        return this.#begin(event);
      case "session.terminating":
        this.#terminating = event.error;
        return this.#expectClose(CLOSE_AFTER_LAST_MS);
      case "speech.started":
        this.#calls.clear();
        return this.#transcript.speechStarted();
      case "speech.stopped":
        return this.#transcript.speechStopped();
      case "transcript.committed":
        return this.#transcript.heard(event.transcript, event.recognized ?? true);
      case "response.started":
        return this.#transcript.answerStarted();
      case "audio.delta":
        return this.#transcript.answerSounded();
      case "text.delta":
        return this.#transcript.answered(event.delta);
      case "response.completed": {
        const { interrupted = false, spoken_text, latency } = event;
        const took = latency && {
          totalMs: latency.total_ms,
          voiceMs: latency.voice_ms,
          gatewayMs: latency.gateway_ms,
        };
        return this.#transcript.answerCompleted(interrupted, spoken_text, took);
      }
      case "tool.call":
        return this.#run(event);
    }
  }

  #begin(started: SessionStarted): void {
    clearTimeout(this.#limit);
    this.#started = started;
    this.#outbox = new Outbox(
      started.input_sample_rate,
      () => this.#socket?.bufferedAmount ?? 0,
      (audio) => this.#write({ type: "audio.append", audio }),
    );
    this.#resolveStarted(started);
  }

  #run(call: ToolCall): void {
    const id = call.tool_call_id;
    this.#calls.add(id);
    runTool(this.#options.tools ?? {}, call, (result) => {
      if (this.#isRunning()) this.answerTool(id, result);
    });
  }
}

function eventOf(data: unknown): Unchecked | undefined {
  try {
    const event: unknown = JSON.parse(String(data));
    const isObject = typeof event === "object" && event !== null;
    if (isObject && "type" in event && typeof event.type === "string") return event as Unchecked;
  } catch {
    // It is not JSON, so it is no event.
  }
  return undefined;
}
