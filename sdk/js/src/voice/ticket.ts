// Where a session goes, and with which ticket.

import { words } from "../listeners.js";

/** What the server's mint answers; `ws_url` is used if there is no `baseUrl`. */
export interface MintedTicket {
  client_secret: string;
  ws_url?: string;
}

export type Ticket = string | MintedTicket;
export type TicketSource = Ticket | (() => Ticket | Promise<Ticket>);

/** Fetches the ticket. Rejects with a sentence. */
export async function ticketOf(source: TicketSource): Promise<MintedTicket> {
  const answer = await askedFor(source);
  const ticket: { [member: string]: unknown } = Object(
    typeof answer === "string" ? { client_secret: answer } : answer,
  );
  const { client_secret, ws_url } = ticket;
  if (typeof client_secret === "string" && client_secret !== "") {
    return typeof ws_url === "string" ? { client_secret, ws_url } : { client_secret };
  }
  const told: unknown = Object(ticket["error"]).message; // a refusal that the backend passes on
  const why = typeof told === "string" ? told : "it returns a text or { client_secret }";
  throw new Error(`ticket gave no ticket: ${why}`);
}

async function askedFor(source: TicketSource): Promise<unknown> {
  try {
    return typeof source === "function" ? await source() : source;
  } catch (error) {
    throw new Error(`ticket failed: ${words(error)}`, { cause: error });
  }
}

/** Makes the URL of the socket from the server's, or from the ticket's if there is none. */
export function socketUrl(baseUrl: string | undefined, given: string | undefined): string {
  const base = (baseUrl ?? "").replace(/\/+$/, "");
  const url = baseUrl === undefined && given ? given : `${base}/v3/realtime`;
  const page = "location" in globalThis ? globalThis.location.href : undefined;
  if (!/^(http|ws)s?:\/\//i.test(url) && !(page && url.startsWith("/"))) {
    throw new Error(
      `a voice session needs a baseUrl like "https://voice.example.com"; it is "${baseUrl ?? ""}"`,
    );
  }
  const whole = new URL(url, page);
  whole.protocol = whole.protocol.replace("http", "ws");
  whole.search = ""; // a ticket goes into the subprotocol: URLs end up in logs
  return whole.href;
}
