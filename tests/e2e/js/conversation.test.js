// The follower of a conversation on a fetch that does as it is told: what it asks for, what it
// makes of a stream, and that it neither loses an event nor gives one twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { followConversation } from "../../../sdk/js/dist/index.js";
import { createServerClient } from "../../../sdk/js/dist/server.js";

const OPENING = ": ok\nid: log:1\n\n";

function frame(offset, text, withId = true) {
  const event = { event_type: "message.received", event_id: `evt_${offset}`, text };
  const id = withId ? `id: log:${offset}\n` : "";
  return `${id}data: ${JSON.stringify(event)}\n\n`;
}

function refused(status, error_code, headers = {}) {
  return () => new Response(JSON.stringify({ error_code, message: "no" }), { status, headers });
}

/** An answer whose pieces the test sends; `send.end()` is the end of the connection. */
function stream(...pieces) {
  let writer;
  const body = new ReadableStream({ start: (controller) => void (writer = controller) });
  const bytes = (text) => new TextEncoder().encode(text);
  for (const piece of pieces) writer.enqueue(bytes(piece));
  const answer = ({ signal }) => {
    signal.addEventListener("abort", () => writer.error(signal.reason));
    return new Response(body);
  };
  answer.send = (text) => writer.enqueue(bytes(text));
  answer.end = () => writer.close();
  return answer;
}

/** Follows; each connection takes the next of the answers, and there is none after the last. */
function following(answers, options = {}) {
  const asked = [];
  const customFetch = async (url, init) => {
    asked.push({ url, ...init.headers });
    const answer = answers.shift();
    if (answer) return answer(init);
    return new Promise((_, reject) => {
      init.signal.addEventListener("abort", () => reject(init.signal.reason));
    });
  };
  const tokens = [];
  const sessionToken = () => {
    tokens.push(`token ${tokens.length + 1}`);
    return { token: tokens.at(-1), ttl_seconds: 300 };
  };
  const baseUrl = "https://voice.example.com/";
  const thread = followConversation("conv_1", { baseUrl, sessionToken, customFetch, ...options });
  const told = [];
  for (const name of ["open", "lost", "error"]) {
    thread.on(name, (payload) => told.push([name, payload.position ?? payload.code ?? "-"]));
  }
  thread.on("message.received", (event) => told.push(event.text));
  return { thread, told, asked, tokens };
}

async function until(condition) {
  for (let waited = 0; !condition(); waited += 5) {
    assert.ok(waited < 20_000, "it never happened");
    await after(5);
  }
}

test("it asks with a token in a header, and gives what comes", async () => {
  const { thread, told, asked } = following([stream(OPENING, frame(2, "one"), ": hb\n\n")]);
  await until(() => told.length === 2);
  assert.deepEqual(told, [["open", "log:1"], "one"]);
  assert.equal(thread.position, "log:2");
  thread.close();
  assert.deepEqual(await thread.ended, { reason: "closed_by_us", message: "it was closed" });
  assert.deepEqual(asked, [
    {
      url: "https://voice.example.com/v1/conversations/conv_1/stream",
      authorization: "Bearer token 1",
      accept: "text/event-stream",
    },
  ]);
});

test("it resumes where a connection was lost, without losing or repeating anything", async () => {
  const first = stream(OPENING, frame(2, "one"), "id: log:3\ndata: {\"half\": ");
  const { thread, told, asked } = following([first, stream(frame(3, "two"), frame(4, "three"))]);
  await until(() => told.includes("one"));
  first.end();
  await until(() => told.includes("three"));
  assert.deepEqual(told, [["open", "log:1"], "one", ["error", "-"], "two", "three"]);
  assert.deepEqual(asked.map((one) => one["last-event-id"]), [undefined, "log:2"]);
  thread.close();
});

test("behind a gap it begins anew instead", async () => {
  const late = stream(OPENING, frame(2, "one"), frame(9, "far ahead", false));
  const { thread, told, asked } = following([late, stream(frame(3, "two"))]);
  await until(() => told.includes("two"));
  assert.deepEqual(told, [["open", "log:1"], "one", "two"]);
  assert.equal(asked[1]["last-event-id"], "log:2");
  thread.close();
});

test("it begins where it is told to, and says that this could not be", async () => {
  const answer = stream(": ok\nid: new:7\n\n", ": not recovered\n\n");
  const { thread, told, asked } = following([answer], { since: "evt_old" });
  await until(() => told.length === 2);
  assert.deepEqual(told, [["open", "new:7"], ["lost", "new:7"]]);
  assert.equal(asked[0]["last-event-id"], "evt_old");
  thread.close();
});

