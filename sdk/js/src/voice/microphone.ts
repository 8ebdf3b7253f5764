// A microphone in a browser: its samples at the session's rate, in chunks.

import { VoiceError } from "./errors.js";
import { guarded, Listeners, words } from "../listeners.js";
import { Resampler } from "./resampler.js";
import type { VoiceSession } from "./session.js";
import { MICROPHONE_WORKLET } from "./worklet.js";

export interface MicrophoneOptions {
  /** One of `Microphone.devices()`; the browser's choice if absent. */
  deviceId?: string;
  /** How long a chunk is: 20 to 100, 40 if absent. */
  chunkMs?: number;
  /** The rate of its chunks while no session is connected: 24,000 if absent. */
  sampleRate?: number;
  /** This and the next two are on if absent. */
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  autoGainControl?: boolean;
  /** Connects it to this session, and closes it when the session ends. */
  session?: AudioSink & Pick<VoiceSession, "ended">;
  /** Where `MICROPHONE_WORKLET` is served, if the page's policy forbids scripts from `blob:`. */
  workletUrl?: string;
}

export interface MicrophoneDevice {
  readonly deviceId: string;
  /** Empty until the user has allowed a microphone. */
  readonly label: string;
}

export interface MicrophoneEvents {
  /** PCM16, mono, at the microphone's `sampleRate`. */
  chunk: Int16Array;
  /** How loud the chunk is: its root mean square, 0 to 1. */
  level: number;
  /** The device is gone, or its permission. */
  lost: VoiceError;
}

/** What takes a microphone's chunks: a session, or what looks like one. */
export type AudioSink = Pick<VoiceSession, "inputSampleRate" | "on" | "sendAudio">;

const CHUNK_MS = { least: 20, usual: 40, most: 100 };
const MICROPHONE_HZ = 24_000;
/** The loudest sample. */
const LOUDEST = 32_767;

export class Microphone {
  readonly #listeners = new Listeners<MicrophoneEvents>();
  readonly #track: MediaStreamTrack;
  readonly #context: AudioContext;
  readonly #chunkMs: number;
  #rate = 0;
  #resampler!: Resampler;
  #chunk!: Int16Array;
  #filled = 0;
  #level = 0;

  private constructor(track: MediaStreamTrack, context: AudioContext, options: MicrophoneOptions) {
    this.#track = track;
    this.#context = context;
    this.#chunkMs = options.chunkMs ?? CHUNK_MS.usual;
    this.#tune(options.sampleRate ?? MICROPHONE_HZ);
    const gone = "the microphone was unplugged, or may no longer be used";
    track.onended = () => this.#listeners.emit("lost", new VoiceError("microphone_lost", gone));
  }

  /** Asks the user for a microphone. Rejects with a `VoiceError` that says why there is none. */
  static async open(options: MicrophoneOptions = {}): Promise<Microphone> {
    const { chunkMs = CHUNK_MS.usual, deviceId } = options;
    if (!(chunkMs >= CHUNK_MS.least && chunkMs <= CHUNK_MS.most)) {
      throw new RangeError(`chunkMs is ${CHUNK_MS.least} to ${CHUNK_MS.most}; it is ${chunkMs}`);
    }
    const audio = {
      channelCount: 1,
      echoCancellation: options.echoCancellation ?? true,
      noiseSuppression: options.noiseSuppression ?? true,
      autoGainControl: options.autoGainControl ?? true,
      ...(deviceId === undefined ? {} : { deviceId: { exact: deviceId } }),
    };
    const asked = mediaDevices().getUserMedia({ audio });
    const stream = await asked.catch((error: unknown) => Promise.reject(microphoneError(error)));
    const track = stream.getAudioTracks()[0]!;
    const context = new AudioContext();
    try {
      const microphone = new Microphone(track, context, options);
      await microphone.#listen(stream, options.workletUrl);
      microphone.#serve(options.session);
      return microphone;
    } catch (error) {
      track.stop();
      guarded("closing the microphone", () => context.close());
      throw error;
    }
  }

  /** Lists the microphones. */
  static async devices(): Promise<MicrophoneDevice[]> {
    const devices = await mediaDevices().enumerateDevices();
    return devices
      .filter((device) => device.kind === "audioinput")
      .map(({ deviceId, label }) => ({ deviceId, label }));
  }

