import type { Call, Participant } from "../../live/call";
import { type Party, Who } from "../../parts/Tag";
import styles from "./About.module.css";
import { timeIn } from "./download";
import { ROLES } from "./entries";

/** Who is on the line, and was. */
export function People({ call }: { call: Call }) {
  if (call.participants.length === 0) return <p className="quiet">Nobody has joined yet.</p>;
  return (
    <ul className={styles.people}>
      {call.participants.map((one) => (
        <li key={one.memberUuid}>
          <Who party={partyOf(one)} />
          <span>
            {ROLES[one.role]}
            <small>
              <bdi>{one.memberUuid}</bdi>
            </small>
          </span>
          <span className={styles.when}>{stay(call, one)}</span>
        </li>
      ))}
    </ul>
  );
}

function partyOf({ role }: Participant): Party {
  if (role === "caller" || role === "callee") return "caller";
  return role === "ai_agent" ? "agent" : "person";
}

function stay(call: Call, { joinedAt, leftAt }: Participant): string {
  const from = joinedAt === null ? "" : timeIn(call, joinedAt);
  return leftAt === null ? `since ${from}` : `${from} to ${timeIn(call, leftAt)}`;
}
