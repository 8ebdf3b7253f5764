// The voice part in a conversation with a test voice: tools, images, speech, and a cut. What it
// sees goes to stdout as lines of JSON.
import { setTimeout as after } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import WebSocket from "ws";
import { createServerClient } from "../../../sdk/js/dist/server.js";

const [module, baseUrl, apiKey, model] = process.argv.slice(2);
const { createVoiceSession, decodeAudio } = await import(pathToFileURL(module).href);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const ringline = createServerClient({ baseUrl, apiKey });
const config = { model, tools: [{ name: "clock" }, { name: "lamp" }, { name: "hand" }] };

const session = createVoiceSession({
  baseUrl,
  webSocket: WebSocket,
  ticket: async () => (await ringline.createRealtimeSession({ config })).data,
  tools: {
    clock: async ({ tz }) => (await after(20), { time: `12:00 ${tz}` }),
    lamp: () => {
      throw new Error("no bulb");
    },
  },
});

/** Waits for the agent's next turn that is whole. */
function answer() {
  return new Promise((resolve) => {
    const off = session.on("turn", (turn) => {
      if (turn.role !== "agent" || !turn.final) return;
      off();
      resolve(turn);
    });
  });
}

async function ask(text) {
  const answered = answer();
  session.sendText(text);
  tell("answer", await answered);
}

/** Says a tone of 600 ms in chunks of 20 ms, as fast as it is spoken; gives what comes back. */
async function speak() {
  const heard = [];
  const off = session.on("audio.delta", ({ audio }) => heard.push(...decodeAudio(audio)));
  const rate = session.inputSampleRate;
  const said = Int16Array.from({ length: rate * 0.6 }, (_, at) => 8000 * Math.sin(at * 0.1));
  const answered = answer();
  const quiet = new Int16Array(rate);
  const sound = [...said, ...quiet];
  for (let at = 0; at < sound.length; at += rate / 50) {
    session.sendAudio(Int16Array.from(sound.slice(at, at + rate / 50)));
    await after(20);
  }
  const turn = await answered;
  off();
  const same = heard.length === said.length && said.every((sample, at) => sample === heard[at]);
  tell("spoken", { ...turn, same, seconds: heard.length / session.outputSampleRate });
}

session.on("tool.call", (call) => {
  if (call.tool_name === "hand") session.answerTool(call.tool_call_id, "by hand");
});
session.on("turn", (turn) => turn.role === "user" && tell("user", turn));
const { input_sample_rate, output_sample_rate } = await session.start();
tell("started", { input_sample_rate, output_sample_rate });
await ask('/tool clock {"tz": "UTC"}\n/tool lamp\n/tool hand');
session.sendImage("data:image/png;base64,iVBORw0KGgo=");
await ask("/image");
await speak();
const off = session.on("text.delta", () => {
  off();
  session.cancel();
});
await ask("/long 20000");
session.on("session.resumed", () => session.sendText("/drop", { respond: false }));
session.sendText("/drop", { respond: false });
tell("end", await session.ended);