  get deviceId(): string {
    return this.#track.getSettings().deviceId ?? "";
  }

  get label(): string {
    return this.#track.label;
  }

  /** The rate of its chunks, in Hz: the session's, once it is connected to one that runs. */
  get sampleRate(): number {
    return this.#rate;
  }

  /** How loud the last chunk was: its root mean square, 0 to 1. */
  get level(): number {
    return this.#level;
  }

  /** A muted microphone sends silence: by it the agent knows that the user's turn is over. */
  get muted(): boolean {
    return !this.#track.enabled;
  }

  set muted(muted: boolean) {
    this.#track.enabled = !muted;
  }

  /** Calls back on an event, and returns what ends that. */
  on<Name extends keyof MicrophoneEvents>(
    name: Name,
    callback: (payload: MicrophoneEvents[Name]) => void,
  ): () => void {
    return this.#listeners.on(name, callback);
  }

  /** Sends what it hears to a session while that is running; returns what ends this. */
  connect(session: AudioSink): () => void {
    if (session.inputSampleRate > 0) this.#tune(session.inputSampleRate);
    const ends = [
      session.on("session.started", (event) => this.#tune(event.input_sample_rate)),
      this.on("chunk", (pcm) => void session.sendAudio(pcm)),
    ];
    return () => ends.forEach((end) => end());
  }

  /** Releases the device. */
  close(): void {
    this.#track.onended = null;
    this.#track.stop();
    if (this.#context.state === "closed") return;
    guarded("closing the microphone", () => this.#context.close());
  }

  async #listen(stream: MediaStream, workletUrl: string | undefined): Promise<void> {
    const script = new Blob([MICROPHONE_WORKLET], { type: "text/javascript" });
    const url = workletUrl ?? URL.createObjectURL(script);
    await this.#context.audioWorklet.addModule(url);
    if (workletUrl === undefined) URL.revokeObjectURL(url);
    const node = new AudioWorkletNode(this.#context, "ringline-microphone", {
      channelCount: 1,
      channelCountMode: "explicit",
    });
    node.port.onmessage = (message: MessageEvent<Float32Array>) => this.#take(message.data);
    this.#context.createMediaStreamSource(stream).connect(node);
    node.connect(this.#context.destination); // silent, but not every browser runs a loose node
    guarded("resuming the microphone", () => this.#context.resume());
  }

  #serve(session: MicrophoneOptions["session"]): void {
    if (!session) return;
    this.connect(session);
    void session.ended.then(() => this.close());
  }

  #tune(rate: number): void {
    if (rate === this.#rate) return;
    this.#rate = rate;
    this.#resampler = new Resampler(this.#context.sampleRate, rate);
    this.#chunk = new Int16Array(Math.round((rate * this.#chunkMs) / 1000));
    this.#filled = 0;
  }

  #take(samples: Float32Array): void {
    for (const sample of this.#resampler.convert(samples)) {
      this.#chunk[this.#filled] = Math.round(Math.max(-1, Math.min(1, sample)) * LOUDEST);
      this.#filled += 1;
      if (this.#filled === this.#chunk.length) this.#tell();
    }
  }

  #tell(): void {
    const chunk = this.#chunk;
    this.#chunk = new Int16Array(chunk.length);
    this.#filled = 0;
    const power = chunk.reduce((sum, sample) => sum + (sample / LOUDEST) ** 2, 0);
    this.#level = Math.min(1, Math.sqrt(power / chunk.length));
    this.#listeners.emit("chunk", chunk);
    this.#listeners.emit("level", this.#level);
  }
}

function mediaDevices(): MediaDevices {
  const devices: MediaDevices | undefined = globalThis.navigator?.mediaDevices;
  if (devices) return devices;
  throw new VoiceError(
    "microphone_unavailable",
    "there is no microphone here: browsers offer one to pages from https or localhost",
  );
}

function microphoneError(error: unknown): VoiceError {
  switch (Object(error).name) {
    case "NotAllowedError":
    case "SecurityError":
      return new VoiceError("microphone_denied", "the microphone was not allowed");
    case "NotFoundError":
    case "OverconstrainedError":
      return new VoiceError("microphone_missing", "there is no such microphone");
    default:
      return new VoiceError("microphone_busy", `the microphone cannot be used: ${words(error)}`);
  }
}
