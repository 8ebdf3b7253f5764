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
