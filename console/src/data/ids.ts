// Ids in both of their forms: RPC shows the UUID, `/v1` a prefix and its bits in base62.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH = 22;

/** Return the `/v1` form of a UUID: `call_` and 22 characters. */
export function shortId(prefix: string, uuid: string): string {
  let bits = BigInt(`0x${uuid.replaceAll("-", "")}`);
  let text = "";
  for (let place = 0; place < LENGTH; place += 1) {
    text = DIGITS.charAt(Number(bits % 62n)) + text;
    bits /= 62n;
  }
  return `${prefix}_${text}`;
}

/** Return the UUID of an id in its `/v1` form; null if it is none. */
export function longId(prefix: string, id: string): string | null {
  if (!id.startsWith(`${prefix}_`) || id.length !== prefix.length + 1 + LENGTH) return null;
  let bits = 0n;
  for (const digit of id.slice(-LENGTH)) {
    const value = DIGITS.indexOf(digit);
    if (value < 0) return null;
    bits = bits * 62n + BigInt(value);
  }
  const hex = bits.toString(16).padStart(32, "0");
  return hex.length > 32 ? null : hex.replace(/^(.{8})(.{4})(.{4})(.{4})/u, "$1-$2-$3-$4-");
}
