import { say } from "../../parts/Toast";

/** Copy a text; browsers allow that over https and on this machine alone. */
export function copy(text: string, what: string): void {
  const failed = () => {
    say(`${what} was not copied`, {
      description: "The browser allows copying on secure pages only.",
      failed: true,
    });
  };
  const board: Clipboard | undefined = navigator.clipboard;
  if (board === undefined) failed();
  else board.writeText(text).then(() => say(`${what} was copied`), failed);
}
