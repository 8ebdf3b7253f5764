// A watcher on the SDK's channels: of a call, of one that does not exist, and who is present.
import { Presence } from "phoenix";
import WebSocket from "ws";
import { initSocket, joinCallChannel, joinEventsChannel } from "../../../sdk/js/dist/index.js";

const [baseUrl, token, callId] = process.argv.slice(2);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const socketOptions = { transport: WebSocket, rejoinAfterMs: () => 10 };
initSocket({ baseUrl, sessionToken: () => token, socketOptions });

const presence = new Presence(joinEventsChannel());
presence.onSync(() => tell("present", { names: presence.list((name) => name) }));

const call = joinCallChannel(callId, { since: "0", onJoined: (reply) => tell("joined", reply) });
for (const name of ["incoming_call", "call_transcript_completed", "call_ended"]) {
  call.on(name, (payload) => tell(name, payload));
}
call.onClose(() => tell("over"));

let refused = 0;
const nobody = joinCallChannel("nobody:at:all", {
  onRefused: (reply) => tell("refused", { ...reply, times: (refused += 1) }),
});
nobody.onClose(() => tell("given up"));
process.stdin.on("data", () => tell("refusals", { refused }));
process.stdin.on("end", () => process.exit(0));
