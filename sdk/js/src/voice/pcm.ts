// PCM16 as it travels, in base64.

/** Decodes the `audio` of an `audio.delta`: PCM16, mono, at the session's `outputSampleRate`. */
export function decodeAudio(base64: string): Int16Array {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length - (text.length % 2));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = text.charCodeAt(at);
  return new Int16Array(bytes.buffer);
}

/** How many arguments a function may be given on every runtime, with room to spare. */
const MOST_ARGUMENTS = 0x2000;

export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += MOST_ARGUMENTS) {
    text += String.fromCharCode(...bytes.subarray(at, at + MOST_ARGUMENTS));
  }
  return btoa(text);
}
