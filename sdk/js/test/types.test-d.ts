// What the compiler must infer, and what it must refuse. Compiled, never run.
import {
  createClient,
  createContact,
  deleteContact,
  endCall,
  followConversation,
  initSocket,
  interpolate,
  joinEventsChannel,
  listCalls,
  listContacts,
  listConversationItemsByPublicId,
  listConversations,
  listEvents,
  acceptCallQueueEntry,
  getCallQueueEntry,
  updateCall,
  updateContact,
  validateCreateContact,
} from "@ringline/sdk";
import type { Fields, ContactResource, KeysetPage, OffsetPage } from "@ringline/sdk";
import { createServerClient } from "@ringline/sdk/server";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function expect<Expected>(): <Actual>(
  value: Actual,
  ...same: Same<Expected, Actual> extends true ? [] : [{ expected: Expected; actual: Actual }]
) => void;

// -- the result follows from `fields` -------------------------------------------------------

const plain = await listContacts({ fields: ["id", "fullName", "email"] });
if (plain.success) {
  expect<{ id: string; fullName: string; email: string | null }[]>()(plain.data);
  // @ts-expect-error it was not asked for
  plain.data[0]?.notes;
} else {
  expect<string>()(interpolate(plain.errors[0]!));
  plain.errors[0]!.type === "network_error";
  // @ts-expect-error there is no such error
  plain.errors[0]!.type === "no_such_error";
}

const nested = await listCalls({
  fields: [
    "callUuid",
    { conversation: ["publicId", { aiAgent: ["name"] }], participants: ["role"] },
    { organisation: ["name"] },
  ],
});
if (nested.success) {
  expect<
    {
      callUuid: string;
      conversation: { publicId: string; aiAgent: { name: string } | null } | null;
      organisation: { name: string };
      participants: { role: "caller" | "callee" | "operator" | "ai_agent" | "supervisor" }[];
    }[]
  >()(nested.data);
}

const one = await getCallQueueEntry({ input: { callUuid: "c" }, fields: ["status"] });
if (one.success) {
  expect<{ status: "waiting" | "offered" | "accepted" | "abandoned" | "timed_out" }>()(one.data);
}

const chosen: Fields<ContactResource> = ["id"];
const known = await listContacts({ fields: chosen });
if (known.success) expect<string | undefined>()(known.data[0]!.fullName);

// @ts-expect-error no such field
await listContacts({ fields: ["id", "nope"] });
// @ts-expect-error fields are needed
await listContacts({});
// @ts-expect-error no such relationship
await listCalls({ fields: ["id", { nope: ["id"] }] });
// @ts-expect-error no such relationship, beside one that is
await listCalls({ fields: ["id", { conversation: ["id"], nope: ["id"] }] });
// @ts-expect-error no such field of the relationship
await listCalls({ fields: ["id", { conversation: ["nope"] }] });
// @ts-expect-error no such field, two levels down
await listCalls({ fields: [{ conversation: [{ aiAgent: ["nope"] }] }] });
// @ts-expect-error a relationship has fields of its own
await listCalls({ fields: ["conversation"] });

// -- pages ----------------------------------------------------------------------------------

const keyset = await listContacts({ fields: ["id"], page: { limit: 20 } });
if (keyset.success) expect<KeysetPage<{ id: string }>>()(keyset.data);
const after = await listContacts({ fields: ["id"], page: { limit: 20, after: "c" } });
if (after.success) expect<KeysetPage<{ id: string }>>()(after.data);
const offset = await listContacts({ fields: ["id"], page: { limit: 20, offset: 40, count: true } });
if (offset.success) expect<OffsetPage<{ id: string }>>()(offset.data);
const empty = await listContacts({ fields: ["id"], page: {} });
if (empty.success) expect<{ id: string }[]>()(empty.data);
const none = await listContacts({ fields: ["id"], page: undefined });
if (none.success) expect<{ id: string }[]>()(none.data);

// @ts-expect-error a cursor and an offset
await listContacts({ fields: ["id"], page: { limit: 20, offset: 0, after: "c" } });
// @ts-expect-error no such member
await listContacts({ fields: ["id"], page: { size: 20 } });
// @ts-expect-error this list has no pages
await listConversationItemsByPublicId({ input: { publicId: "p" }, fields: ["id"], page: {} });

// -- filter and sort ------------------------------------------------------------------------

await listContacts({
  fields: ["id"],
  filter: {
    fullName: { contains: "Ada" },
    or: [{ email: { isNil: true } }, { not: { phoneE164: "+15550100" } }],
    insertedAt: { greaterThan: new Date(0) },
  },
  sort: ["-insertedAt", "++email"],
});
await listConversations({
  fields: ["id"],
  filter: { call: { status: { in: ["ringing", "queued"] } } },
  sort: "aiAgent.name,-id",
});
// @ts-expect-error no such field
await listContacts({ fields: ["id"], filter: { nope: "x" } });
// @ts-expect-error text has no order
await listContacts({ fields: ["id"], filter: { fullName: { greaterThan: "x" } } });
// @ts-expect-error it is never null
await listContacts({ fields: ["id"], filter: { fullName: { isNil: true } } });
// @ts-expect-error no such word
await listCalls({ fields: ["id"], filter: { status: "sleeping" } });
// @ts-expect-error no such word, below a relationship
await listConversations({ fields: ["id"], filter: { call: { status: { eq: "sleeping" } } } });
// @ts-expect-error no such field
await listContacts({ fields: ["id"], sort: "nope" });
// @ts-expect-error maps have no order
await listConversations({ fields: ["id"], sort: "metadata" });

// -- inputs ---------------------------------------------------------------------------------

