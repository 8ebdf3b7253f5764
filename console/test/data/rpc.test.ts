// How the console asks the server, and what it makes of what comes back.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CONSOLE } from "../../src/base";
import { endCall, mintToken } from "../../src/data/calls";
import { ApiError, observe, run, send } from "../../src/data/rpc";
import { clock } from "../../src/data/time";
import { Refused, SignedOut } from "../../src/live/socket";

const asked: { path: string; init: RequestInit; headers: Headers }[] = [];
let answer: () => Response;

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push({ path, init, headers: new Headers(init.headers) });
    return answer();
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function says(body: unknown, status = 200, headers: Record<string, string> = {}): void {
  answer = () => new Response(JSON.stringify(body), { status, headers });
}

function error(type: string, message: string, vars = {}) {
  const words = { type, message, shortMessage: message, vars, fields: [], path: [] };
  return { success: false, errors: [words] };
}

const listed = () => run("test", ({ listCalls }) => listCalls({ fields: ["id"] }));

describe("an action", () => {
  test("goes to the environment's own door, with the console's header and no key", async () => {
    says({ success: true, data: [{ id: "1" }] });
    expect(await listed()).toEqual([{ id: "1" }]);
    const [{ path, init, headers }] = asked as [(typeof asked)[number]];
    expect(path).toBe(`${CONSOLE}/api/test/rpc/public/run`);
    expect(headers.get("x-ringline-console")).toBe("1");
    expect(headers.get("content-type")).toBe("application/json");
    expect(headers.has("x-api-key") || headers.has("authorization")).toBe(false);
    expect(JSON.parse(String(init.body))).toEqual({ action: "list_calls", fields: ["id"] });
  });

  test("that is refused says why, and by which request", async () => {
    const refused = error("forbidden", "it takes %{role}", { role: "an admin" });
    says(refused, 200, { "x-request-id": "req_1" });
    const thrown = (await listed().catch((one: unknown) => one)) as ApiError;
    expect(thrown).toBeInstanceOf(ApiError);
    expect(thrown).toMatchObject({
      type: "forbidden",
      message: "it takes an admin",
      requestId: "req_1",
      status: 200,
    });
  });

  test("that comes too often says when it may come again", async () => {
    says(error("rate_limited", "too many"), 429, { "retry-after": "3" });
    await expect(listed()).rejects.toMatchObject({ type: "rate_limited", retryAfterMs: 3000 });
  });

  test("without an answer is a network error", async () => {
    answer = () => {
      throw new TypeError("away");
    };
    await expect(listed()).rejects.toMatchObject({ type: "network_error", status: 0 });
  });

  test("that was given up rejects with that", async () => {
    const stop = new AbortController();
    answer = () => {
      stop.abort();
      throw new DOMException("aborted", "AbortError");
    };
    const ask = run("live", ({ listCalls }) => listCalls({ fields: ["id"] }), stop);
    await expect(ask).rejects.toMatchObject({ name: "AbortError" });
  });
});

test("an order has a key of its own, so that it is carried out once", async () => {
  says({ success: true, data: {} });
  await endCall("live", "order-7");
  await endCall("live", "order-7");
  const keys = asked.map(({ headers }) => headers.get("idempotency-key"));
  expect(new Set(keys).size).toBe(2);
  expect(keys.every((key) => key && key.length >= 32)).toBe(true);
});

describe("a token", () => {
  test("is minted on the sign-in", async () => {
    says({ token: "t", ttl_seconds: 300, expires_at: "2026-11-30T10:05:00Z" });
    expect(await mintToken("live")).toMatchObject({ token: "t", ttl_seconds: 300 });
    expect(asked[0]).toMatchObject({ path: `${CONSOLE}/api/live/token`, init: { method: "POST" } });
  });

  test("is not minted without a sign-in", async () => {
    says(error("unauthorized", "signed out"), 401);
    await expect(mintToken("live")).rejects.toBeInstanceOf(SignedOut);
  });

  test("that the server cannot mint now says why, in words or not", async () => {
    says(error("unavailable", "the database is away"), 503);
    await expect(mintToken("live")).rejects.toEqual(new Refused("the database is away"));
    answer = () => new Response("<html>", { status: 502 });
    await expect(mintToken("live")).rejects.toEqual(new Refused("The server answered 502."));
  });
});

test("every answer is looked at, and tells the time", async () => {
  const ahead = 3_600_000;
  const seen: number[] = [];
  const stop = observe(({ status }) => seen.push(status));
  says({}, 404, { date: new Date(Date.now() + ahead).toUTCString() });
  await send(`${CONSOLE}/api/hello`);
  stop();
  await send(`${CONSOLE}/api/hello`);
  expect(seen).toEqual([404]);
  expect(Math.abs(clock.now() - Date.now() - ahead)).toBeLessThan(1500);
});
