// A watcher on the SDK's channel of the log; the cookie of a sign-in mints its tokens.
import WebSocket from "ws";
import { initSocket, joinLogChannel } from "../../../sdk/js/dist/index.js";

const [baseUrl, token] = process.argv.slice(2);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const socketOptions = { transport: WebSocket, rejoinAfterMs: () => 10 };
initSocket({ baseUrl, sessionToken: () => token, socketOptions });

let refused = 0;
const log = joinLogChannel({
  onJoined: (reply) => tell("joined", reply),
  onRefused: (reply) => tell("refused", { ...reply, times: (refused += 1) }),
  onEvent: (event) => tell("event", event),
});
log.on("call.turn_completed", ({ data }) => tell("turn", { role: data.role, text: data.text }));
log.onClose(() => tell("given up"));
process.stdin.on("data", () => tell("refusals", { refused }));
process.stdin.on("end", () => process.exit(0));
