import type { ReactNode } from "react";
import type { CallRow } from "../../data/call";
import { shortId } from "../../data/ids";
import type { Call } from "../../live/call";
import { causeOf, STATUSES } from "../../live/causes";
import type { CallEvent } from "../../live/reducer";
import { clock } from "../../parts/format";
import { moment } from "../../parts/zone";
import styles from "./About.module.css";

interface FactsProps {
  call: Call;
  events: readonly CallEvent[];
  row: CallRow | null;
}

/** What a call is, in all its names. */
export function Facts({ call, events, row }: FactsProps) {
  const time = (at: number | null) => (at === null ? null : moment(at));
  const facts: [string, ReactNode][] = [
    ["callUuid", code(call.uuid)],
    ["Id", call.id && code(call.id)],
    ["Id in /v1", call.id && code(shortId("call", call.id))],
    ["Direction", call.direction],
    ["From", code(call.from)],
    ["To", code(call.to)],
    ["Status", STATUSES[call.status]],
    ["Ended because", call.endedAt === null ? null : causeOf(call)],
    ["Began", time(call.startedAt)],
    ["Answered", time(call.answeredAt)],
    ["Ended", time(call.endedAt)],
    ["Agent", call.agentName],
    ["Agent's id", call.agentId && code(call.agentId)],
    ["Model", call.model && code(call.model)],
    ["Transport", events[0]?.data.transport],
    ["Source", row?.callSource],
    ["SIP user", row?.sipUsername && code(row.sipUsername)],
    ["Conversation", row?.conversation && `${row.conversation.channel}, ${row.conversation.mode}`],
    ["Its public id", row?.conversation && code(row.conversation.publicId)],
    ["Recording", row && recordingOf(row)],
    ["Your data", row?.metadata && code(JSON.stringify(row.metadata))],
  ];
  return (
    <dl className={styles.facts}>
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function code(text: string): ReactNode {
  return (
    <code>
      <bdi>{text}</bdi>
    </code>
  );
}

function recordingOf({ recordingMs, recordingConsent }: CallRow): string | null {
  if (recordingMs !== null) return clock(recordingMs);
  return recordingConsent === false ? "the caller did not agree" : null;
}
