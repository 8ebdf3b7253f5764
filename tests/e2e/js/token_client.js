// A watcher on the SDK whose tokens fail in every way before one opens. What it sees goes to
// stdout as lines of JSON; the word `cut` on stdin drops its connection.
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { initSocket, joinEventsChannel } from "../../../sdk/js/dist/index.js";

const [baseUrl, token] = process.argv.slice(2);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const answers = [
  () => "nonsense",
  () => Promise.reject(new Error("the backend is away")),
  () => ({ success: false }),
  () => ({ token, expires_at: "2020-01-01T00:00:00Z" }), // by a clock that is ahead
  () => ({ token, ttl_seconds: 2 }),
  () => Promise.reject(new Error("the backend is away again")),
];
let minted = 0;

async function sessionToken() {
  const answer = answers[minted] ?? (() => ({ token, ttl_seconds: 900 }));
  minted += 1;
  tell("minted", { minted });
  return answer();
}

let line;
class Cuttable extends WebSocket {
  constructor(...how) {
    super(...how);
    line = this;
  }
}

console.warn = (words) => tell("warned", { words });
const socket = initSocket({ baseUrl, sessionToken, socketOptions: { transport: Cuttable } });
socket.onOpen(() => tell("open"));
socket.onError((error) => tell("error", { message: String(error?.message ?? "") }));
socket.onClose((event) => tell("close", { code: event.code }));
joinEventsChannel({ onJoined: (reply) => tell("joined", reply) });

createInterface({ input: process.stdin }).on("line", (word) => {
  if (word === "cut") line.terminate();
  if (word === "disconnect") socket.disconnect(() => tell("disconnected"));
});
process.stdin.on("end", () => process.exit(0));
