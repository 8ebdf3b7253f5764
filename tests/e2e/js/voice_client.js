// The voice part against a server, in each way that a session can end. What it sees goes to
// stdout as lines of JSON; words on stdin say what to do.
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import WebSocket from "ws";
import { createServerClient } from "../../../sdk/js/dist/server.js";

const [module, baseUrl, apiKey, agentId] = process.argv.slice(2);
const { createVoiceSession } = await import(pathToFileURL(module).href);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const ringline = createServerClient({ baseUrl, apiKey });

async function mint(request = { agentId }) {
  const minted = await ringline.createRealtimeSession(request);
  return minted.data;
}

let line;
class Cuttable extends WebSocket {
  constructor(...how) {
    super(...how);
    line = this;
  }
}

const prepare = (options = {}) =>
  createVoiceSession({ baseUrl, ticket: mint, webSocket: Cuttable, ...options });

/** Tells how a session that does not start ends. */
async function refusal(name, options) {
  const session = prepare(options);
  const error = await session.start().catch((error) => error);
  tell("refused", { name, code: error.code, end: await session.ended, same: error.end });
}

async function talk() {
  const session = prepare();
  session.on("turn", (turn) => tell("turn", turn));
  session.on("state", (state) => tell("state", { state }));
  session.on("error", (event) => tell("error", event.error));
  session.on("session.updated", ({ config }) => tell("updated", config));
  session.on("audio.delta", () => {
    throw new Error("this breaks nothing");
  });
  session.on("end", (end) => tell("end", end));
  tell("started", await session.start());
  return session;
}

async function endings() {
  const ticket = await mint();
  const first = prepare({ ticket });
  await first.start();
  await refusal("used", { ticket });
  first.close();
  await refusal("unreachable", { baseUrl: "http://127.0.0.1:1" });
  await refusal("no model", {
    ticket: async () => mint({ ttlSeconds: 30 }),
    config: { model: "no/model" },
  });
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((listening) => silent.once("listening", listening));
  const nowhere = `http://127.0.0.1:${silent.address().port}`;
  await refusal("silent", { baseUrl: nowhere, ticket: "x", startTimeoutMs: 200 });
}

console.error = () => {}; // the callback that throws is logged with each piece of audio
await endings();
let session = await talk();
createInterface({ input: process.stdin }).on("line", async (word) => {
  if (word === "type") session.sendText("What are your opening hours?");
  if (word === "cancel") session.cancel();
  if (word === "update") session.update({ turn_detection: { silence_duration_ms: 700 } });
  if (word === "image") session.sendImage("data:image/png;base64,AAAA", { text: "a dot" });
  if (word === "close") session.close();
  if (word === "cut") line.terminate();
  if (word === "again") session = await talk();
});
process.stdin.on("end", () => process.exit(0));
