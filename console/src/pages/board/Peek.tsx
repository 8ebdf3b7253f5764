import { callerName } from "../../live/call";
import { useCall } from "../../live/Live";
import { ButtonLink } from "../../parts/Button";
import { CallActions } from "../../parts/CallActions";
import { Who } from "../../parts/Tag";
import { Words } from "./cells";
import styles from "./cells.module.css";

const TURNS = 4;
/** Of each turn; the call's own page shows the whole. */
const CHARACTERS = 400;

/** What is said on a call, below its row, and what one may do about it. */
export function Peek({ uuid, href }: { uuid: string; href: string }) {
  const call = useCall(uuid);
  if (!call) return null;
  const turns = call.turns.filter(({ text }) => text.trim()).slice(-TURNS);
  return (
    <div className={styles.peek}>
      {turns.length ? null : <p className="quiet">Nothing was said yet.</p>}
      <ol aria-label={`What is said: ${callerName(call)}`}>
        {turns.map((turn) => (
          <li key={turn.id} className={turn.isFinal ? undefined : styles.growing}>
            <Who party={turn.who} />
            <span>
              <span className="visually-hidden">{turn.who}: </span>
              <Words turn={turn} most={CHARACTERS} />
            </span>
          </li>
        ))}
      </ol>
      <div className={styles.actions}>
        <ButtonLink low href={href}>
          Open{" "}
          <span className="not-phone" aria-hidden="true">
            <kbd>↵</kbd>
          </span>
        </ButtonLink>
        <CallActions call={call} low keys />
      </div>
    </div>
  );
}
