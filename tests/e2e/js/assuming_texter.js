// A backend that answers text messages, as an existing TypeScript one was written (8, assumption 2):
// each event is checked member by member, as its types have it, before anything is done with it. It
// knows nothing of Ringline but the documentation. It tells where it listens, then of each event.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const [url, key, secret, agent] = process.argv.slice(2);
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const E164 = /^\+[1-9]\d{6,14}$/;

function tell(what, payload) {
  console.log(JSON.stringify({ what, payload }));
}

function expect(condition, why) {
  if (!condition) throw new Error(why);
}

const text = (value) => typeof value === "string" && value !== "";

function verify(headers, raw) {
  const timestamp = headers["x-voicebip-timestamp"];
  expect(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300, "clock");
  const made = `sha256=${createHmac("sha256", secret).update(`${timestamp}.`).update(raw).digest("hex")}`;
  const sent = headers["x-voicebip-signature"] ?? "";
  expect(sent.length === made.length, "signature");
  expect(timingSafeEqual(Buffer.from(sent), Buffer.from(made)), "signature");
}

function parse(headers, raw) {
  const event = JSON.parse(raw.toString("utf8"));
  expect(text(event.event_id), "event_id");
  expect(event.event_id === headers["x-voicebip-event-id"], "event_id is not the header's");
  expect(text(event.event_type), "event_type");
  expect(event.channel === "sms", "channel");
  expect(event.agent_id === agent, "agent_id");
  expect(E164.test(event.number), "number");
  expect(E164.test(event.from), "from");
  expect(ISO.test(event.timestamp) && !Number.isNaN(Date.parse(event.timestamp)), "timestamp");
  expect(event.payload !== null && typeof event.payload === "object", "payload");
  const { payload } = event;
  if (event.event_type.startsWith("message.")) expect(text(payload.message_id), "message_id");
  switch (event.event_type) {
    case "message.received":
      expect(text(payload.body), "body");
      expect(payload.encoding === "GSM-7" || payload.encoding === "UCS-2", "encoding");
      break;
    case "message.dlr":
      expect(payload.status === "DELIVRD", "status");
      expect(payload.error_code === "000", "error_code");
      expect(payload.submitted === 1 && payload.delivered === 1, "parts");
      break;
    case "message.failed":
      expect(text(payload.error_code), "error_code");
      break;
  }
  return event;
}

async function send(event, body) {
  const answer = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({
      agent_id: agent,
      channel: "sms",
      from_number: event.number,
      to_number: event.from,
      body,
    }),
  });
  const data = await answer.json();
  if (answer.status === 422) return tell("not sent", { code: data.error_code });
  expect(answer.ok, data.message);
  expect(text(data.message_id), "message_id of the answer");
  expect(data.status === "queued", "status of the answer");
  tell("sent", { message_id: data.message_id });
}

const seen = new Set();

async function take(request, raw) {
  verify(request.headers, raw);
  const event = parse(request.headers, raw);
  if (seen.has(event.event_id)) return;
  seen.add(event.event_id);
  tell(event.event_type, { event_id: event.event_id, ...event.payload });
  if (event.event_type !== "message.received") return;
  await send(event, `You wrote: ${event.payload.body}`);
}

createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  let status = 200;
  try {
    await take(request, Buffer.concat(pieces));
  } catch (error) {
    status = 400;
    tell("refused", { why: error.message });
  }
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end('{"received": true}');
}).listen(0, "127.0.0.1", function () {
  tell("listening", { port: this.address().port });
});
