// What was said, cut into words or deltas, each with its time: a voice sends what it says in pieces
// of any size, and at any time before it is heard.

export type Speaker = "caller" | "agent" | "person";

/** What somebody said. Times are in milliseconds since the epoch. */
export interface Spoken {
  who: Speaker;
  text: string;
  /** When it began and was final, or has got to. */
  from: number;
  to: number;
  /** How many characters of `text` were heard, where it was interrupted. */
  heard?: number | undefined;
  /** When which number of characters came, while or since one could watch. */
  deltas?: readonly (readonly [at: number, characters: number])[] | undefined;
}

export interface Piece {
  who: Speaker;
  from: number;
  to: number;
  characters: number;
  heard: boolean;
}

/** A delta's characters are spread over this long before it. */
const DELTA_MS = 500;
/** How fast people speak, where nothing else says when a word was said. */
export const MS_A_CHARACTER = 65;
/** Words that were never heard are drawn for this long after the cut. */
export const MOST_LOST_MS = 3000;
// A long call is drawn twice a second, and all of its turns but the last are as they were.
const cut = new WeakMap<Spoken, readonly Piece[]>();

/** Cut one turn. */
export function piecesOf(spoken: Spoken): readonly Piece[] {
  const known = cut.get(spoken);
  if (known) return known;
  const { who, text, from, to, heard = text.length } = spoken;
  const said = spoken.deltas?.length
    ? deltaPieces(spoken, heard)
    : wordPieces(text.slice(0, heard), { who, from, to, heard: true });
  // What was never heard would have been said after the cut.
  const lost = text.slice(heard).trim();
  const end = Math.max(to, said.at(-1)?.to ?? to);
  const room = Math.min(lost.length * MS_A_CHARACTER, MOST_LOST_MS);
  const made = [...said, ...wordPieces(lost, { who, from: end, to: end + room, heard: false })];
  cut.set(spoken, made);
  return made;
}

/**
 * Give each delta its time. A caller has said it before it came, an agent is only about to if it is
 * much at once, and nobody says two things at a time.
 */
function deltaPieces({ who, text, deltas = [] }: Spoken, heard: number): Piece[] {
  let [told, free] = [0, Number.NEGATIVE_INFINITY];
  return deltas.flatMap(([at, came]) => {
    const characters = Math.min(came, heard - told);
    if (characters <= 0) return [];
    const part = text.slice(told, told + characters);
    told += characters;
    const lasts = Math.max(DELTA_MS, characters * MS_A_CHARACTER);
    const begins = who === "agent" && lasts > DELTA_MS ? at : at - lasts;
    const from = Math.max(free, begins);
    free = who === "agent" ? Math.max(at, from + characters * MS_A_CHARACTER) : at;
    // Of speech that nobody understood, no words are known.
    if (!part) return [{ who, from, to: free, characters, heard: true }];
    return wordPieces(part, { who, from, to: free, heard: true });
  });
}

interface Stretch {
  who: Speaker;
  from: number;
  to: number;
  heard: boolean;
}

function wordPieces(text: string, { who, from, to, heard }: Stretch): Piece[] {
  const words = text.split(/\s+/u).filter(Boolean);
  const whole = words.reduce((sum, word) => sum + word.length + 1, 0);
  // Without a beginning, the words end where the turn does, at the pace at which people speak.
  const begin = from < to ? from : to - whole * MS_A_CHARACTER;
  const pace = (to - begin) / Math.max(1, whole);
  let at = begin;
  return words.map((word) => {
    const start = at;
    at += (word.length + 1) * pace;
    return { who, from: start, to: at - pace / 2, characters: word.length + 1, heard };
  });
}
