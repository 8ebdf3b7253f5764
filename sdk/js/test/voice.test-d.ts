// An application that talks to agents, and what the compiler must refuse it. Compiled, never run.
import {
  createVoiceSession,
  decodeAudio,
  Microphone,
  MICROPHONE_WORKLET,
  Player,
  Resampler,
  VoiceError,
} from "@ringline/sdk/voice";
import type {
  ClientEvent,
  MicrophoneDevice,
  ServerEvent,
  SessionConfig,
  SessionEnd,
  SessionErrorCode,
  SessionState,
  Turn,
  VoiceSession,
  WebSocketClass,
} from "@ringline/sdk/voice";
import { createServerClient } from "@ringline/sdk/server";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function expect<Expected>(): <Actual>(
  value: Actual,
  ...same: Same<Expected, Actual> extends true ? [] : [{ expected: Expected; actual: Actual }]
) => void;

// -- options --------------------------------------------------------------------------------

const fetched = async () => (await fetch("/ticket", { method: "POST" })).json();
const config: SessionConfig = { voice: "en-us", turn_detection: { type: "none" } };
const session = createVoiceSession({
  baseUrl: "https://voice.example.com",
  ticket: fetched,
  config,
  agentId: "agt_…",
  startTimeoutMs: 5000,
  tools: {
    clock: ({ tz }) => {
      expect<unknown>()(tz);
      return { time: "12:00" };
    },
    book: async ({ people }: { people: number }) => ({ table: people * 2 }),
    nothing: () => {},
  },
});
expect<VoiceSession>()(session);
createVoiceSession({ ticket: "…" });
createVoiceSession({ ticket: { client_secret: "…", ws_url: "wss://voice.example.com/…" } });
createVoiceSession({ ticket: () => "…", webSocket: WebSocket });
createVoiceSession({ ticket: async () => ({ client_secret: "…" }) });
// @ts-expect-error without a ticket nobody talks
createVoiceSession({ baseUrl: "https://voice.example.com" });
// @ts-expect-error no such member
createVoiceSession({ ticket: "…", config: { modell: "local/attendant" } });
// @ts-expect-error a ticket is no number
createVoiceSession({ ticket: async () => 1 });
// @ts-expect-error a tool is a function
createVoiceSession({ ticket: "…", tools: { clock: "12:00" } });

// A backend that talks itself.
const ringline = createServerClient({ baseUrl: "https://voice.example.com", apiKey: "sk_live_…" });
const minted = await ringline.createRealtimeSession({ agentId: "agt_…" });
if (minted.success) createVoiceSession({ ticket: minted.data });

// -- the session ----------------------------------------------------------------------------

expect<SessionState>()(session.state);
expect<readonly Turn[]>()(session.turns);
expect<number>()(session.droppedAudioMs);
const started = await session.start();
expect<string>()(started.session_id);
expect<number>()(started.input_sample_rate);
expect<"pcm16">()(started.audio_format);
expect<readonly string[] | undefined>()(started.warnings);
session.on("session.warning", ({ reason, remaining }) => {
  expect<"max_duration" | "idle_timeout" | "budget_exhausted">()(reason);
  expect<number>()(remaining);
});

