// Server-sent events as they are read from a response (WHATWG HTML, 9.2), with the comments, in
// which the server says what has no event.

/** What stands between two blank lines. Without `data` it is no event. */
export interface Block {
  /** The position to resume from; absent if the block has no line for it. */
  id?: string;
  event?: string;
  data?: string;
  comments: string[];
}

/** No event is near it; an endless line must not fill the memory. */
const MOST_CHARACTERS = 1 << 20;

/** Reads a body block by block; an unfinished one at its end is dropped. */
export async function* blocksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Block> {
  const reader = body.getReader();
  const text = new TextDecoder();
  let held = "";
  let block: Block = { comments: [] };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      held += text.decode(value, { stream: true });
      // A CR at the end may be the first half of a line's end.
      const whole = held.endsWith("\r") ? held.slice(0, -1) : held;
      const lines = whole.split(/\r\n|\r|\n/);
      held = (lines.pop() ?? "") + held.slice(whole.length);
      if (held.length > MOST_CHARACTERS) throw new Error("a line of the stream has no end");
      for (const line of lines) {
        if (line !== "") {
          add(block, line);
          continue;
        }
        yield block;
        block = { comments: [] };
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function add(block: Block, line: string): void {
  const colon = line.indexOf(":");
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "") block.comments.push(value);
  else if (field === "id" && !value.includes("\0")) block.id = value;
  else if (field === "event") block.event = value;
  else if (field === "data") {
    block.data = block.data === undefined ? value : `${block.data}\n${value}`;
    if (block.data.length > MOST_CHARACTERS) throw new Error("an event of the stream has no end");
  }
}
