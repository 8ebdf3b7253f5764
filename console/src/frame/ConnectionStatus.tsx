import { useConnection, useLive } from "../live/Live";
import { Button } from "../parts/Button";
import { count } from "../parts/format";
import { useTimes } from "../parts/zone";
import styles from "./Bar.module.css";
import { say, type Tone, tellsOffset } from "./said";

const LOOKS: Readonly<Record<Tone, string | undefined>> = {
  good: "",
  waits: styles.waits,
  away: styles.away,
};

/** Connected, Resuming or Offline; and how far the log was followed. */
export function ConnectionStatus() {
  const connection = useConnection((all) => all);
  const { retry } = useLive();
  const { tone, text } = say(connection, useTimes());
  return (
    <div className={`${styles.wire} ${LOOKS[tone]}`}>
      <span
        className={tone === "good" ? `${styles.lamp} ${styles.breathes}` : styles.lamp}
        aria-hidden="true"
      />
      <span role="status" aria-label="Connection" className={styles.said} title={text}>
        {text}
      </span>
      {tellsOffset(connection) ? (
        <span className={`${styles.offset} mono`} aria-hidden="true">
          {count(connection.offset)}
        </span>
      ) : null}
      {connection.state === "offline" ? (
        <Button low onClick={retry}>
          Try now
        </Button>
      ) : null}
    </div>
  );
}
