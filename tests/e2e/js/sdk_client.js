// The SDK as a backend and a browser use it. What comes back goes to stdout as lines of JSON;
// the word `events` on stdin lets it watch.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import WebSocket from "ws";
import {
  configure,
  createClient,
  createContact,
  deleteContact,
  initSocket,
  interpolate,
  joinEventsChannel,
  listCalls,
  listContacts,
  updateContact,
  validateCreateContact,
} from "../../../sdk/js/dist/index.js";
import { createServerClient } from "../../../sdk/js/dist/server.js";

const [baseUrl, apiKey, agentId] = process.argv.slice(2);
const tell = (what, payload) => console.log(JSON.stringify({ what, payload }));
const headers = { "X-Api-Key": apiKey };

async function actions() {
  configure({ baseUrl: `${baseUrl}/`, headers });
  const fields = ["id", "fullName", "email"];
  const input = { fullName: "Ada Lovelace", email: "ada@example.com" };
  const created = await createContact({ input, fields });
  tell("created", created);
  const identity = created.data.id;
  tell("bare", await createContact({ input: { fullName: "Grace Hopper" } }));
  tell("updated", await updateContact({ identity, input: { email: null }, fields }));
  const filter = { fullName: { contains: "o" } };
  const sort = ["-fullName", "id"];
  tell("listed", await listContacts({ fields: ["fullName"], filter, sort }));
  tell("page", await listContacts({ fields: ["fullName"], sort, page: { limit: 1, count: true } }));
  tell("deleted", await deleteContact({ identity: { id: identity } }));
  tell("calls", await listCalls({ fields: ["callUuid", { participants: ["role"] }] }));
  tell("validated", await validateCreateContact({ input }));
}

async function errors() {
  const refused = await createContact({ input: {} });
  tell("refused", refused);
  tell("invalid", await validateCreateContact({ input: { fullName: "x".repeat(256) } }));
  const unknown = await listContacts({ fields: ["nope"] });
  tell("unknown field", { errors: unknown.errors, text: interpolate(unknown.errors[0]) });
  const strange = { "x-api-key": "sk_live_nobody" };
  tell("unauthorized", await listContacts({ fields: ["id"], headers: strange }));
}

// The secret key is a bearer token too, so it stands for an operator's.
async function tokens() {
  const answers = ["nonsense", { token: apiKey, ttl_seconds: 300 }, Promise.reject(new Error("away"))];
  answers[2].catch(() => {});
  let minted = 0;
  const operatorToken = async () => answers[minted++];
  const operator = createClient({ baseUrl, operatorToken });
  const all = [await operator.listCalls({ fields: ["id"] }), await operator.listCalls({ fields: ["id"] })];
  tell("by operator", { success: all.map((one) => one.success), minted });
  const failing = async () => answers[2];
  tell("no operator", await listCalls({ fields: ["id"], operatorToken: failing, headers: {} }));
}

async function transport() {
  const proxy = createServer((_, answer) => {
    answer.statusCode = 502;
    answer.end("<html>Bad Gateway</html>");
  });
  await new Promise((listening) => proxy.listen(0, "127.0.0.1", listening));
  const behind = createClient({ baseUrl: `http://127.0.0.1:${proxy.address().port}` });
  tell("proxy", await behind.listContacts({ fields: ["id"] }));
  await new Promise((closed) => proxy.close(closed));
  tell("nobody", await behind.listContacts({ fields: ["id"] }));
  const seen = [];
  const customFetch = (url, init) => {
    seen.push({ url, method: init.method, headers: init.headers, body: JSON.parse(init.body) });
    return fetch(url, init);
  };
  const own = { "idempotency-key": "once" };
  const call = { input: { fullName: "Once" }, fields: ["id"], headers: own, customFetch };
  const both = [await createContact(call), await createContact(call)];
  tell("customFetch", { seen: seen[0], same: both[0].data.id === both[1].data.id });
  const fetchOptions = { signal: AbortSignal.abort() };
  const aborted = listContacts({ fields: ["id"], fetchOptions });
  tell("aborted", { name: await aborted.catch((error) => error.name) });
}

async function events() {
  const server = createServerClient({ baseUrl, apiKey });
  const minted = await server.createSessionToken({ ttlSeconds: 60, operatorEmail: "a@b.c" });
  tell("minted", minted);
  const refused = createServerClient({ baseUrl, apiKey: "pk_live_nobody" });
  tell("not minted", await refused.createSessionToken());
  const config = { instructions: "Be brief.", output_transcription: true };
  const lockedFields = ["output_transcription", "tools"];
  const leash = { subject: "ada", max_duration_seconds: 60, budget: { tokens: 1_000 } };
  tell("ticket", await server.createRealtimeSession({ config, lockedFields, agentId, ttlSeconds: 9, leash }));
  tell("no ticket", await server.createRealtimeSession({ config: { model: "no/model" } }));
  tell("no leash", await server.createRealtimeSession({ leash: { budget: {} } }));
  tell("by server", await server.listContacts({ fields: ["fullName"], sort: "fullName" }));
  const params = () => ({ session_token: minted.data.token });
  const socket = initSocket({ baseUrl, socketOptions: { params, transport: WebSocket } });
  const channel = joinEventsChannel({ onJoined: (reply) => tell("joined", reply) });
  for (const name of ["incoming_call", "call_ended"]) {
    channel.on(name, (payload) => tell(name, payload));
  }
  createInterface({ input: process.stdin }).on("line", (word) => {
    if (word === "leave") channel.leave().receive("ok", () => tell("left", {}));
    if (word === "reconnect") socket.disconnect(() => socket.connect());
  });
}

await actions();
await errors();
await tokens();
await transport();
await events();
process.stdin.on("end", () => process.exit(0));
