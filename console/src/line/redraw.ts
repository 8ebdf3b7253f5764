// One timer draws every line that is on the page, twice a second; a line that has not changed
// since, it leaves alone. As SVG, drawn anew with each event, a thousand of them are too slow.

import { type Ink, readInk } from "./draw";

const EVERY_MS = 500;

type Redraw = (ink: Ink) => void;

const lines = new Set<Redraw>();
let ink: Ink | undefined;
let timer: ReturnType<typeof setInterval> | undefined;

/** Draw a line now and then with the others; returns what takes it out again. */
export function join(redraw: Redraw): () => void {
  lines.add(redraw);
  redraw(colours());
  timer ??= setInterval(drawAll, EVERY_MS);
  return () => {
    lines.delete(redraw);
    if (lines.size) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function drawAll() {
  if (document.hidden) return;
  const now = colours();
  for (const redraw of lines) redraw(now);
}

/** The page's colours: the same value as long as they are the same. */
function colours(): Ink {
  const now = readInk();
  if (JSON.stringify(now) !== JSON.stringify(ink)) ink = now;
  return ink ?? now;
}
