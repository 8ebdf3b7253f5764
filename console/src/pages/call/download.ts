// A transcript as a file: for people as text, for programs as JSON.

import { type Call, callerName, otherParty, type Turn } from "../../live/call";
import { causeOf } from "../../live/causes";
import { clock } from "../../parts/format";

/** Return when the clock of a call began: with its answer, or else with itself. */
export function zeroOf(call: Call): number {
  return call.answeredAt ?? call.startedAt ?? call.turns[0]?.from ?? 0;
}

/** Return how far into a call a moment is, as its clock shows it. */
export function timeIn(call: Call, at: number): string {
  return clock(at - zeroOf(call));
}

export function speakerName(call: Call, { who }: Pick<Turn, "who">): string {
  if (who === "caller") return "Caller";
  return who === "person" ? "A person" : (call.agentName ?? call.model ?? "Agent");
}

/** Write a call as text. What was never heard stands in brackets. */
export function asText(call: Call): string {
  const head = [
    `Call ${call.uuid}`,
    `${callerName(call)} (${otherParty(call)}), ${call.direction}`,
    ...(call.startedAt === null ? [] : [`Began ${new Date(call.startedAt).toISOString()}`]),
    ...(call.endedAt === null
      ? []
      : [`Ended ${new Date(call.endedAt).toISOString()}: ${causeOf(call)}`]),
  ];
  const said = call.turns
    .filter((turn) => turn.isFinal)
    .map((turn) => `${timeIn(call, turn.from)}  ${speakerName(call, turn)}: ${textOf(turn)}`);
  return `${[...head, "", ...said].join("\n")}\n`;
}

function textOf({ text, heard, recognized }: Turn): string {
  if (!recognized) return "(not understood)";
  if (heard === null || heard.length >= text.length) return text;
  return `${heard} [not heard: ${text.slice(heard.length).trim()}]`;
}

/** Write a call as JSON, in the names that the API uses. */
export function asJson(call: Call): string {
  const time = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  const turns = call.turns
    .filter((turn) => turn.isFinal)
    .map((turn) => ({
      role: turn.who === "caller" ? "user" : turn.who === "person" ? "operator" : "assistant",
      text: turn.text,
      occurredAt: time(turn.from),
      interrupted: turn.interrupted,
      spokenText: turn.heard,
      recognized: turn.recognized,
      latency: turn.latency,
    }));
  const { uuid, id, direction, from, to, status, hangupCause } = call;
  return `${JSON.stringify(
    {
      callUuid: uuid,
      id,
      direction,
      fromNumber: from,
      toNumber: to,
      status,
      startedAt: time(call.startedAt),
      answeredAt: time(call.answeredAt),
      endedAt: time(call.endedAt),
      hangupCause,
      transcript: turns,
    },
    null,
    2,
  )}\n`;
}

/** Save a text as a file. */
export function save(name: string, text: string, type: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 0);
}

/** Return a call's name as a file's: only letters and digits, whatever the integrator chose. */
export function fileName(call: Call, ending: string): string {
  const name = call.uuid.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80) || "call";
  return `transcript-${name}.${ending}`;
}
