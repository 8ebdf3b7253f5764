// Where the console and its server are, as this browser sees them. A proxy may have put them below
// a prefix that the build knows nothing of; the files were found, so their own address tells it.

/** The console's path, e.g. `/ringline/console`, by the address of one of its built files. */
export function consoleOf(file: string): string {
  return new URL("..", file).pathname.slice(0, -1);
}

export const CONSOLE = consoleOf(import.meta.url);

/** The server's path: empty unless there is a prefix. */
export const SERVER = CONSOLE.replace(/\/console$/u, "");
