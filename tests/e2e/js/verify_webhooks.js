// Verifies webhooks with npm's `standardwebhooks`. Reads lines `{secret, headers, body}` (the body
// in base64), writes for each the event's id, or null if it is not signed with that secret.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  let id = null;
  try {
    id = new Webhook(secret).verify(Buffer.from(body, "base64"), headers).id;
  } catch (error) {
    if (error.name !== "WebhookVerificationError") throw error;
  }
  console.log(JSON.stringify(id));
}
