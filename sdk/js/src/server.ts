// For backends: everything that takes the secret key, which must never reach a browser.

import { createClient } from "./client.js";
import type { Actions, ErrorType } from "./generated.js";
import { isFailure, merged, post, type TransportOptions } from "./transport.js";
import type { Failure, Result } from "./types.js";

export interface ServerOptions extends TransportOptions {
  baseUrl: string;
  /** A secret key of the workspace, `sk_…`. */
  apiKey: string;
}

export interface SessionTokenRequest extends TransportOptions {
  /** How long it lives, in seconds: 30 to 900, 300 if absent. */
  ttlSeconds?: number;
  /** Kept in the token for auditing. */
  operatorEmail?: string;
  userId?: string;
}

/** A credential that ends by itself. */
export interface SessionToken {
  token: string;
  expires_at: string;
  ttl_seconds: number;
}

/** Every action, and the mint of session tokens. */
export interface ServerClient extends Actions {
  /** Mints a token with which a browser may watch the workspace's events. */
  createSessionToken(
    request?: SessionTokenRequest,
  ): Promise<Result<SessionToken, ErrorType>>;
}

/** Makes a client of a workspace for a backend. */
export function createServerClient(options: ServerOptions): ServerClient {
  const { apiKey, ...rest } = options;
  const transport = merged(rest, { headers: { ...rest.headers, "x-api-key": apiKey } });

  async function createSessionToken(
    request: SessionTokenRequest = {},
  ): Promise<Result<SessionToken, ErrorType>> {
    const { ttlSeconds, operatorEmail, userId, ...own } = request;
    const body = { ttl_seconds: ttlSeconds, operator_email: operatorEmail, user_id: userId };
    const sent = await post("/api/realtime/session", body, merged(transport, own));
    if (isFailure(sent)) return sent;
    if (!sent.ok) return sent.json as Failure<ErrorType>;
    return { success: true, data: sent.json as SessionToken };
  }

  return { ...createClient(transport), createSessionToken };
}

export type { Actions, ErrorType } from "./generated.js";
export { interpolate } from "./errors.js";
export type { TransportOptions } from "./transport.js";
export type * from "./types.js";
