import { useState } from "react";
import { SERVER } from "../../base";
import type { Call } from "../../live/call";
import type { CallEvent } from "../../live/reducer";
import { Button } from "../../parts/Button";
import { count, counted } from "../../parts/format";
import styles from "./About.module.css";
import { copy } from "./copy";
import { timeIn } from "./download";
import { curlOf, lineOf } from "./event";

/** So many of the last ones are shown at first. */
const SHOWN = 200;

type Durable = Extract<CallEvent, { offset: number }>;

export function Events({ call, events }: { call: Call; events: readonly CallEvent[] }) {
  const [most, setMost] = useState(SHOWN);
  const kept = events.filter((event): event is Durable => "offset" in event);
  const shown = kept.slice(-most);
  const hidden = kept.length - shown.length;
  return (
    <>
      {hidden > 0 ? (
        <Button low onClick={() => setMost(most * 10)}>
          Show {counted(Math.min(hidden, most * 9), "earlier event")}
        </Button>
      ) : null}
      <ol className={styles.events}>
        {shown.map((event) => (
          <Row key={event.offset} call={call} event={event} />
        ))}
      </ol>
      {kept.length === 0 ? <p className="quiet">Its events are no longer kept.</p> : null}
    </>
  );
}

function Row({ call, event }: { call: Call; event: Durable }) {
  const [open, setOpen] = useState(false);
  const { offset, occurredAt, type } = event;
  return (
    <li>
      <button
        type="button"
        aria-expanded={open}
        className={styles.event}
        onClick={() => setOpen(!open)}
      >
        <span className={styles.offset}>{count(offset)}</span>
        <time>{timeIn(call, Date.parse(occurredAt))}</time>
        <code>{type}</code>
        <span className={styles.line} dir="auto">
          {lineOf(event)}
        </span>
      </button>
      {open ? <Whole event={event} /> : null}
    </li>
  );
}

function Whole({ event }: { event: Durable }) {
  return (
    <div className={styles.whole}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it */}
      <pre tabIndex={0}>{JSON.stringify(event, null, 2)}</pre>
      <div className={styles.buttons}>
        <Button low onClick={() => copy(event.eventId, "The id")}>
          Copy id
        </Button>
        <Button low onClick={() => copy(event.position, "The position")}>
          Copy position
        </Button>
        <Button low onClick={() => copy(curlOf(event, location.origin + SERVER), "The command")}>
          Copy as curl
        </Button>
      </div>
    </div>
  );
}
