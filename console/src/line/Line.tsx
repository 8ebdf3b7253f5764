// The drawing of a call, at two sizes: a minute in a row, or the whole call.

import { useEffect, useRef } from "react";
import { draw, type Ink, type Pen } from "./draw";
import styles from "./Line.module.css";
import { type CallLine, describe, layout } from "./layout";
import { join } from "./redraw";

export interface Shown {
  call: CallLine;
  from: number;
  to: number;
}

interface LineProps {
  /** What to draw at this moment; asked twice a second, so the line moves without a render. */
  read(): Shown;
  size: "minute" | "whole";
}

const PENS: Readonly<Record<LineProps["size"], Pen & { step: number; axis: number }>> = {
  minute: { bar: 2.2, mark: 3.4, dot: 2.8, drop: 8, step: 4, axis: 0 },
  whole: { bar: 3, mark: 5, dot: 4, drop: 30, step: 5, axis: 16 },
};

export function Line({ read, size }: LineProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(read);
  latest.current = read;

  useEffect(() => {
    const element = canvas.current;
    return element ? join(painter(element, { read: () => latest.current(), size })) : undefined;
  }, [size]);

  const { call, from, to } = read();
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={describe(call, from, to)}
      className={size === "whole" ? `${styles.line} ${styles.whole}` : styles.line}
    />
  );
}

/** Make what paints one canvas, and only when something about it has changed. */
function painter(canvas: HTMLCanvasElement, { read, size }: LineProps) {
  const pen = PENS[size];
  let last: readonly unknown[] = [];
  return (ink: Ink) => {
    const { call, from, to } = read();
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = devicePixelRatio;
    const seen = [call, from, to, width, height, scale, ink, document.fonts.status];
    if (!width || seen.every((value, at) => value === last[at])) return;
    last = seen;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const on = canvas.getContext("2d");
    if (!on) return;
    on.scale(scale, scale);
    const what = layout(call, { from, to, width, height, step: pen.step, axis: pen.axis });
    draw(on, what, { ink, pen, height });
  };
}
