// For backends: everything that takes the secret key, which must never reach a browser.

import { createClient } from "./client.js";
import { type FollowedConversation, followWithKey, type ResumeOptions } from "./conversation.js";
import type { Actions, ErrorType } from "./generated.js";
import type { RealtimeErrorType, SessionConfig, SessionLeash } from "./realtime.js";
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

export interface RealtimeSessionRequest extends TransportOptions {
  /** What the ticket decides: what the browser sends for these members later does not count. */
  config?: SessionConfig;
  /** Members that the ticket decides even where they are absent or empty. */
  lockedFields?: readonly (keyof SessionConfig)[];
  /** How long the ticket waits to be used, in seconds: 1 to 300, 60 if absent. */
  ttlSeconds?: number;
  /** What bounds the session, and who talks in it. */
  leash?: SessionLeash;
  /** The agent that speaks, `agt_…` or its UUID; its settings count where `config` has none. */
  agentId?: string;
}

/** A ticket that opens one realtime session, once. */
export interface RealtimeSession {
  id: string;
  /** For the browser: the WebSocket's subprotocol is `opper-ticket.` and this. */
  client_secret: string;
  expires_at: string;
}

/** Every action, and the mints of what browsers get instead of the key. */
export interface ServerClient extends Actions {
  /** Mints a token with which a browser may watch the workspace's events. */
  createSessionToken(
    request?: SessionTokenRequest,
  ): Promise<Result<SessionToken, ErrorType>>;
  /** Mints a ticket with which a browser may talk to a voice. */
  createRealtimeSession(
    request?: RealtimeSessionRequest,
  ): Promise<Result<RealtimeSession, RealtimeErrorType>>;
  /** Follows a thread of messages, until it is closed. */
  followConversation(conversationId: string, options?: ResumeOptions): FollowedConversation;
}

/** Makes a client of a workspace for a backend. */
export function createServerClient(options: ServerOptions): ServerClient {
  const { apiKey, ...rest } = options;
  const transport = merged(rest, { headers: { ...rest.headers, "x-api-key": apiKey } });

  async function mint<Minted, Type extends string>(
    path: string,
    body: object,
    own: TransportOptions,
  ): Promise<Result<Minted, Type>> {
    const sent = await post(path, body, merged(transport, own));
    if (isFailure(sent)) return sent as Failure<Type>;
    if (!sent.ok) return sent.json as Failure<Type>;
    return { success: true, data: sent.json as Minted };
  }

  const createSessionToken: ServerClient["createSessionToken"] = (request = {}) => {
    const { ttlSeconds, operatorEmail, userId, ...own } = request;
    const body = { ttl_seconds: ttlSeconds, operator_email: operatorEmail, user_id: userId };
    return mint("/api/realtime/session", body, own);
  };

  const createRealtimeSession: ServerClient["createRealtimeSession"] = (request = {}) => {
    const { config, lockedFields, ttlSeconds, agentId, leash, ...own } = request;
    const body = {
      ...leash,
      config,
      locked_fields: lockedFields,
      ttl_seconds: ttlSeconds,
      agent_id: agentId,
    };
    return mint("/v3/realtime-sessions", body, own);
  };

  const followConversation: ServerClient["followConversation"] = (conversationId, own = {}) =>
    followWithKey(conversationId, transport, own);

  return {
    ...createClient(transport),
    createSessionToken,
    createRealtimeSession,
    followConversation,
  };
}

export type * from "./conversation_events.js";
export type { FollowedConversation, FollowedEvents, FollowEnd } from "./conversation.js";
export type { Actions, ErrorType } from "./generated.js";
export type { RealtimeErrorType, SessionConfig, SessionLeash } from "./realtime.js";
export { interpolate } from "./errors.js";
export type { TransportOptions } from "./transport.js";
export type * from "./types.js";
