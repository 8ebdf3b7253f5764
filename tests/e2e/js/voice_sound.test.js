// The resampler of the voice part: what it keeps, what it takes away, and that pieces do not show.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Microphone, Player, Resampler, VoiceError } from "../../../sdk/js/dist/voice.js";

/** Half a second of a tone. */
const tone = (hz, rate) =>
  Float32Array.from({ length: rate / 2 }, (_, at) => 0.5 * Math.sin((2 * Math.PI * hz * at) / rate));
/** The level of what is in the middle, away from the ends. */
function level(samples) {
  const middle = samples.slice(samples.length / 4, (samples.length * 3) / 4);
  return Math.sqrt(middle.reduce((sum, sample) => sum + sample ** 2, 0) / middle.length);
}
const decibels = (samples) => 20 * Math.log10(level(samples) / (0.5 / Math.SQRT2));

const RATES = [
  [48_000, 24_000],
  [48_000, 16_000],
  [44_100, 24_000],
  [44_100, 16_000],
  [16_000, 24_000],
  [8000, 24_000],
  [96_000, 16_000],
  [24_000, 24_000],
];

for (const [from, to] of RATES) {
  test(`${from} to ${to} keeps a voice as it is`, () => {
    for (const hz of [0.02, 0.1, 0.25, 0.4].map((part) => part * Math.min(from, to))) {
      const made = new Resampler(from, to).convert(tone(hz, from));
      assert.ok(Math.abs(decibels(made)) < 0.5, `${hz} Hz: ${decibels(made)} dB`);
    }
  });

  test(`${from} to ${to} keeps the time`, () => {
    const made = new Resampler(from, to).convert(tone(200, from));
    const expected = tone(200, to);
    assert.ok(Math.abs(made.length - to / 2) < to * 0.005, `${made.length} of ${to / 2}`);
    const worst = made.reduce((most, sample, at) => {
      const isInside = at > 200 && at < made.length - 200;
      return isInside ? Math.max(most, Math.abs(sample - expected[at])) : most;
    }, 0);
    assert.ok(worst < 0.01, worst);
  });

  test(`${from} to ${to} does not show its pieces`, () => {
    const samples = tone(440, from);
    const whole = new Resampler(from, to).convert(samples);
    const resampler = new Resampler(from, to);
    const pieces = [];
    for (let at = 0, length = 1; at < samples.length; at += length, length = (length * 7) % 997) {
      pieces.push(...resampler.convert(samples.slice(at, at + length)));
    }
    assert.equal(pieces.length, whole.length);
    assert.ok(pieces.every((sample, at) => Math.abs(sample - whole[at]) < 1e-6));
  });
}

for (const [from, to] of RATES.filter(([from, to]) => from > to)) {
  test(`${from} to ${to} lets nothing fold back`, () => {
    for (const part of [0.6, 0.75, 0.9]) {
      const hz = Math.min(part * to, from * 0.45);
      const made = new Resampler(from, to).convert(tone(hz, from));
      assert.ok(decibels(made) < -35, `${hz} Hz: ${decibels(made)} dB`);
    }
  });
}

test("the same rate gives the same samples", () => {
  const samples = tone(440, 24_000);
  const made = new Resampler(24_000, 24_000).convert(samples);
  assert.deepEqual([...made], [...samples.slice(0, made.length)]);
  assert.equal(made.length, samples.length - 1);
});

test("nothing gives nothing", () => {
  const resampler = new Resampler(48_000, 16_000);
  assert.equal(resampler.convert(new Float32Array(0)).length, 0);
  assert.equal(resampler.convert(new Float32Array(3)).length, 0);
});

for (const rates of [[0, 16_000], [16_000, 0], [44_100.5, 16_000], [NaN, 16_000]]) {
  test(`no resampler for ${rates}`, () => {
    assert.throws(() => new Resampler(...rates), RangeError);
  });
}

test("where there is no browser, microphone and player say so", async () => {
  const missing = (code) => (error) => error instanceof VoiceError && error.code === code;
  assert.throws(() => new Player(), missing("player_unavailable"));
  await assert.rejects(Microphone.open(), missing("microphone_unavailable"));
  await assert.rejects(Microphone.devices(), missing("microphone_unavailable"));
  await assert.rejects(Microphone.open({ chunkMs: 10 }), RangeError);
});
