// What the types of `/v1` say, and what they refuse. Compiled, never run.
import type { V1CreateKeyBody, V1Error, V1ErrorCode, V1Routes } from "@ringline/sdk";

/** A client over `fetch`, as one writes it with these types. */
declare function ask<Name extends keyof V1Routes>(
  route: Name,
  given: Omit<V1Routes[Name], "answer">,
): Promise<V1Routes[Name]["answer"]>;

const key = await ask("POST /v1/keys", {
  path: undefined,
  query: undefined,
  body: { label: "shop", mode: "live" },
});
const id: string = key.key_id;
const mode: "live" | "test" = key.mode;
const never: string | null = key.expires_at;
// @ts-expect-error it may be null
const expires: string = key.expires_at;

await ask("POST /v1/keys", {
  path: undefined,
  query: undefined,
  // @ts-expect-error the mode is required
  body: { label: "shop" },
});
// @ts-expect-error a mode that does not exist
const body: V1CreateKeyBody = { label: "shop", mode: "sandbox" };

const nothing: undefined = await ask("DELETE /v1/keys/{key_id}", {
  path: { key_id: id },
  query: undefined,
  body: undefined,
});

const page = await ask("GET /v1/keys", {
  path: undefined,
  query: { page_size: 100 },
  body: undefined,
});
const rows: string[] = page.keys.map((row) => row.label);
const next: string | undefined = page.next_page_token;
// @ts-expect-error a listed key has no secret
page.keys[0]?.key;
// @ts-expect-error no such route
await ask("GET /v1/nowhere", { path: undefined, query: undefined, body: undefined });

const changed = await ask("PATCH /v1/workspace", {
  path: undefined,
  query: undefined,
  body: { webhook_url: null },
});
const days: number = changed.retention_days;

declare const refused: V1Error;
const code: V1ErrorCode = refused.error_code;
// @ts-expect-error not a code of `/v1`
const other: V1ErrorCode = "not_found";

export { body, code, days, expires, mode, never, next, nothing, other, rows };
