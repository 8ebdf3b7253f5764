// The session of the voice part on a socket that does as it is told: what it sends, what it
// makes of events, and that nothing an application or a server does breaks it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { createVoiceSession, decodeAudio, VoiceError } from "../../../sdk/js/dist/voice.js";

const STARTED = {
  type: "session.started",
  session_id: "sess_1",
  input_sample_rate: 16_000,
  output_sample_rate: 24_000,
  audio_format: "pcm16",
  call_id: "call_1",
  call_uuid: "one",
};

/** A WebSocket whose server is the test. */
class Line {
  static last;
  bufferedAmount = 0;
  sent = [];
  closedWith;

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    Line.last = this;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
  }

  tell(...events) {
    for (const event of events) this.onmessage?.({ data: JSON.stringify(event) });
  }

  /** The types of what was sent, without the start. */
  types() {
    return this.sent.slice(1).map((event) => event.type);
  }
}

function prepared(options = {}) {
  const baseUrl = "https://voice.example.com/";
  return createVoiceSession({ baseUrl, ticket: "secret", webSocket: Line, ...options });
}

async function opened(options = {}) {
  const session = prepared(options);
  const starting = session.start();
  await after(0); // the ticket
  const line = Line.last;
  line.onopen();
  line.tell(STARTED);
  await starting;
  return { session, line };
}

/** Collects what is logged while a test runs. */
function logged(context) {
  const lines = [];
  context.mock.method(console, "error", (...words) => lines.push(words.map(String).join(" ")));
  return lines;
}

const TEXT = (delta) => ({ type: "text.delta", delta });
const SOUND = { type: "audio.delta", audio: "AQD+/w==" };
const SAID = (transcript) => ({ type: "transcript.committed", transcript });
const COMPLETED = { type: "response.completed" };
const [SPEAKS, SPOKE, ANSWERS] = ["speech.started", "speech.stopped", "response.started"].map(
  (type) => ({ type }),
);

// -- opening --------------------------------------------------------------------------------

test("the ticket goes into the subprotocol, and both transcripts are on", async () => {
  const { session, line } = await opened({ config: { voice: "a" }, agentId: "agt_1" });
  assert.equal(line.url, "wss://voice.example.com/v3/realtime");
  assert.deepEqual(line.protocols, ["opper-ticket.secret"]);
  const config = { input_transcription: true, output_transcription: true, voice: "a" };
  assert.deepEqual(line.sent, [{ type: "session.start", config, agent_id: "agt_1" }]);
  assert.equal(session.started.call_id, "call_1");
  assert.equal(session.inputSampleRate, 16_000);
  assert.equal(session.outputSampleRate, 24_000);
});

test("the config may switch a transcript off", async () => {
  const { line } = await opened({ config: { output_transcription: false } });
  assert.deepEqual(line.sent[0].config, { input_transcription: true, output_transcription: false });
  assert.equal("agent_id" in line.sent[0], false);
});

for (const [what, options, url] of [
  ["a path", { baseUrl: "http://localhost:8080/voice" }, "ws://localhost:8080/voice/v3/realtime"],
  [
    "the ticket's own URL, without the ticket",
    {
      baseUrl: undefined,
      ticket: async () => ({ client_secret: "s", ws_url: "wss://a.example/v3/realtime?ticket=s" }),
    },
    "wss://a.example/v3/realtime",
  ],
  [
    "an empty one beside a base",
    { ticket: () => ({ client_secret: "s", ws_url: "" }) },
    "wss://voice.example.com/v3/realtime",
  ],
]) {
  test(`the URL: ${what}`, async () => {
    const { line } = await opened(options);
    assert.equal(line.url, url);
  });
}

