// Strokes onto a canvas, in the colours of the page.

import { clock } from "../parts/format";
import type { Drawing, Speaker } from "./layout";

export interface Ink {
  panel: string;
  edge: string;
  ink: string;
  faint: string;
  speakers: Readonly<Record<Speaker, string>>;
}

export interface Pen {
  /** How thick a bar is. */
  bar: number;
  /** Half of a diamond's width, and of the cross's. */
  mark: number;
  dot: number;
  /** How far below the line a cross stands. */
  drop: number;
}

/** Read the colours of the page as it is shown now. */
export function readInk(): Ink {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(name);
  return {
    panel: token("--panel"),
    edge: token("--edge"),
    ink: token("--ink"),
    faint: token("--ink-3"),
    speakers: {
      caller: token("--tip-fill"),
      agent: token("--ring-fill"),
      person: token("--sleeve-fill"),
    },
  };
}

interface Tools {
  ink: Ink;
  pen: Pen;
  height: number;
}

/** Draw one line; the canvas is scaled to CSS pixels and empty. */
export function draw(on: CanvasRenderingContext2D, what: Drawing, { ink, pen, height }: Tools) {
  drawBase(on, what, ink);
  on.lineCap = "round";
  on.lineWidth = pen.bar;
  for (const bar of what.bars) {
    on.globalAlpha = bar.heard ? 1 : 0.3;
    on.strokeStyle = ink.speakers[bar.who];
    stroke(on, [bar.x, bar.y], [bar.x, bar.tip]);
  }
  on.globalAlpha = 1;
  on.strokeStyle = ink.ink;
  for (const x of what.tools) drawTool(on, { x, y: what.y, half: pen.mark, fill: ink.panel });
  on.lineWidth = 1.6;
  for (const x of what.cuts) {
    const [y, half] = [what.y + pen.drop, pen.mark];
    stroke(on, [x - half, y - half], [x + half, y + half]);
    stroke(on, [x + half, y - half], [x - half, y + half]);
  }
  if (what.now !== null) {
    on.fillStyle = ink.ink;
    on.beginPath();
    on.arc(what.now + 2, what.y, pen.dot, 0, 2 * Math.PI);
    on.fill();
  }
  if (what.ticks.length) drawTicks(on, what, { ink, height });
}

function drawBase(on: CanvasRenderingContext2D, what: Drawing, ink: Ink) {
  on.lineCap = "butt";
  on.lineWidth = 1;
  on.strokeStyle = ink.edge;
  for (const part of what.base) {
    on.setLineDash(part.dashed ? [2, 4] : []);
    stroke(on, [part.from, what.y], [part.to, what.y]);
  }
  on.setLineDash([]);
}

function drawTool(
  on: CanvasRenderingContext2D,
  { x, y, half, fill }: { x: number; y: number; half: number; fill: string },
) {
  on.lineWidth = 1.4;
  on.fillStyle = fill;
  on.beginPath();
  on.moveTo(x, y - half);
  on.lineTo(x + half, y);
  on.lineTo(x, y + half);
  on.lineTo(x - half, y);
  on.closePath();
  on.fill();
  on.stroke();
}

function drawTicks(
  on: CanvasRenderingContext2D,
  what: Drawing,
  { ink, height }: { ink: Ink; height: number },
) {
  on.fillStyle = ink.faint;
  on.font = '500 11px "Atkinson Hyperlegible Mono Variable", monospace';
  for (const tick of what.ticks) {
    on.textAlign = tick.at ? "center" : "left";
    on.fillText(clock(tick.at), tick.x, height - 2);
  }
}

type Point = readonly [x: number, y: number];

function stroke(on: CanvasRenderingContext2D, from: Point, to: Point) {
  on.beginPath();
  on.moveTo(...from);
  on.lineTo(...to);
  on.stroke();
}
