// The line over the whole call: what one may seek in, and hear where there is a recording.

import { Diamond, Pause, Play, X } from "lucide-react";
import { type KeyboardEvent, useCallback, useMemo } from "react";
import { clock as serverClock } from "../../data/time";
import { Line } from "../../line/Line";
import { answererName, type Call, type Mark } from "../../live/call";
import { useNow } from "../../live/Live";
import { lineOf } from "../../live/line";
import { Button, Chips } from "../../parts/Button";
import { clock } from "../../parts/format";
import { Who } from "../../parts/Tag";
import { timeIn, zeroOf } from "./download";
import { sharesOf } from "./entries";
import styles from "./Reel.module.css";
import { type Recording, SPEEDS, type Speed } from "./recording";

/** How far `Shift` and an arrow go. */
export const SKIP_MS = 5000;
/** A call that has just begun is drawn on this much room. */
const LEAST_MS = 15_000;

interface ReelProps {
  call: Call;
  /** The moment that is marked. */
  at: number | null;
  onSeek(at: number): void;
  onSkip(by: number): void;
  recording: Recording | null;
}

export function Reel({ call, at, onSeek, onSkip, recording }: ReelProps) {
  const now = useNow();
  const from = call.startedAt ?? zeroOf(call);
  const sound = recording?.sound;
  const drawn = useMemo(() => (sound ? { ...lineOf(call), sound } : lineOf(call)), [call, sound]);
  const read = useCallback(() => {
    const to = Math.max(call.endedAt ?? serverClock.now(), from + LEAST_MS);
    return { call: drawn, from, to };
  }, [call, drawn, from]);
  const { to } = read();
  return (
    <section className={styles.reel} aria-label="The whole call">
      <Legend call={call} now={now} />
      <div className={styles.line}>
        <Line read={read} size="whole" />
        {at === null ? null : (
          <span
            aria-hidden="true"
            className={styles.at}
            style={{ insetInlineStart: `calc((100% - 6px) * ${share(at, from, to)})` }}
          />
        )}
        <input
          type="range"
          aria-label="Position in the call"
          aria-valuetext={timeIn(call, at ?? from)}
          className={styles.seek}
          min={0}
          max={to - from}
          step={1000}
          value={(at ?? from) - from}
          onChange={(event) => onSeek(from + event.currentTarget.valueAsNumber)}
          onKeyDown={(event) => stepped(event, onSkip)}
        />
      </div>
      {recording ? <Player recording={recording} /> : null}
    </section>
  );
}

function share(at: number, from: number, to: number): number {
  return Math.min(1, Math.max(0, (at - from) / (to - from)));
}

function stepped(event: KeyboardEvent, step: (by: number) => void): void {
  if (!event.shiftKey || !event.key.startsWith("Arrow")) return;
  event.preventDefault();
  const back = event.key === "ArrowLeft" || event.key === "ArrowDown";
  step(back ? -SKIP_MS : SKIP_MS);
}

function Legend({ call, now }: { call: Call; now: number }) {
  const { caller, agent, silence } = sharesOf(call, now);
  const marks = (kind: Mark["kind"]) => call.marks.some((mark) => mark.kind === kind);
  return (
    <div className={styles.legend}>
      <span>
        <Who party="caller" />
        Caller, above the line
      </span>
      <span>
        <Who party="agent" />
        <span>
          <bdi>{answererName(call)}</bdi>, below
        </span>
      </span>
      {marks("tool_call") ? (
        <span className="not-phone">
          <Diamond aria-hidden />
          tool
        </span>
      ) : null}
      {marks("cut") ? (
        <span className="not-phone">
          <X aria-hidden />
          interrupted
        </span>
      ) : null}
      <span className={`not-phone ${styles.shares}`}>
        caller {caller} s <i /> agent {agent} s <i /> silence {silence} s
      </span>
    </div>
  );
}

const CHOICES = SPEEDS.map((speed) => ({ name: String(speed), label: `${speed}×` }));

function Player({ recording }: { recording: Recording }) {
  const { playing, at, lengthMs, speed, failed } = recording;
  return (
    <div className={styles.player}>
      <Button low onClick={recording.toggle}>
        {playing ? <Pause aria-hidden /> : <Play aria-hidden />}
        {playing ? "Pause" : "Play"}
      </Button>
      <Chips
        label="Speed"
        choices={CHOICES}
        chosen={String(speed)}
        onChoose={(name) => recording.choose(Number(name) as Speed)}
      />
      <span className="mono quiet">{clock(lengthMs)}</span>
      {at === null && !failed ? <span className="quiet">Recorded, both sides</span> : null}
      {failed ? <span role="alert">The recording cannot be played.</span> : null}
    </div>
  );
}