test("lines may be cut anywhere, and end in any way", async () => {
  const answer = stream();
  const { thread, told } = following([answer]);
  const text = (OPENING + frame(2, "öffnen") + frame(3, "two")).replaceAll("\n", "\r\n");
  for (const piece of text) {
    answer.send(piece);
    await after(0);
  }
  await until(() => told.includes("two"));
  assert.deepEqual(told, [["open", "log:1"], "öffnen", "two"]);
  thread.close();
});

test("a line without an end ends the connection", async () => {
  const endless = stream(OPENING, "data: ", ..."x".repeat(20).split("").map((x) => x.repeat(1 << 16)));
  const { thread, told } = following([endless, stream(frame(2, "next"))]);
  await until(() => told.includes("next"));
  assert.deepEqual(told, [["open", "log:1"], ["error", "-"], "next"]);
  thread.close();
});

test("it is refused for good where asking again is of no use", async () => {
  for (const [status, code] of [
    [404, "NOT_FOUND"],
    [403, "PERMISSION_DENIED"],
  ]) {
    const { thread, told } = following([refused(status, code)]);
    assert.deepEqual(await thread.ended, { reason: "refused", code, message: "no" });
    assert.deepEqual(told, []);
  }
});

test("a refused token is fetched anew, once", async () => {
  const no = () => refused(401, "UNAUTHENTICATED");
  const { thread, told, asked } = following([no(), stream(OPENING)]);
  await until(() => told.length === 2);
  assert.deepEqual(told, [["error", "UNAUTHENTICATED"], ["open", "log:1"]]);
  assert.deepEqual(asked.map((one) => one.authorization), ["Bearer token 1", "Bearer token 2"]);
  thread.close();

  const never = following([no(), no()]);
  const { reason, code } = await never.thread.ended;
  assert.deepEqual([reason, code], ["refused", "UNAUTHENTICATED"]);
  assert.equal(never.tokens.length, 2);
});

test("a server that is busy, away or stops is asked again", async () => {
  const bye = 'event: error\ndata: {"error_code":"UNAVAILABLE","message":"bye"}\n\n';
  const began = Date.now();
  const { thread, told } = following([
    refused(503, "UNAVAILABLE"),
    () => new Response("<html>", { status: 502 }),
    () => Promise.reject(new TypeError("no network")),
    refused(429, "RATE_LIMITED", { "retry-after": "1" }),
    stream(OPENING, bye),
    stream(frame(2, "back")),
  ]);
  await until(() => told.includes("back"));
  assert.ok(Date.now() - began >= 1000, "as long as it was told to wait");
  assert.deepEqual(told, [
    ["error", "UNAVAILABLE"],
    ["error", "-"],
    ["error", "-"],
    ["error", "RATE_LIMITED"],
    ["open", "log:1"],
    ["error", "UNAVAILABLE"],
    "back",
  ]);
  thread.close();
});

test("a connection on which nothing is heard is given up", async (context) => {
  const real = globalThis.setTimeout;
  const hasty = (callback, delayMs) => real(callback, delayMs === 75_000 ? 20 : delayMs);
  context.after(() => (globalThis.setTimeout = real));
  globalThis.setTimeout = hasty;
  const { thread, told } = following([stream(OPENING), stream(frame(2, "back"))]);
  await until(() => told.includes("back"));
  assert.deepEqual(told.slice(0, 3), [["open", "log:1"], ["error", "-"], "back"]);
  thread.close();
});

test("a key that is revoked under it needs another token", async () => {
  const bye = 'event: error\ndata: {"error_code":"UNAUTHENTICATED","message":"bye"}\n\n';
  const { thread, told, tokens } = following([stream(OPENING, bye), stream(frame(2, "back"))]);
  await until(() => told.includes("back"));
  assert.equal(tokens.length, 2);
  thread.close();
});

test("a callback that throws breaks nothing", async (context) => {
  const logged = context.mock.method(console, "error", () => {});
  const answer = stream(OPENING);
  const { thread, told } = following([answer]);
  const off = thread.on("event", () => {
    throw new Error("oh");
  });
  answer.send(frame(2, "one"));
  await until(() => told.includes("one"));
  off();
  answer.send(frame(3, "two"));
  await until(() => told.includes("two"));
  assert.equal(logged.mock.callCount(), 1);
  thread.close();
});

test("a backend follows with its key, which is refused but once", async () => {
  const asked = [];
  const customFetch = async (url, { headers }) => {
    asked.push(headers);
    return refused(401, "UNAUTHENTICATED")();
  };
  const baseUrl = "https://voice.example.com";
  const ringline = createServerClient({ baseUrl, apiKey: "sk_live_1", customFetch });
  const thread = ringline.followConversation("conv_1", { since: "0" });
  assert.equal((await thread.ended).code, "UNAUTHENTICATED");
  assert.equal(asked.length, 1);
  assert.equal(asked[0]["x-api-key"], "sk_live_1");
  assert.equal(asked[0]["last-event-id"], "0");
});
