import { Link } from "wouter";
import { answererName, type Call, callerName, hasEnded, withPerson } from "../../live/call";
import { causeOf, STATUSES } from "../../live/causes";
import { lengthOf } from "../../live/facts";
import { useCall, useNow } from "../../live/Live";
import { clock, isNumber } from "../../parts/format";
import type { Column } from "../../parts/Table";
import { Tag, Who } from "../../parts/Tag";
import { moment, useTimes } from "../../parts/zone";
import styles from "./Calls.module.css";

/** The columns of the list; a call that is on the line is shown as the feed knows it. */
export function columnsOf(callHref: (uuid: string) => string): Column<Call>[] {
  return [
    {
      title: "Began",
      width: "132px",
      phone: "below",
      cell: ({ startedAt }) => <Began at={startedAt} />,
    },
    {
      title: "Caller",
      width: "minmax(0, 1.2fr)",
      phone: "lead",
      cell: (call, { id, tabIndex }) => (
        <div className={styles.caller}>
          <Link id={`${id}-caller`} href={callHref(call.uuid)} tabIndex={tabIndex}>
            <bdi className={isNumber(callerName(call)) ? "mono" : undefined}>
              {callerName(call)}
            </bdi>
          </Link>
          {call.direction === "outbound" ? <Tag>outbound</Tag> : null}
        </div>
      ),
    },
    {
      title: "Who answered",
      width: "minmax(0, 1fr)",
      phone: "below",
      cell: (call, { id }) => (
        <div className={styles.answerer}>
          <Who party={withPerson(call) ? "person" : call.answeredAt ? "agent" : "nobody"} />
          <span id={`${id}-answer`}>
            <bdi>{answererName(call)}</bdi>
          </span>
        </div>
      ),
    },
    {
      title: "State",
      width: "minmax(0, 1.1fr)",
      phone: "below",
      cell: (call) => <State listed={call} />,
    },
    {
      title: "Time",
      width: "64px",
      end: true,
      phone: "side",
      cell: (call) => <Length listed={call} />,
    },
  ];
}

function Began({ at }: { at: number | null }) {
  const { day, time } = useTimes();
  if (at === null) return <span className="faint">–</span>;
  return (
    <time className={styles.number} dateTime={new Date(at).toISOString()} title={moment(at)}>
      {day(at)} <span className="quiet">{time(at)}</span>
    </time>
  );
}

function State({ listed }: { listed: Call }) {
  const call = useCall(listed.uuid) ?? listed;
  if (!hasEnded(call)) return <Tag>{STATUSES[call.status]}</Tag>;
  const [state, cause] = [STATUSES[call.status], causeOf(call)];
  return (
    <span className={styles.state}>
      {state}
      {cause === state.toLowerCase() ? null : <span className="quiet">, {cause}</span>}
    </span>
  );
}

function Length({ listed }: { listed: Call }) {
  const call = useCall(listed.uuid) ?? listed;
  return hasEnded(call) ? (
    <time className={styles.number}>{clock(lengthOf(call, 0))}</time>
  ) : (
    <Running call={call} />
  );
}

function Running({ call }: { call: Call }) {
  const now = useNow();
  return <time className={styles.number}>{clock(lengthOf(call, now))}</time>;
}