for (const [what, options, message] of [
  ["a ticket that fails", { ticket: async () => assert.fail("away") }, "ticket failed: away"],
  [
    "a refusal that the backend passes on",
    { ticket: async () => ({ error: { code: "x", message: "no such model" } }) },
    "ticket gave no ticket: no such model",
  ],
  ["no ticket", { ticket: () => undefined }, /it returns a text or \{ client_secret \}/],
  ["an empty ticket", { ticket: "" }, /ticket gave no ticket/],
  ["no scheme", { baseUrl: "voice.example.com" }, /needs a baseUrl like/],
  ["nowhere to go", { baseUrl: undefined }, /needs a baseUrl like/],
]) {
  test(`it does not start with ${what}`, async () => {
    const session = prepared(options);
    const error = await session.start().catch((error) => error);
    assert.ok(error instanceof VoiceError);
    assert.equal(error.code, "not_started");
    assert.match(error.message, message instanceof RegExp ? message : new RegExp(`^${message}$`));
    assert.deepEqual(await session.ended, error.end);
    assert.deepEqual({ ...error.end, message: "" }, {
      reason: "refused",
      code: null,
      message: "",
      closeCode: null,
    });
    assert.equal(session.state, "ended");
  });
}

test("without a WebSocket it says what to pass", (context) => {
  if (globalThis.WebSocket) return context.skip("this runtime has one");
  assert.throws(() => createVoiceSession({ ticket: "s" }), /pass one as webSocket/);
});

test("it starts once, and waits for no more than it was told", async () => {
  const session = prepared({ startTimeoutMs: 20 });
  assert.equal(session.start(), session.start());
  await assert.rejects(session.start(), { message: "the session did not start within 20 ms" });
  assert.equal((await session.ended).reason, "refused");
});

test("nothing is sent before the start", async () => {
  const session = prepared();
  const early = (error) => error instanceof VoiceError && error.code === "not_running";
  assert.throws(() => session.sendText("hi"), early);
  assert.throws(() => session.answerTool("call_1", 1), early);
  assert.equal(session.sendAudio(new Int16Array(10)), false);
  assert.deepEqual(session.turns, []);
});

// -- ending ---------------------------------------------------------------------------------

test("it ends once, with the first reason, and then hears nothing", async () => {
  const { session, line } = await opened();
  const told = [];
  session.on("end", (end) => told.push(end.reason));
  session.on("event", (event) => told.push(event.type));
  const { onmessage, onclose } = line;
  session.close();
  session.close();
  onclose({ code: 1006 });
  onmessage?.({ data: JSON.stringify(SPEAKS) });
  assert.deepEqual(await session.ended, {
    reason: "closed_by_us",
    code: null,
    message: "the session was closed",
    closeCode: 1000,
  });
  assert.equal(line.closedWith, 1000);
  assert.equal(line.onmessage, null);
  assert.deepEqual(told, ["closed_by_us"]);
  assert.equal(session.state, "ended");
  assert.throws(() => session.respond(), { code: "not_running" });
  assert.equal(session.sendAudio(new Int16Array(10)), false);
});

test("the server's reason counts, even if no close follows", async () => {
  const error = { code: "max_duration", message: "the session reached its time limit" };
  const first = await opened();
  first.line.tell({ type: "session.terminating", error });
  first.line.onclose({ code: 1000 });
  const end = { reason: "terminated", ...error, closeCode: 1000 };
  assert.deepEqual(await first.session.ended, end);
  const second = await opened();
  second.line.tell({ type: "session.terminating", error });
  assert.deepEqual(await second.session.ended, { ...end, closeCode: null });
});

test("a session that the server refuses says why", async () => {
  const session = prepared();
  const starting = session.start();
  await after(0);
  Line.last.onopen();
  const error = { code: "model_not_found", message: 'there is no model "x"' };
  Line.last.tell({ type: "session.terminating", error });
  Line.last.onclose({ code: 1008 });
  await assert.rejects(starting, { code: "not_started", message: error.message });
  assert.deepEqual(await session.ended, { reason: "terminated", ...error, closeCode: 1008 });
});

test("an error without a close ends it too", async () => {
  const { session, line } = await opened();
  line.onerror({ type: "error" });
  assert.equal((await session.ended).reason, "lost");
});

test("an answer that the end cut off is a turn", async () => {
  const { session, line } = await opened();
  line.tell(ANSWERS, TEXT("We are"));
  line.onclose({ code: 1006 });
  const [turn] = session.turns;
  assert.deepEqual([turn.text, turn.final, turn.interrupted], ["We are", true, true]);
});