const created = await createContact({ input: { fullName: "Ada", email: null }, fields: ["id"] });
if (created.success) expect<{ id: string }>()(created.data);
const bare = await createContact({ input: { fullName: "Ada" } });
if (bare.success) expect<{}>()(bare.data);
await updateContact({ identity: "1", input: { notes: "…" } });
await updateCall({ identity: { callUuid: "c" }, input: { status: "completed" }, fields: ["id"] });
await deleteContact({ identity: { id: "1" } });
await acceptCallQueueEntry({ identity: "1", input: { agentName: "a" } });
await validateCreateContact({ input: {} });
const ended = await endCall({ input: { callUuid: "c" } });
if (ended.success) expect<string>()(ended.data.ended_at);
const events = await listEvents({ input: { after: 0, type: ["call.created"] } });
if (events.success) expect<boolean>()(events.data.hasMore);

// @ts-expect-error the full name is required
await createContact({ input: { email: "ada@example.com" } });
// @ts-expect-error no such input
await createContact({ input: { fullName: "Ada", nope: 1 } });
// @ts-expect-error never null
await updateContact({ identity: "1", input: { fullName: null } });
// @ts-expect-error which one?
await updateContact({ input: { notes: "…" } });
// @ts-expect-error contacts have no other identity
await updateContact({ identity: { email: "ada@example.com" } });
// @ts-expect-error one of the two is required
await acceptCallQueueEntry({ identity: "1", input: {} });
// @ts-expect-error no such word
await updateCall({ identity: "1", input: { status: "sleeping" } });

// -- transport, events, server --------------------------------------------------------------

await listContacts({
  fields: ["id"],
  baseUrl: "https://voice.example.com",
  headers: { authorization: "Bearer …" },
  fetchOptions: { signal: AbortSignal.timeout(1000) },
  customFetch: async (input, init) => fetch(input, init),
});
const operatorToken = async () => ({ token: "…", ttl_seconds: 3600 });
await listContacts({ fields: ["id"], operatorToken });
initSocket({ sessionToken: operatorToken });
const client = createClient({ baseUrl: "https://voice.example.com" });
const listed = await client.listContacts({ fields: ["fullName"] });
if (listed.success) expect<{ fullName: string }[]>()(listed.data);

initSocket({
  baseUrl: "https://voice.example.com",
  socketOptions: { params: { session_token: "…" }, heartbeatIntervalMs: 10_000 },
});
initSocket({ sessionToken: async () => "…" });
initSocket({ sessionToken: async () => ({ token: "…", ttl_seconds: 300, expires_at: "…" }) });
// @ts-expect-error a fixed token ends within minutes
initSocket({ sessionToken: "…" });
const channel = joinEventsChannel();
channel.on("incoming_call", (call) => expect<string>()(call.fromNumber));
channel.on("call_transcript_delta", (part) => {
  expect<number>()(part.sequence);
  // @ts-expect-error it only travels
  part.position;
});
// @ts-expect-error no such event
channel.on("nope", () => {});
// @ts-expect-error it has no hang-up cause yet
channel.on("call_answered", (call) => call.hangupCause);

const thread = followConversation("conv_…", { sessionToken: async () => "…", since: "0" });
thread.on("message.received", (event) => {
  expect<string>()(event.text);
  expect<"inbound" | "outbound">()(event.payload.direction);
  expect<string | null>()(event.payload.error_code);
});
thread.on("window.closing", (event) => {
  expect<string>()(event.payload.window_expires_at);
  // @ts-expect-error it is in the payload alone
  event.window_expires_at;
});
thread.on("event", (event) => {
  if (event.event_type === "conversation.mode_changed") event.to_mode satisfies "ai" | "human" | "closed";
});
// @ts-expect-error no such event
thread.on("message.lost", () => {});
// @ts-expect-error a browser has no key
followConversation("conv_…", { headers: { "x-api-key": "…" } });
const over = await thread.ended;
expect<boolean>()(over.code === "NOT_FOUND");

const server = createServerClient({ baseUrl: "https://voice.example.com", apiKey: "sk_live_…" });
const token = await server.createSessionToken({ ttlSeconds: 60 });
if (token.success) expect<string>()(token.data.token);
const talk = await server.createRealtimeSession({
  config: {
    model: "local/attendant",
    turn_detection: { silence_duration_ms: 700 },
    tools: [{ name: "find_table", parameters: { type: "object" } }],
  },
  lockedFields: ["model", "tools"],
  ttlSeconds: 30,
  agentId: "agt_…",
  leash: {
    max_duration_seconds: 600,
    budget: { tokens: 1_000, audio_seconds: 60, usd: 0.5 },
    allowed_tools: ["find_table"],
    allowed_origins: ["https://app.example.com"],
    subject: "user-4711",
    concurrency: 1,
    metadata: { plan: "free", seats: [1, 2] },
    recording_consent: true,
  },
});
if (talk.success) expect<string>()(talk.data.client_secret);
else expect<boolean>()(talk.errors[0]!.type === "model_not_found");
// @ts-expect-error no such member
await server.createRealtimeSession({ config: { modell: "local/attendant" } });
// @ts-expect-error no such unit of a budget
await server.createRealtimeSession({ leash: { budget: { eur: 1 } } });
// @ts-expect-error not a boolean
await server.createRealtimeSession({ config: { output_transcription: "yes" } });
// @ts-expect-error no such member to lock
await server.createRealtimeSession({ lockedFields: ["modell"] });
await server.issueOperatorAccessToken({ input: { email: "ada@example.com" } });
server.followConversation("conv_…").on("message.sent", (event) => event.payload.sender satisfies string);
await server.listQueues({ fields: ["queueName"] });
// @ts-expect-error the key is required
createServerClient({ baseUrl: "https://voice.example.com" });
