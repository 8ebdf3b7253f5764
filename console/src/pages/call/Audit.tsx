import { useQuery } from "@tanstack/react-query";
import { readAudit } from "../../data/audit";
import type { Call } from "../../live/call";
import { Skeleton } from "../../parts/Empty";
import { Failed } from "../../parts/Failed";
import { Tag } from "../../parts/Tag";
import { moment } from "../../parts/zone";
import { useSession } from "../../session/session";
import styles from "./About.module.css";
import { timeIn } from "./download";
import { words } from "./entries";

/** What orders to a call are, in words; the other deeds are named as the API does. */
const DEEDS: Readonly<Record<string, string>> = {
  barge_call: "paused the agent",
  resume_ai_call: "resumed the agent",
  end_call: "ended the call",
  hear_recording: "opened the recording",
};

/** No event says that something was audited, so it is read again. */
const EVERY_MS = 10_000;

/** What people and keys did to the call. */
export function Audit({ call }: { call: Call }) {
  const { environment, me } = useSession();
  const { data, error, refetch } = useQuery({
    queryKey: [environment, "audit", call.uuid],
    queryFn: ({ signal }) => readAudit(environment, call.uuid, signal),
    refetchInterval: EVERY_MS,
  });
  if (error && !data) {
    return <Failed what="The audit log could not be read." error={error} onRetry={refetch} />;
  }
  if (!data) return <Skeleton rows={3} height={28} />;
  const seesAll = me.role === "owner" || me.role === "admin";
  if (data.results.length === 0) {
    const who = seesAll ? "No one has" : "You have not";
    return <p className="quiet">{who} done anything to this call.</p>;
  }
  return (
    <ol className={styles.audit}>
      {data.results.map((entry) => {
        const at = Date.parse(entry.occurredAt);
        return (
          <li key={entry.id}>
            <time title={moment(at)}>{timeIn(call, at)}</time>
            <span>
              <bdi>{entry.actorName}</bdi> {DEEDS[entry.action] ?? `: ${words(entry.action)}`}
              {entry.fields.length > 0 ? ` (${entry.fields.map(words).join(", ")})` : ""}
              {entry.outcome === "refused" ? <Tag tone="lamp">refused</Tag> : null}
              {entry.requestId ? <code>{entry.requestId}</code> : null}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