// -- what it is doing -----------------------------------------------------------------------

test("its state follows the conversation", async () => {
  const { session, line } = await opened();
  const states = [session.state];
  session.on("state", (state) => states.push(state));
  line.tell(SPEAKS, SPOKE, SAID("hi"), ANSWERS, TEXT("yes"), SOUND, SOUND, COMPLETED);
  assert.deepEqual(states.splice(0), ["listening", "hearing", "thinking", "speaking", "listening"]);
  line.tell(ANSWERS, SOUND, SPEAKS, { ...COMPLETED, interrupted: true }, SPOKE);
  assert.deepEqual(states.splice(0), ["thinking", "speaking", "hearing", "thinking"]);
  line.tell(ANSWERS, COMPLETED);
  session.sendText("hi");
  session.close();
  assert.deepEqual(states, ["listening", "thinking", "ended"]);
});

test("it thinks until a tool has answered", async () => {
  const { session, line } = await opened();
  const call = { type: "tool.call", tool_call_id: "c", tool_name: "t", tool_arguments: {} };
  line.tell(ANSWERS, SOUND, call, COMPLETED);
  assert.equal(session.state, "thinking");
  session.answerTool("c", 1);
  line.tell(ANSWERS, SOUND, COMPLETED);
  assert.equal(session.state, "listening");
});

// -- turns ----------------------------------------------------------------------------------

test("both sides become turns", async () => {
  const { session, line } = await opened();
  const told = [];
  session.on("turn", (turn) => told.push(`${turn.role}: ${turn.text}${turn.final ? "." : ""}`));
  line.tell(SPEAKS, SPOKE, SAID("hello"), ANSWERS, TEXT("good "), SOUND, TEXT("day"), COMPLETED);
  session.sendText("bye");
  assert.deepEqual(told, [
    "user: hello.",
    "agent: good ",
    "agent: good ", // now with its gap
    "agent: good day",
    "agent: good day.",
    "user: bye.",
  ]);
  const [hello, answer, bye] = session.turns;
  assert.deepEqual([hello.id, answer.id, bye.id], [1, 2, 3]);
  assert.ok(answer.gapMs >= 0 && answer.gapMs < 5000);
  assert.equal("gapMs" in hello, false);
  assert.ok(Math.abs(hello.at - Date.now()) < 60_000);
  assert.deepEqual(line.types(), ["text.input", "response.create"]);
});

test("a list of turns never changes", async () => {
  const { session, line } = await opened();
  line.tell(ANSWERS, TEXT("a"));
  const before = session.turns;
  line.tell(TEXT("b"), COMPLETED);
  assert.deepEqual(before.map((turn) => turn.text), ["a"]);
  assert.deepEqual(session.turns.map((turn) => turn.text), ["ab"]);
});

test("a transcript that comes late stands before its answer", async () => {
  const { session, line } = await opened();
  line.tell(SPEAKS, SPOKE);
  await after(5);
  line.tell(ANSWERS, TEXT("nine"), SAID("when do you open"), COMPLETED);
  assert.deepEqual(session.turns.map((turn) => turn.text), ["when do you open", "nine"]);
});

test("the gap is of speech alone, and of its first sound", async () => {
  const { session, line } = await opened();
  line.tell(ANSWERS, SOUND, TEXT("hello"), COMPLETED); // a greeting
  const before = performance.now();
  line.tell(SPEAKS, SPOKE);
  await after(30);
  line.tell(ANSWERS, SOUND);
  const most = performance.now() - before;
  await after(60);
  line.tell(TEXT("nine"), SOUND, COMPLETED);
  const [greeting, answer] = session.turns;
  assert.equal("gapMs" in greeting, false);
  assert.ok(answer.gapMs >= 25 && answer.gapMs <= most + 1, answer.gapMs);
});