const off = session.on("text.delta", (event) => expect<string>()(event.delta));
expect<() => void>()(off);
session.on("audio.delta", ({ audio }) => {
  const pcm: Int16Array = decodeAudio(audio);
  pcm.length;
});
session.on("transcript.committed", (event) => expect<string>()(event.transcript));
session.on("response.completed", (event) => expect<boolean | undefined>()(event.interrupted));
session.on("error", ({ error }) => {
  expect<SessionErrorCode>()(error.code);
  error.code === "rate_limited";
  // @ts-expect-error there is no such code
  error.code === "no_such_code";
});
session.on("tool.call", async (call) => {
  expect<string>()(call.tool_name);
  expect<Record<string, unknown>>()(call.tool_arguments);
  session.answerTool(call.tool_call_id, await fetched());
});
session.on("session.updated", ({ config }) => expect<SessionConfig>()(config));
session.on("event", (event) => {
  expect<string>()(event.type);
  expect<unknown>()(event["delta"]);
});
session.on("sent", (event) => expect<ClientEvent>()(event));
session.on("state", (state) => {
  state === "thinking";
  // @ts-expect-error there is no such state
  state === "asleep";
});
session.on("turn", (turn) => {
  expect<"user" | "agent">()(turn.role);
  expect<string>()(turn.text);
  expect<boolean>()(turn.final);
  expect<number | undefined>()(turn.gapMs);
  // @ts-expect-error turns are told, not changed
  turn.text = "";
});
// @ts-expect-error no such event
session.on("no.such.event", () => {});
// @ts-expect-error it has no delta
session.on("speech.started", (event) => event.delta);
// @ts-expect-error turns are told, not changed
session.turns.push({});

session.sendText("hi");
session.sendText("hi", { respond: false });
expect<boolean>()(session.sendAudio(new Int16Array(480)));
session.sendAudio(new Uint8Array(960));
session.sendImage("data:image/png;base64,…", { detail: "auto", text: "the page" });
session.update({ instructions: "Be brief." });
session.respond();
session.cancel();
session.commit();
session.clear();
session.answerTool("call_1", { time: "12:00" });
session.send({ type: "text.input", text: "hi" });
// @ts-expect-error a text is missing
session.send({ type: "text.input" });
// @ts-expect-error no such event
session.send({ type: "session.end" });
// @ts-expect-error samples are whole numbers
session.sendAudio(new Float32Array(480));
// @ts-expect-error no such member
session.update({ instruction: "Be brief." });

function shown(event: ServerEvent): string {
  switch (event.type) {
    case "text.delta":
      return event.delta;
    case "session.terminating":
      return event.error.message;
    default:
      return event.type;
  }
}
session.on("response.started", shown);

session.close();
const end = await session.ended;
expect<SessionEnd>()(end);
expect<"closed_by_us" | "terminated" | "lost" | "refused">()(end.reason);
if (end.code === "max_duration") end.message.toUpperCase();
// @ts-expect-error this one does not end a session
end.code === "unknown_event";

// -- the microphone and the player ----------------------------------------------------------

expect<MicrophoneDevice[]>()(await Microphone.devices());
const microphone = await Microphone.open({ deviceId: "…", chunkMs: 20, noiseSuppression: false });
expect<() => void>()(microphone.connect(session));
microphone.muted = true;
expect<number>()(microphone.level);
microphone.on("level", (level) => expect<number>()(level));
microphone.on("chunk", (pcm) => session.sendAudio(pcm));
microphone.on("lost", (error) => expect<VoiceError>()(error));
microphone.close();
await Microphone.open({ session });
// @ts-expect-error microphones are opened
new Microphone();
// @ts-expect-error no such option
await Microphone.open({ device: "…" });

const player = new Player({ context: new AudioContext(), bufferMs: 100 });
new Player({ context: new OfflineAudioContext(1, 24_000, 24_000) });
expect<() => void>()(player.attach(session));
player.play(new Int16Array(480), 24_000);
expect<number>()(player.flush());
expect<number>()(player.playedMs);
player.onended = ({ playedMs, flushed }) => {
  expect<number>()(playedMs);
  expect<boolean>()(flushed);
};
player.close();

try {
  await session.start();
} catch (error) {
  if (error instanceof VoiceError) {
    expect<SessionEnd | null>()(error.end);
    error.code === "microphone_denied";
    // @ts-expect-error there is no such code
    error.code === "no_such_code";
  }
}
const converted: Float32Array = new Resampler(48_000, 16_000).convert(new Float32Array(480));
converted.length;
expect<string>()(MICROPHONE_WORKLET);
const plain: WebSocketClass = WebSocket;
plain.prototype;
