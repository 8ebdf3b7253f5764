// How long each answer took to begin: the voice's share and the gateway's.

import type { Call, Turn } from "../../live/call";
import { type Gap, gapsOf } from "../../live/facts";
import { count } from "../../parts/format";
import { timeIn } from "./download";
import styles from "./Gaps.module.css";

/** An answer that begins within this feels like one. */
const AIM_MS = 800;
/** The last ones are shown; the others are in the transcript. */
const SHOWN = 12;

export function Gaps({ call, onOpen }: { call: Call; onOpen(turn: Turn): void }) {
  const gaps = gapsOf(call.turns);
  const shown = gaps.slice(-SHOWN);
  const most = Math.max(1000, ...shown.map(({ ms }) => ms));
  return (
    <section className={styles.box} aria-label="Turn gap">
      <h3 className={styles.title}>
        Turn gap <span>end of speech to first sound</span>
      </h3>
      {shown.length === 0 ? (
        <p className="quiet">No answer to speech yet.</p>
      ) : (
        <>
          <ol className={styles.gaps}>
            {shown.map((gap) => (
              <li key={gap.turn.id}>
                <button type="button" className={styles.row} onClick={() => onOpen(gap.turn)}>
                  <time>{timeIn(call, gap.turn.from)}</time>
                  <Bar gap={gap} most={most} />
                  <span className="mono">{spell(gap)}</span>
                </button>
              </li>
            ))}
          </ol>
          <p className={styles.legend}>
            <span className={styles.voice} aria-hidden="true" /> voice
            <span className={styles.gateway} aria-hidden="true" /> gateway
            <span className={styles.aimed}>dashed: {AIM_MS} ms</span>
            {gaps.length > SHOWN ? <span>the last {SHOWN}</span> : null}
          </p>
        </>
      )}
    </section>
  );
}

function Bar({ gap, most }: { gap: Gap; most: number }) {
  const { latency } = gap.turn;
  const percent = (ms: number) => `${(100 * ms) / most}%`;
  const voice = latency ? latency.voiceMs : gap.ms;
  return (
    <span className={styles.track}>
      <span className={styles.voice} style={{ inlineSize: percent(voice) }} />
      {latency ? (
        <span className={styles.gateway} style={{ inlineSize: percent(latency.gatewayMs) }} />
      ) : null}
      <span className={styles.aim} style={{ insetInlineStart: percent(AIM_MS) }} />
      {latency ? (
        <span className="visually-hidden">
          voice {latency.voiceMs} ms, gateway {latency.gatewayMs} ms
        </span>
      ) : null}
    </span>
  );
}

/** Write a gap; "≈" where it was worked out from events. */
export function spell({ ms, exact }: Gap): string {
  return `${exact ? "" : "≈ "}${count(Math.round(ms))} ms`;
}