test("a turn says if it was cut off, heard in part, or not understood", async () => {
  const { session, line } = await opened();
  line.tell(ANSWERS, TEXT("we are open"), SPEAKS);
  line.tell({ ...COMPLETED, interrupted: true, spoken_text: "we are" });
  line.tell(SPOKE, { ...SAID(""), recognized: false });
  const [answer, user] = session.turns;
  assert.equal(answer.interrupted, true);
  assert.deepEqual([answer.text, answer.spokenText], ["we are open", "we are"]);
  assert.deepEqual([user.role, user.text, user.recognized], ["user", "", false]);
});

test("an answer without a text is no turn", async () => {
  const { session, line } = await opened();
  line.tell(ANSWERS, SOUND, COMPLETED, ANSWERS, COMPLETED);
  assert.deepEqual(session.turns, []);
});

test("a typed line may wait for more", async () => {
  const { session, line } = await opened();
  session.sendText("a", { respond: false });
  session.sendText("b");
  assert.deepEqual(line.types(), ["text.input", "text.input", "response.create"]);
});

// -- what it sends --------------------------------------------------------------------------

test("its methods are the protocol's events", async () => {
  const { session, line } = await opened();
  const sent = [];
  session.on("sent", (event) => sent.push(event));
  session.update({ instructions: "Be brief." });
  session.sendImage("data:image/png;base64,AA==", { detail: "low", text: "a dot" });
  session.sendImage("data:image/png;base64,AA==");
  session.respond();
  session.cancel();
  session.commit();
  session.clear();
  session.answerTool("c", { ok: true });
  session.answerTool("d", undefined);
  const image_url = "data:image/png;base64,AA==";
  assert.deepEqual(line.sent.slice(1), [
    { type: "session.update", config: { instructions: "Be brief." } },
    { type: "image.input", image_url, image_detail: "low", text: "a dot" },
    { type: "image.input", image_url, image_detail: null, text: null },
    { type: "response.create" },
    { type: "response.cancel" },
    { type: "audio.commit" },
    { type: "audio.clear" },
    { type: "tool.result", tool_call_id: "c", tool_result: { ok: true } },
    { type: "tool.result", tool_call_id: "d", tool_result: null },
  ]);
  assert.equal(sent.length, 9);
});

test("audio travels as base64 of its bytes", async () => {
  const { session, line } = await opened();
  assert.equal(session.sendAudio(Int16Array.of(1, -2)), true);
  session.sendAudio(new Uint8Array([9, 1, 0, 254, 255]).subarray(1));
  assert.deepEqual(line.sent.slice(1), [
    { type: "audio.append", audio: "AQD+/w==" },
    { type: "audio.append", audio: "AQD+/w==" },
  ]);
  assert.deepEqual([...decodeAudio("AQD+/w==")], [1, -2]);
  const long = Int16Array.from({ length: 40_000 }, (_, at) => at);
  session.sendAudio(long); // 2.5 s, in pieces of a second
  const pieces = line.sent.slice(3).map((event) => decodeAudio(event.audio));
  assert.deepEqual(pieces.map((piece) => piece.length), [16_000, 16_000, 8000]);
  assert.deepEqual(pieces.flatMap((piece) => [...piece]), [...long]);
});

test("audio that the network cannot take is dropped, the oldest first", async () => {
  const { session, line } = await opened();
  line.bufferedAmount = 1_000_000;
  for (let at = 0; at < 100; at += 1) session.sendAudio(new Int16Array(1600).fill(at)); // 10 s
  assert.deepEqual(line.types(), []);
  assert.ok(session.droppedAudioMs >= 8800 && session.droppedAudioMs <= 9000);
  line.bufferedAmount = 0;
  await after(200); // it looks again by itself
  const firsts = line.sent.slice(1).map((event) => decodeAudio(event.audio)[0]);
  assert.equal(firsts.at(-1), 99);
  assert.deepEqual(firsts, Array.from(firsts, (_, at) => firsts[0] + at));
  assert.equal(firsts.length * 100 + session.droppedAudioMs, 10_000);
});

