// Conversion between sample rates by a windowed sinc, with one filter for each place that a new
// sample can have between two old ones. The rates are whole numbers, so nothing drifts.

/** Zero crossings of the sinc on each side: more cut off more steeply, and take longer. */
const CROSSINGS = 12;
/** Where it cuts off, as a part of the lower rate's half: what is above would fold back. */
const CUT_OFF = 0.92;

/** Converts a stream of samples, in pieces of any length, from one rate to another. */
export class Resampler {
  readonly #filters: readonly Float64Array[];
  readonly #step: number;
  readonly #half: number;
  #kept: Float32Array;
  /** Where the next sample is, from the first one that is kept, in parts of an old sample. */
  #place = 0;

  constructor(fromHz: number, toHz: number) {
    if (![fromHz, toHz].every((rate) => Number.isInteger(rate) && rate > 0)) {
      throw new RangeError(`a rate is a whole number of Hz; these are ${fromHz} and ${toHz}`);
    }
    const common = commonDivisor(fromHz, toHz);
    const parts = toHz / common;
    const cutOff = Math.min(1, toHz / fromHz) * CUT_OFF;
    const isSame = fromHz === toHz;
    this.#step = fromHz / common;
    this.#half = isSame ? 1 : Math.ceil(CROSSINGS / cutOff);
    this.#filters = Array.from({ length: parts }, (_, part) =>
      isSame ? Float64Array.of(1, 0) : filterFor(part / parts, this.#half, cutOff),
    );
    this.#kept = new Float32Array(this.#half - 1);
  }

  /** Returns the new samples that are known by now; the last few come with the next piece. */
  convert(samples: Float32Array): Float32Array {
    const old = new Float32Array(this.#kept.length + samples.length);
    old.set(this.#kept);
    old.set(samples, this.#kept.length);
    const parts = this.#filters.length;
    const ready = (old.length - 2 * this.#half + 1) * parts; // a filter needs all its samples
    const made = new Float32Array(Math.max(0, Math.ceil((ready - this.#place) / this.#step)));
    for (let count = 0; count < made.length; count += 1) {
      const first = Math.floor(this.#place / parts);
      const filter = this.#filters[this.#place % parts]!;
      let sum = 0;
      for (let tap = 0; tap < filter.length; tap += 1) sum += filter[tap]! * old[first + tap]!;
      made[count] = sum;
      this.#place += this.#step;
    }
    const done = Math.min(Math.floor(this.#place / parts), old.length);
    this.#kept = old.slice(done);
    this.#place -= done * parts;
    return made;
  }
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** Makes the weights of the old samples around a new one; they add up to 1. */
function filterFor(place: number, half: number, cutOff: number): Float64Array {
  const weights = Float64Array.from({ length: 2 * half }, (_, tap) => {
    const distance = tap - (half - 1) - place;
    const angle = Math.PI * cutOff * distance;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / half);
    return window * (angle === 0 ? 1 : Math.sin(angle) / angle);
  });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
