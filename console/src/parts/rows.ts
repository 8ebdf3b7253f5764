// Which row of a table the keyboard is on, as rows come and go. No DOM.

export type Move = "next" | "previous" | "first" | "last";

/** Find where a key takes one, from a row or from none. */
export function moved(move: Move, from: number, rows: number): number {
  const last = rows - 1;
  switch (move) {
    case "next":
      return Math.min(from + 1, last);
    case "previous":
      return from < 0 ? last : Math.max(from - 1, 0);
    case "first":
      return Math.min(0, last);
    case "last":
      return last;
  }
}

/** Keep the row that has the focus among those that are drawn, however far one scrolls. */
export function withCurrent(range: readonly number[], current: number, rows: number): number[] {
  if (current < 0 || current >= rows || range.includes(current)) return [...range];
  return [...range, current].sort((a, b) => a - b);
}