test("audio that waits goes before the end of its turn, and not after a clear", async () => {
  const { session, line } = await opened();
  line.bufferedAmount = 1_000_000;
  session.sendAudio(new Int16Array(160));
  session.commit();
  session.sendAudio(new Int16Array(160));
  session.clear();
  assert.deepEqual(line.types(), ["audio.append", "audio.commit", "audio.clear"]);
});

// -- tools ----------------------------------------------------------------------------------

test("tools are functions", async () => {
  const given = [];
  const tools = {
    clock: (args) => given.push(args) && { time: "12:00" },
    slow: async () => (await after(5), "done"),
    broken: () => {
      throw new Error("out of order");
    },
    late: async () => Promise.reject(new Error("too late")),
    endless: () => 1n,
    silent: () => {},
  };
  const { session, line } = await opened({ tools });
  const unanswered = [];
  session.on("event", (event) => unanswered.push(event.tool_name));
  let id = 0;
  const call = (tool_name, tool_arguments) =>
    line.tell({ type: "tool.call", tool_call_id: `c${(id += 1)}`, tool_name, tool_arguments });
  call("clock", { tz: "UTC" });
  for (const name of ["slow", "broken", "late", "endless", "silent"]) call(name, {});
  call("constructor", {}); // every object has one
  call("unknown", {});
  await after(50);
  const results = line.sent.slice(1).map((event) => [event.tool_call_id, event.tool_result]);
  const { c5, ...others } = Object.fromEntries(results);
  assert.deepEqual(others, {
    c1: { time: "12:00" },
    c2: "done",
    c3: { error: "out of order" },
    c4: { error: "too late" },
    c6: null,
  });
  assert.match(c5.error, /BigInt/);
  assert.deepEqual(given, [{ tz: "UTC" }]);
  assert.deepEqual(unanswered.slice(-2), ["constructor", "unknown"]);
  session.answerTool("c8", "by hand");
  assert.equal(line.sent.at(-1).tool_result, "by hand");
});

test("a tool that outlives its session is not answered", async () => {
  const { session, line } = await opened({ tools: { slow: () => after(20) } });
  line.tell({ type: "tool.call", tool_call_id: "c", tool_name: "slow", tool_arguments: {} });
  session.close();
  await after(40);
  assert.deepEqual(line.types(), []);
});

// -- what must not break it -----------------------------------------------------------------

test("a callback that throws is logged, and the others are called", async (context) => {
  const lines = logged(context);
  const { session, line } = await opened();
  const heard = [];
  session.on("text.delta", () => assert.fail("in a callback"));
  session.on("text.delta", async () => assert.fail("later"));
  session.on("turn", () => assert.fail("at a turn"));
  const off = session.on("text.delta", (event) => heard.push(event.delta));
  line.tell(TEXT("a"), TEXT("b"));
  off();
  line.tell(TEXT("c"));
  await after(0);
  assert.deepEqual(heard, ["a", "b"]);
  assert.equal(session.turns[0].text, "abc");
  assert.equal(lines.length, 9);
  assert.match(lines[0], /a callback of "turn" failed: .*at a turn/);
});

test("a callback may end the session", async () => {
  const { session, line } = await opened();
  session.on("state", () => session.close());
  line.tell(SPEAKS, SPOKE, TEXT("a"));
  assert.equal((await session.ended).reason, "closed_by_us");
});

test("events that nobody knows are told as such", async (context) => {
  const lines = logged(context);
  const { session, line } = await opened();
  const seen = [];
  session.on("event", (event) => seen.push(event.type));
  session.on("turn", () => seen.push("a turn"));
  session.on("end", () => seen.push("an end"));
  line.tell({ type: "session.usage", usd: 1 }, { type: "turn" }, { type: "end" });
  line.tell({ type: "__proto__" }, { type: "constructor" });
  line.tell([], null, 7, { type: 7 }, {});
  line.onmessage({ data: "{" });
  line.onmessage({ data: new ArrayBuffer(2) });
  assert.deepEqual(seen, ["session.usage", "turn", "end", "__proto__", "constructor"]);
  assert.equal(session.state, "listening");
  assert.deepEqual(lines, []);
});
