// The SDK on whatever runtime this is run by. What it sees goes to stdout as lines of JSON.
import { LongPoll } from "phoenix";
import { initSocket, joinEventsChannel } from "../../../sdk/js/dist/index.js";
import { createServerClient } from "../../../sdk/js/dist/server.js";

const [baseUrl, apiKey] = process.argv.slice(2);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const ringline = createServerClient({ baseUrl, apiKey });
let minted = 0;

async function sessionToken() {
  minted += 1;
  if (minted < 3) return "nonsense";
  const session = await ringline.createSessionToken();
  return session.data;
}

function refusal(options) {
  try {
    initSocket({ baseUrl, sessionToken, ...options });
  } catch (error) {
    return error.message;
  }
}

const bare = typeof WebSocket === "undefined";
const socketOptions = bare ? { transport: (await import("ws")).default } : {};
tell("refused", {
  bare: bare ? refusal({}) : null,
  token: refusal({ sessionToken: "a token" }),
  credential: refusal({ sessionToken: undefined }),
  url: refusal({ baseUrl: "voice.example.com", socketOptions }),
  fallback: refusal({ socketOptions: { longPollFallbackMs: 2500 } }),
  transport: refusal({ socketOptions: { transport: LongPoll } }),
});
const socket = initSocket({ baseUrl, sessionToken, socketOptions });
socket.onError(() => tell("error"));
socket.onClose((event) => tell("close", { code: event.code }));
const channel = joinEventsChannel({ onJoined: () => tell("joined", { minted }) });
channel.on("incoming_call", (call) => tell("incoming_call", call));
process.stdin.on("end", () => process.exit(0)).resume();
