// A follower of a conversation on the SDK, on whatever runtime this is run by. What it sees goes
// to stdout as lines of JSON; the word `close` on stdin ends it.
import { createInterface } from "node:readline";
import { followConversation } from "../../../sdk/js/dist/index.js";
import { createServerClient } from "../../../sdk/js/dist/server.js";

const [baseUrl, backendUrl, apiKey, conversationId, by] = process.argv.slice(2);
const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const ringline = createServerClient({ baseUrl: backendUrl, apiKey });
const sessionToken = async () => (await ringline.createSessionToken()).data;
const thread =
  by === "key"
    ? createServerClient({ baseUrl, apiKey }).followConversation(conversationId)
    : followConversation(conversationId, { baseUrl, sessionToken });

for (const name of ["open", "lost", "error", "message.received", "conversation.mode_changed"]) {
  thread.on(name, (payload) => tell(name, payload));
}
thread.ended.then((end) => tell("ended", { ...end, position: thread.position }));
createInterface({ input: process.stdin }).on("line", (word) => word === "close" && thread.close());
process.stdin.on("end", () => process.exit(0));
