// A watcher on the SDK, of a server that closes every connection. What it sees goes to stdout as
// lines of JSON; it does not wait where the SDK pauses.
import WebSocket from "ws";
import { CLOSE_POLICIES, initSocket } from "../../../sdk/js/dist/index.js";

const [baseUrl] = process.argv.slice(2);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const PAUSE_MS = CLOSE_POLICIES.events_socket[1011].pauseMs;
const wait = globalThis.setTimeout;
globalThis.setTimeout = (callback, ms, ...more) => {
  const paused = ms >= PAUSE_MS && ms <= PAUSE_MS * 1.5;
  if (paused) tell("paused");
  return wait(callback, paused ? 0 : ms, ...more);
};

let minted = 0;
function sessionToken() {
  minted += 1;
  tell("minted", { minted });
  return { token: `token-${minted}`, ttl_seconds: 900 };
}

console.warn = (words) => tell("warned", { words });
const socket = initSocket({ baseUrl, sessionToken, socketOptions: { transport: WebSocket } });
socket.onClose((event) => tell("close", { code: event.code }));
process.stdin.on("data", () => tell("connected", { connected: socket.isConnected() }));
process.stdin.on("end", () => process.exit(0));
