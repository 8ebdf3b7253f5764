// A watcher on the phoenix client, as it is published. What it sees goes to stdout as lines
// of JSON; words on stdin tell it what to do.
import { createInterface } from "node:readline";
import { LongPoll, Presence, Socket } from "phoenix";
import WebSocket from "ws";

const TYPES = ["call.created", "call.transcript_delta", "call.turn_completed", "call.ended"];
const EVENTS = [
  "incoming_call",
  "call_answered",
  "call_ended",
  "call_participant_joined",
  "call_participant_left",
  "call_transcript_delta",
  "call_transcript_completed",
  "call_ai_audit_event",
];

// A WebSocket that a network keeps from opening.
class Blocked {
  readyState = 0;
  close() {}
}
const CARRIERS = {
  websocket: { transport: WebSocket },
  longpoll: { transport: LongPoll },
  fallback: { transport: Blocked, longPollFallbackMs: 50 },
};

const [url, token, by, carrier = "websocket", topic = "events"] = process.argv.slice(2);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const credential =
  by === "authToken" ? { authToken: token } : { params: () => ({ session_token: token }) };
const socket = new Socket(`${url}/socket`, { ...CARRIERS[carrier], ...credential });
let since = null;

socket.onOpen(() => tell("open"));
socket.onClose((event) => tell("close", { code: event.code }));
socket.onError((error) => tell("error", { message: String(error?.message ?? "") }));

const channel = socket.channel(topic, () => (since === null ? {} : { since }));
for (const name of topic === "log" ? TYPES : EVENTS) {
  channel.on(name, (payload) => {
    since = payload.position ?? since;
    tell(name, payload);
  });
}
const presence = new Presence(channel);
presence.onJoin((key) => tell("came", { key }));
presence.onLeave((key, current) => tell("went", { key, left: current.metas.length }));
presence.onSync(() => {
  const present = presence.list((key, { metas }) => [key, metas.map((meta) => meta.phx_ref)]);
  tell("present", { present: Object.fromEntries(present) });
});
channel.onClose(() => tell("channel_closed"));
channel
  .join()
  .receive("ok", (response) => {
    since ??= response.position;
    tell("joined", response);
  })
  .receive("error", (response) => tell("refused", response));
socket.connect();

createInterface({ input: process.stdin }).on("line", (word) => {
  if (word === "leave") channel.leave().receive("ok", () => tell("left"));
  if (word === "heartbeat") socket.ping((milliseconds) => tell("pong", { milliseconds }));
});
process.stdin.on("end", () => process.exit(0));
