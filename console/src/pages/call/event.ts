// An event of a call in one line, and as a request that reads it again.

import type { CallEvent } from "../../live/reducer";
import { words } from "./entries";

const LINE = 160;

/** Say what an event says, in one line. */
export function lineOf(event: CallEvent): string {
  return told(event).replace(/\s+/gu, " ").slice(0, LINE);
}

function told(event: CallEvent): string {
  switch (event.type) {
    case "call.created":
      return `${event.data.direction}, ${event.data.source}`;
    case "call.ringing":
      return event.data.status;
    case "call.answered":
      return `by ${words(event.data.answeredBy)}`;
    case "call.participant_joined":
    case "call.participant_left":
      return words(event.data.role);
    case "call.transcript_delta":
      return event.data.text;
    case "call.turn_completed":
      return `${event.data.role === "user" ? "caller" : "agent"}: ${event.data.text}`;
    case "call.barge_in":
      return `at ${event.data.atMs} ms`;
    case "call.idle_silence":
      return `${event.data.silenceMs} ms`;
    case "call.held":
    case "call.resumed":
      return "";
    case "call.transferred":
      return `to ${event.data.destination}`;
    case "call.audit": {
      const { name } = event.data.detail;
      const what = typeof name === "string" ? name : words(event.data.code);
      return `${words(event.data.auditType)}: ${what}`;
    }
    case "call.ended":
      return `${event.data.status}, ${words(event.data.hangupCause)}`;
  }
}

/** Write the request that reads one event with an API key, for a terminal. */
export function curlOf(event: CallEvent & { position: string }, server: string): string {
  const [epoch, offset] = event.position.split(":");
  const before = Number(offset) - 1;
  const input = {
    callUuid: event.callUuid,
    after: before === 0 ? "0" : `${epoch}:${before}`,
    limit: 1,
  };
  const body = JSON.stringify({ action: "list_events", input });
  return [
    `curl ${quoted(`${server}/rpc/public/run`)}`,
    `-H "x-api-key: $RINGLINE_KEY"`,
    `-H "content-type: application/json"`,
    `-d ${quoted(body)}`,
  ].join(" \\\n  ");
}

/** Quote a text for a shell: nothing in it means anything there. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
