// The recording of a call: one audio element, whose time is the call's.

import { useEffect, useMemo, useState } from "react";
import { CONSOLE } from "../../base";
import { type CallRow, readPeaks } from "../../data/call";
import type { Sound } from "../../line/sound";
import { type Call, hasEnded, type Turn } from "../../live/call";
import { useSession } from "../../session/session";

export const SPEEDS = [1, 1.5, 2] as const;
export type Speed = (typeof SPEEDS)[number];

export interface Recording {
  /** The moment that is played, or would be; null before it was ever played. */
  at: number | null;
  playing: boolean;
  speed: Speed;
  lengthMs: number;
  /** Why it cannot be played. */
  failed: boolean;
  /** How loud it is, once it was played: whoever opens a recording is in the audit log. */
  sound: Sound | null;
  toggle(): void;
  choose(speed: Speed): void;
  seek(at: number): void;
  /** Return the turn that is spoken while it plays. */
  spokenIn(turns: readonly Turn[]): Turn | null;
}

/** Return the recording of a call; null where there is none, or one may not hear it. */
export function useRecording(call: Call, row: CallRow | null): Recording | null {
  const { me, environment } = useSession();
  const id = row?.id;
  const lengthMs = row?.recordingMs ?? null;
  const hears = me.can.includes("hear_recordings");
  const may = hears && hasEnded(call) && id !== undefined && lengthMs !== null;
  const audio = useMemo(() => {
    if (!may) return null;
    const made = new Audio();
    made.preload = "none";
    made.src = `${CONSOLE}/api/${environment}/calls/${id}/recording`;
    return made;
  }, [may, environment, id]);
  const [state, setState] = useState({ at: null as number | null, playing: false, failed: false });
  const [speed, setSpeed] = useState<Speed>(1);
  const [peaks, setPeaks] = useState<Int8Array | null>(null);
  const zero = call.answeredAt ?? call.startedAt ?? 0;

  useEffect(() => {
    if (audio === null) return;
    const show = () => {
      const { currentTime, paused, error } = audio;
      setState({ at: zero + currentTime * 1000, playing: !paused, failed: error !== null });
    };
    const names = ["timeupdate", "play", "pause", "ended", "error", "seeked"] as const;
    for (const name of names) audio.addEventListener(name, show);
    return () => {
      for (const name of names) audio.removeEventListener(name, show);
      audio.pause();
    };
  }, [audio, zero]);

  const played = audio !== null && state.playing;
  useEffect(() => {
    if (!played || id === undefined || peaks !== null) return;
    const stop = new AbortController();
    readPeaks(environment, id, stop.signal).then(setPeaks, () => {}); // the words are drawn, then
    return () => stop.abort();
  }, [played, id, peaks, environment]);
  const sound = useMemo(() => (peaks === null ? null : { from: zero, peaks }), [peaks, zero]);

  if (audio === null || lengthMs === null) return null;
  return {
    ...state,
    sound,
    speed,
    lengthMs,
    toggle() {
      if (audio.paused)
        audio.play().catch(() => {}); // its error event says so
      else audio.pause();
    },
    choose(next) {
      audio.playbackRate = next;
      setSpeed(next);
    },
    seek(at) {
      const seconds = Math.min(Math.max(0, at - zero), lengthMs) / 1000;
      audio.currentTime = seconds;
      setState((now) => ({ ...now, at: zero + seconds * 1000 }));
    },
    spokenIn(turns) {
      if (!state.playing || state.at === null) return null;
      const { at } = state;
      return turns.findLast(({ from }) => from <= at) ?? null;
    },
  };
}
