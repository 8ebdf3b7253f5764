// Drawn, so that the clients of a server that restarts do not come back in one moment.
export function backoff(tries: number): number {
  return Math.min(100 * 2 ** (tries - 1), 10_000) * (0.5 + Math.random() / 2);
}
