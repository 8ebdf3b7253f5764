// The voice part on whatever runtime this is run by. What it sees goes to stdout as lines of JSON.
import { pathToFileURL } from "node:url";
import { createServerClient } from "../../../sdk/js/dist/server.js";

const [module, baseUrl, apiKey, agentId] = process.argv.slice(2);
const { createVoiceSession, decodeAudio } = await import(pathToFileURL(module).href);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const bare = typeof WebSocket === "undefined";
const webSocket = bare ? { webSocket: (await import("ws")).default } : {};
const minted = await createServerClient({ baseUrl, apiKey }).createRealtimeSession({ agentId });
const options = { baseUrl, ticket: minted.data.client_secret, ...webSocket };

const session = createVoiceSession(options);
let samples = 0;
session.on("audio.delta", ({ audio }) => (samples += decodeAudio(audio).length));
const greeted = new Promise((resolve) =>
  session.on("turn", (turn) => turn.final && resolve(turn)),
);
await session.start();
tell("turn", await greeted);
tell("audio", { seconds: samples / session.outputSampleRate });
const again = createVoiceSession(options);
await again.start().catch(() => {});
tell("refused", await again.ended);
session.close();
tell("end", await session.ended);
