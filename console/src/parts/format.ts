// Numbers and times as the console writes them: tabular, short, and the same everywhere.

const whole = new Intl.NumberFormat("en");

/** Write a whole number with thin spaces between its thousands: `18 431`. */
export function count(value: number): string {
  return whole.format(value).replaceAll(",", "\u2009");
}

/** Write a noun with its number: `1 call`, `3 calls`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** Write a length of time as a clock does: `0:48`, `11:06`, `1:02:09`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const tail = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

const STEPS = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [Number.POSITIVE_INFINITY, "day"],
] as const;

/** Write a length of time in words, in its largest whole unit: `14 minutes`. */
export function spell(ms: number): string {
  let value = Math.max(0, Math.floor(ms / 1000));
  for (const [size, unit] of STEPS) {
    if (value < size) return counted(value, unit);
    value = Math.floor(value / size);
  }
  throw new Error("the last step has no end");
}

/** Write a share as a percentage with one decimal, without its sign: `96.4`; a whole is `100`. */
export function percent(part: number, all: number): string {
  return part === all ? "100" : ((100 * part) / all).toFixed(1);
}

/** Whether a name is a phone number, which is set in Mono. */
export function isNumber(name: string): boolean {
  return /^\+?\d[\d\s]*$/u.test(name);
}

/** The beginning of a text, which ends in no half of a character. */
export function head(text: string, most: number): string {
  return text.slice(0, most).replace(HALF_AT_END, "");
}

/** The end of a text, which begins with no half of a character. */
export function tail(text: string, most: number): string {
  return text.slice(-most).replace(HALF_AT_START, "");
}

const HALF_AT_END = /\p{Surrogate}$/u;
const HALF_AT_START = /^\p{Surrogate}/u;

/** Make a sentence of what the server says: it writes no capital and no full stop. */
export function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/u.test(begun) || begun === "" ? begun : `${begun}.`;
}
