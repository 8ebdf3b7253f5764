// Calls as CSV (RFC 4180), safe to open in a spreadsheet.

import type { ListedCall } from "../../live/snapshot";

export type CsvCall = ListedCall & { durationSeconds: number | null };

const COLUMNS: readonly (readonly [string, (call: CsvCall) => string | number | null])[] = [
  ["call_uuid", (call) => call.callUuid],
  ["started_at", (call) => call.startedAt],
  ["answered_at", (call) => call.answeredAt],
  ["ended_at", (call) => call.endedAt],
  ["duration_seconds", (call) => call.durationSeconds],
  ["direction", (call) => call.direction],
  ["from", (call) => call.fromNumber],
  ["to", (call) => call.toNumber],
  ["agent", (call) => call.aiAgent?.name ?? null],
  ["model", (call) => call.model],
  ["status", (call) => call.status],
  ["hangup_cause", (call) => call.hangupCause],
];

/** Write calls as CSV, with a line of heads. */
export function toCsv(calls: readonly CsvCall[]): string {
  const heads = COLUMNS.map(([head]) => head).join(",");
  const lines = calls.map((call) => COLUMNS.map(([, read]) => cell(read(call))).join(","));
  return [heads, ...lines, ""].join("\r\n");
}

function cell(value: string | number | null): string {
  const text = harmless(String(value ?? ""));
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A caller chooses what stands in "from": a spreadsheet must not take it for a formula. */
function harmless(text: string): string {
  const isNumber = /^\+[\d\s().-]+$/u.test(text);
  return /^[=+\-@\t\r]/u.test(text) && !isNumber ? `'${text}` : text;
}
