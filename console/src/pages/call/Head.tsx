import { Download } from "lucide-react";
import {
  answererName,
  type Call,
  callerName,
  hasEnded,
  isOnTheWeb,
  isPaused,
  otherParty,
} from "../../live/call";
import { causeOf, STATUSES } from "../../live/causes";
import { lengthOf, waitingSince } from "../../live/facts";
import { useNow } from "../../live/Live";
import { Button } from "../../parts/Button";
import { CallActions } from "../../parts/CallActions";
import { clock } from "../../parts/format";
import { Menu } from "../../parts/Menu";
import { Since } from "../../parts/RelativeTime";
import { Tag } from "../../parts/Tag";
import { asJson, asText, fileName, save } from "./download";
import styles from "./Head.module.css";

/** Who is on the line, for how long, and what one may do about it. */
export function Head({ call }: { call: Call }) {
  const now = useNow();
  const ended = hasEnded(call);
  const name = callerName(call);
  const number = otherParty(call);
  const direction = call.direction === "inbound" ? "to" : "from";
  return (
    <div className={styles.head}>
      <div className={styles.who}>
        <h2 className={styles.name}>
          <bdi>{name}</bdi>
          <span role="timer" aria-label="Time on the line" className={styles.clock}>
            {clock(lengthOf(call, now))}
          </span>
        </h2>
        <div className={styles.facts}>
          <span className={ended ? undefined : styles.status}>
            {ended ? `${STATUSES[call.status]}: ${causeOf(call)}` : STATUSES[call.status]}
          </span>
          {isOnTheWeb(call) ? <span>on the web</span> : null}
          {isOnTheWeb(call) || number === name ? null : (
            <span className="mono">
              <bdi>{number}</bdi>
            </span>
          )}
          <span>
            {direction} <bdi>{answererName(call)}</bdi>
          </span>
          {call.held ? <Tag>on hold</Tag> : null}
          {isPaused(call) ? <Tag tone="sleeve">agent paused</Tag> : null}
          {waitingSince(call) === null ? null : <Tag tone="brass">waiting</Tag>}
          {call.endedAt === null ? null : (
            <span>
              ended <Since at={call.endedAt} words /> ago
            </span>
          )}
        </div>
      </div>
      <div className={styles.actions} data-page-actions={ended ? undefined : ""}>
        {ended ? <Downloads call={call} /> : <CallActions call={call} keys />}
      </div>
    </div>
  );
}

function Downloads({ call }: { call: Call }) {
  const button = (
    <Button>
      <Download aria-hidden />
      Download transcript
    </Button>
  );
  const choices = [
    {
      label: "Text",
      onChoose: () => save(fileName(call, "txt"), asText(call), "text/plain"),
    },
    {
      label: "JSON",
      onChoose: () => save(fileName(call, "json"), asJson(call), "application/json"),
    },
  ];
  return <Menu button={button} choices={choices} />;
}
