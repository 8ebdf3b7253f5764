// Made by join.js from src/voice.ts and what it imports.

/** What went wrong: a code for programs, a sentence for people. */
class VoiceError extends Error {
    name = "VoiceError";
    code;
    /** Of `not_started`: how the session ended instead. */
    end;
    constructor(code, message, end = null) {
        super(message);
        this.code = code;
        this.end = end;
    }
}
/** What runs in the browser's audio thread: it passes the microphone's samples on, 10 ms each. */
const MICROPHONE_WORKLET = `
registerProcessor("ringline-microphone", class extends AudioWorkletProcessor {
  block = new Float32Array(Math.round(sampleRate / 100));
  filled = 0;
  process([[samples = []]]) {
    for (const sample of samples) {
      this.block[this.filled++] = sample;
      if (this.filled < this.block.length) continue;
      this.port.postMessage(this.block);
      this.filled = 0;
    }
    return true;
  }
});
`;
// Callbacks of an application, none of which can break what calls them.
class Listeners {
    #all = new Map();
    /** Calls back on an event, and returns what ends that. */
    on(name, callback) {
        const those = this.#all.get(name) ?? new Set();
        this.#all.set(name, those.add(callback));
        return () => void those.delete(callback);
    }
    emit(name, payload) {
        for (const callback of [...(this.#all.get(name) ?? [])]) {
            const call = callback;
            guarded(`a callback of "${String(name)}"`, () => call(payload));
        }
    }
}
/** Runs what may throw or reject; a failure is logged. */
function guarded(what, action) {
    const report = (error) => console.error(`@ringline/sdk: ${what} failed:`, error);
    try {
        Promise.resolve(action()).catch(report);
    }
    catch (error) {
        report(error);
    }
}
/** Gives an error's message. */
function words(error) {
    return error instanceof Error ? error.message : String(error);
}
// Conversion between sample rates by a windowed sinc, with one filter for each place that a new
// sample can have between two old ones. The rates are whole numbers, so nothing drifts.
/** Zero crossings of the sinc on each side: more cut off more steeply, and take longer. */
const CROSSINGS = 12;
/** Where it cuts off, as a part of the lower rate's half: what is above would fold back. */
const CUT_OFF = 0.92;
/** Converts a stream of samples, in pieces of any length, from one rate to another. */
class Resampler {
    #filters;
    #step;
    #half;
    #kept;
    /** Where the next sample is, from the first one that is kept, in parts of an old sample. */
    #place = 0;
    constructor(fromHz, toHz) {
        if (![fromHz, toHz].every((rate) => Number.isInteger(rate) && rate > 0)) {
            throw new RangeError(`a rate is a whole number of Hz; these are ${fromHz} and ${toHz}`);
        }
        const common = commonDivisor(fromHz, toHz);
        const parts = toHz / common;
        const cutOff = Math.min(1, toHz / fromHz) * CUT_OFF;
        const isSame = fromHz === toHz;
        this.#step = fromHz / common;
        this.#half = isSame ? 1 : Math.ceil(CROSSINGS / cutOff);
        this.#filters = Array.from({ length: parts }, (_, part) => isSame ? Float64Array.of(1, 0) : filterFor(part / parts, this.#half, cutOff));
        this.#kept = new Float32Array(this.#half - 1);
    }
    /** Returns the new samples that are known by now; the last few come with the next piece. */
    convert(samples) {
        const old = new Float32Array(this.#kept.length + samples.length);
        old.set(this.#kept);
        old.set(samples, this.#kept.length);
        const parts = this.#filters.length;
        const ready = (old.length - 2 * this.#half + 1) * parts; // a filter needs all its samples
        const made = new Float32Array(Math.max(0, Math.ceil((ready - this.#place) / this.#step)));
        for (let count = 0; count < made.length; count += 1) {
            const first = Math.floor(this.#place / parts);
            const filter = this.#filters[this.#place % parts];
            let sum = 0;
            for (let tap = 0; tap < filter.length; tap += 1)
                sum += filter[tap] * old[first + tap];
            made[count] = sum;
            this.#place += this.#step;
        }
        const done = Math.min(Math.floor(this.#place / parts), old.length);
        this.#kept = old.slice(done);
        this.#place -= done * parts;
        return made;
    }
}
function commonDivisor(a, b) {
    return b === 0 ? a : commonDivisor(b, a % b);
}
/** Makes the weights of the old samples around a new one; they add up to 1. */
function filterFor(place, half, cutOff) {
    const weights = Float64Array.from({ length: 2 * half }, (_, tap) => {
        const distance = tap - (half - 1) - place;
        const angle = Math.PI * cutOff * distance;
        const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / half);
        return window * (angle === 0 ? 1 : Math.sin(angle) / angle);
    });
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
}
// A microphone in a browser: its samples at the session's rate, in chunks.
const CHUNK_MS = { least: 20, usual: 40, most: 100 };
const MICROPHONE_HZ = 24_000;
/** The loudest sample. */
const LOUDEST = 32_767;
class Microphone {
    #listeners = new Listeners();
    #track;
    #context;
    #chunkMs;
    #rate = 0;
    #resampler;
    #chunk;
    #filled = 0;
    #level = 0;
    constructor(track, context, options) {
        this.#track = track;
        this.#context = context;
        this.#chunkMs = options.chunkMs ?? CHUNK_MS.usual;
        this.#tune(options.sampleRate ?? MICROPHONE_HZ);
        const gone = "the microphone was unplugged, or may no longer be used";
        track.onended = () => this.#listeners.emit("lost", new VoiceError("microphone_lost", gone));
    }
    /** Asks the user for a microphone. Rejects with a `VoiceError` that says why there is none. */
    static async open(options = {}) {
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
        const stream = await asked.catch((error) => Promise.reject(microphoneError(error)));
        const track = stream.getAudioTracks()[0];
        const context = new AudioContext();
        try {
            const microphone = new Microphone(track, context, options);
            await microphone.#listen(stream, options.workletUrl);
            microphone.#serve(options.session);
            return microphone;
        }
        catch (error) {
            track.stop();
            guarded("closing the microphone", () => context.close());
            throw error;
        }
    }
    /** Lists the microphones. */
    static async devices() {
        const devices = await mediaDevices().enumerateDevices();
        return devices
            .filter((device) => device.kind === "audioinput")
            .map(({ deviceId, label }) => ({ deviceId, label }));
    }
    get deviceId() {
        return this.#track.getSettings().deviceId ?? "";
    }
    get label() {
        return this.#track.label;
    }
    /** The rate of its chunks, in Hz: the session's, once it is connected to one that runs. */
    get sampleRate() {
        return this.#rate;
    }
    /** How loud the last chunk was: its root mean square, 0 to 1. */
    get level() {
        return this.#level;
    }
    /** A muted microphone sends silence: by it the agent knows that the user's turn is over. */
    get muted() {
        return !this.#track.enabled;
    }
    set muted(muted) {
        this.#track.enabled = !muted;
    }
    /** Calls back on an event, and returns what ends that. */
    on(name, callback) {
        return this.#listeners.on(name, callback);
    }
    /** Sends what it hears to a session while that is running; returns what ends this. */
    connect(session) {
        if (session.inputSampleRate > 0)
            this.#tune(session.inputSampleRate);
        const ends = [
            session.on("session.started", (event) => this.#tune(event.input_sample_rate)),
            this.on("chunk", (pcm) => void session.sendAudio(pcm)),
        ];
        return () => ends.forEach((end) => end());
    }
    /** Releases the device. */
    close() {
        this.#track.onended = null;
        this.#track.stop();
        if (this.#context.state === "closed")
            return;
        guarded("closing the microphone", () => this.#context.close());
    }
    async #listen(stream, workletUrl) {
        const script = new Blob([MICROPHONE_WORKLET], { type: "text/javascript" });
        const url = workletUrl ?? URL.createObjectURL(script);
        await this.#context.audioWorklet.addModule(url);
        if (workletUrl === undefined)
            URL.revokeObjectURL(url);
        const node = new AudioWorkletNode(this.#context, "ringline-microphone", {
            channelCount: 1,
            channelCountMode: "explicit",
        });
        node.port.onmessage = (message) => this.#take(message.data);
        this.#context.createMediaStreamSource(stream).connect(node);
        node.connect(this.#context.destination); // silent, but not every browser runs a loose node
        guarded("resuming the microphone", () => this.#context.resume());
    }
    #serve(session) {
        if (!session)
            return;
        this.connect(session);
        void session.ended.then(() => this.close());
    }
    #tune(rate) {
        if (rate === this.#rate)
            return;
        this.#rate = rate;
        this.#resampler = new Resampler(this.#context.sampleRate, rate);
        this.#chunk = new Int16Array(Math.round((rate * this.#chunkMs) / 1000));
        this.#filled = 0;
    }
    #take(samples) {
        for (const sample of this.#resampler.convert(samples)) {
            this.#chunk[this.#filled] = Math.round(Math.max(-1, Math.min(1, sample)) * LOUDEST);
            this.#filled += 1;
            if (this.#filled === this.#chunk.length)
                this.#tell();
        }
    }
    #tell() {
        const chunk = this.#chunk;
        this.#chunk = new Int16Array(chunk.length);
        this.#filled = 0;
        const power = chunk.reduce((sum, sample) => sum + (sample / LOUDEST) ** 2, 0);
        this.#level = Math.min(1, Math.sqrt(power / chunk.length));
        this.#listeners.emit("chunk", chunk);
        this.#listeners.emit("level", this.#level);
    }
}
function mediaDevices() {
    const devices = globalThis.navigator?.mediaDevices;
    if (devices)
        return devices;
    throw new VoiceError("microphone_unavailable", "there is no microphone here: browsers offer one to pages from https or localhost");
}
function microphoneError(error) {
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
// PCM16 as it travels, in base64.
/** Decodes the `audio` of an `audio.delta`: PCM16, mono, at the session's `outputSampleRate`. */
function decodeAudio(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length - (text.length % 2));
    for (let at = 0; at < bytes.length; at += 1)
        bytes[at] = text.charCodeAt(at);
    return new Int16Array(bytes.buffer);
}
/** How many arguments a function may be given on every runtime, with room to spare. */
const MOST_ARGUMENTS = 0x2000;
function encodeBase64(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; at += MOST_ARGUMENTS) {
        text += String.fromCharCode(...bytes.subarray(at, at + MOST_ARGUMENTS));
    }
    return btoa(text);
}
// The agent's speech in a browser: its pieces follow each other without a gap, and it is known
// how much of a response was heard.
/** What voices speak at; another rate makes a new context at the start. */
const PLAYER_HZ = 24_000;
const BUFFER_MS = 50;
/** The most that may wait; what comes beyond it is dropped. */
const MOST_WAITING_S = 120;
/** What a sample of PCM16 is a part of. */
const FULL_SCALE = 32_768;
/** Plays an agent's speech. Make it in a click: browsers keep a page silent without one. */
class Player {
    /** Called when a response has been heard, or was cut off. */
    onended = null;
    #isOwn;
    #bufferS;
    #context;
    #queue = [];
    #next = 0;
    #response = 0;
    #playedS = 0;
    #droppedS = 0;
    #gaps = 0;
    /** Whether more of the response may come. */
    #isOpen = false;
    /** Whether something was played whose end has not been told. */
    #isUntold = false;
    constructor(options = {}) {
        const { context, bufferMs = BUFFER_MS } = options;
        if (!context && typeof AudioContext === "undefined") {
            throw new VoiceError("player_unavailable", "this runtime has no AudioContext");
        }
        this.#isOwn = !context;
        this.#bufferS = bufferMs / 1000;
        this.#context = context
            ? context
            : new AudioContext({ sampleRate: PLAYER_HZ });
    }
    /** How much of the current response was heard. */
    get playedMs() {
        return Math.round(this.#heardS() * 1000);
    }
    /** How much is still to be heard. */
    get bufferedMs() {
        return Math.round(this.#waitingS() * 1000);
    }
    get playing() {
        return this.#queue.length > 0;
    }
    /** How often a response paused because its next piece came late. */
    get gaps() {
        return this.#gaps;
    }
    /** How much was dropped because too much was waiting. */
    get droppedMs() {
        return Math.round(this.#droppedS * 1000);
    }
    /** Plays a session and falls silent when its user speaks; returns what ends this. */
    attach(session) {
        if (session.outputSampleRate > 0)
            this.#tune(session.outputSampleRate);
        const ends = [
            session.on("session.started", (event) => this.#tune(event.output_sample_rate)),
            session.on("response.started", () => this.#begin()),
            session.on("audio.delta", ({ audio }) => this.play(decodeAudio(audio), session.outputSampleRate)),
            session.on("response.completed", ({ interrupted }) => this.#complete(interrupted ?? false)),
            session.on("speech.started", () => void this.flush()),
            session.on("end", ({ reason }) => this.#complete(reason === "closed_by_us")),
        ];
        return () => ends.forEach((end) => end());
    }
    /** Plays PCM16, mono, right after what is playing. */
    play(pcm, sampleRate) {
        const context = this.#context;
        if (pcm.length === 0 || context.state === "closed")
            return;
        const seconds = pcm.length / sampleRate;
        if (this.#waitingS() + seconds > MOST_WAITING_S) {
            this.#droppedS += seconds;
            return;
        }
        if (context.state === "suspended")
            context.resume().catch(() => { }); // it may need a click
        const buffer = context.createBuffer(1, pcm.length, sampleRate);
        const samples = buffer.getChannelData(0);
        pcm.forEach((sample, index) => (samples[index] = sample / FULL_SCALE));
        const node = context.createBufferSource();
        node.buffer = buffer;
        node.connect(context.destination);
        const scheduled = { node, at: this.#place(), seconds, response: this.#response };
        node.onended = () => this.#finished(scheduled);
        node.start(scheduled.at);
        this.#next = scheduled.at + seconds;
        this.#queue = [...this.#queue, scheduled];
        this.#isUntold = true;
    }
    /** Falls silent and drops what waits; returns how much of the response was heard, in ms. */
    flush() {
        const dropped = this.#queue;
        this.#playedS = this.#heardS();
        this.#queue = [];
        this.#next = 0;
        for (const { node } of dropped) {
            node.onended = null;
            node.stop();
            node.disconnect();
        }
        if (dropped.length > 0)
            this.#tell(true);
        return this.playedMs;
    }
    /** Lets a page sound that was silent for want of a click: call it in one. */
    async resume() {
        await this.#context.resume();
    }
    /** Falls silent for good. A context that was passed in stays open. */
    close() {
        this.flush();
        if (!this.#isOwn || this.#context.state === "closed")
            return;
        guarded("closing the player", () => this.#context.close());
    }
    // In a context of another rate each piece would be converted by itself, and the seams heard.
    #tune(rate) {
        if (!this.#isOwn || rate === this.#context.sampleRate)
            return;
        this.close();
        this.#context = new AudioContext({ sampleRate: rate });
    }
    /** Finds where the next piece begins: behind the last one, or after a pause on a whole sample. */
    #place() {
        const { currentTime, sampleRate } = this.#context;
        if (this.#queue.length > 0 && this.#next >= currentTime)
            return this.#next;
        if (this.#isOpen && this.#isUntold)
            this.#gaps += 1;
        return Math.ceil((currentTime + this.#bufferS) * sampleRate) / sampleRate;
    }
    #waitingS() {
        return Math.max(0, this.#next - this.#context.currentTime);
    }
    #heardS() {
        const { currentTime, outputLatency = 0 } = this.#context;
        const heardS = ({ at, seconds }) => Math.max(0, Math.min(seconds, currentTime - outputLatency - at));
        return this.#queue
            .filter((one) => one.response === this.#response)
            .reduce((sum, one) => sum + heardS(one), this.#playedS);
    }
    #begin() {
        this.#response += 1;
        this.#playedS = 0;
        this.#isOpen = true;
    }
    #complete(isCut) {
        this.#isOpen = false;
        if (isCut)
            this.flush();
        else if (this.#queue.length === 0 && this.#isUntold)
            this.#tell(false);
    }
    #finished(one) {
        this.#queue = this.#queue.filter((other) => other !== one);
        if (one.response === this.#response)
            this.#playedS += one.seconds;
        if (this.#queue.length === 0 && !this.#isOpen)
            this.#tell(false);
    }
    #tell(flushed) {
        this.#isUntold = false;
        guarded("onended", () => this.onended?.({ playedMs: this.playedMs, flushed }));
    }
}
// The user's audio on its way into the socket. What a slow network cannot take is dropped, the
// oldest first: late audio is worse than none.
/** The longest piece of audio in one event. */
const PIECE_MS = 1000;
/** How much may wait in the socket, and here until the socket has room. */
const MOST_MS = { inSocket: 1000, here: 1000 };
/** How soon a full socket is looked at again. */
const RETRY_MS = 50;
const BYTES_PER_SAMPLE = 2;
class Outbox {
    #bytesPerMs;
    #buffered;
    #write;
    #waiting = [];
    #retry;
    #droppedMs = 0;
    /** `buffered` gives the bytes that wait in the socket. */
    constructor(rateHz, buffered, write) {
        this.#bytesPerMs = (rateHz * BYTES_PER_SAMPLE) / 1000;
        this.#buffered = buffered;
        this.#write = write;
    }
    get droppedMs() {
        return Math.round(this.#droppedMs);
    }
    push(pcm) {
        let waitingMs = this.#waiting.reduce((sum, one) => sum + one.ms, 0);
        while (waitingMs > MOST_MS.here) {
            const { ms } = this.#waiting.shift();
            waitingMs -= ms;
            this.#droppedMs += ms;
        }
        const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
        const most = Math.ceil(PIECE_MS * this.#bytesPerMs);
        for (let at = 0; at < bytes.length; at += most) {
            const piece = bytes.subarray(at, at + most);
            this.#waiting.push({ base64: encodeBase64(piece), ms: piece.length / this.#bytesPerMs });
        }
        this.#drain();
    }
    /** Writes all that waits, before an event that refers to it. */
    flush() {
        clearTimeout(this.#retry);
        for (const { base64 } of this.#waiting.splice(0))
            this.#write(base64);
    }
    clear() {
        clearTimeout(this.#retry);
        this.#waiting = [];
    }
    #drain() {
        clearTimeout(this.#retry);
        const most = MOST_MS.inSocket * this.#bytesPerMs * (4 / 3); // base64
        while (this.#waiting.length > 0 && this.#buffered() < most) {
            this.#write(this.#waiting.shift().base64);
        }
        if (this.#waiting.length > 0)
            this.#retry = setTimeout(() => this.#drain(), RETRY_MS);
    }
}
// Where a session goes, and with which ticket.
/** Fetches the ticket. Rejects with a sentence. */
async function ticketOf(source) {
    const answer = await askedFor(source);
    const ticket = Object(typeof answer === "string" ? { client_secret: answer } : answer);
    const { client_secret, ws_url } = ticket;
    if (typeof client_secret === "string" && client_secret !== "") {
        return typeof ws_url === "string" ? { client_secret, ws_url } : { client_secret };
    }
    const told = Object(ticket["error"]).message; // a refusal that the backend passes on
    const why = typeof told === "string" ? told : "it returns a text or { client_secret }";
    throw new Error(`ticket gave no ticket: ${why}`);
}
async function askedFor(source) {
    try {
        return typeof source === "function" ? await source() : source;
    }
    catch (error) {
        throw new Error(`ticket failed: ${words(error)}`, { cause: error });
    }
}
/** Makes the URL of the socket from the server's, or from the ticket's if there is none. */
function socketUrl(baseUrl, given) {
    const base = (baseUrl ?? "").replace(/\/+$/, "");
    const url = baseUrl === undefined && given ? given : `${base}/v3/realtime`;
    const page = "location" in globalThis ? globalThis.location.href : undefined;
    if (!/^(http|ws)s?:\/\//i.test(url) && !(page && url.startsWith("/"))) {
        throw new Error(`a voice session needs a baseUrl like "https://voice.example.com"; it is "${baseUrl ?? ""}"`);
    }
    const whole = new URL(url, page);
    whole.protocol = whole.protocol.replace("http", "ws");
    whole.search = ""; // a ticket goes into the subprotocol: URLs end up in logs
    return whole.href;
}
// The application's functions that a model may call.
/** Runs a call's function, if there is one, and answers with its result. */
function runTool(tools, call, answer) {
    const tool = Object.hasOwn(tools, call.tool_name) ? tools[call.tool_name] : undefined;
    if (!tool)
        return;
    const run = async () => answer(await tool(call.tool_arguments));
    // What cannot be written as JSON fails in `answer`.
    run().catch((error) => answer({ error: words(error) }));
}
// What both sides said, as a list of turns.
/** Speech whose transcript may still come. */
const MOST_UNHEARD = 8;
class Transcript {
    #turns = [];
    #lastId = 0;
    #answer;
    #gapMs;
    #quietSince;
    #speech = [];
    #tell;
    /** `tell` gets every turn that is new or has changed. */
    constructor(tell) {
        this.#tell = tell;
    }
    get turns() {
        return this.#turns;
    }
    speechStarted() {
        this.#quietSince = undefined;
        this.#speech = [...this.#speech, Date.now()].slice(-MOST_UNHEARD);
    }
    speechStopped() {
        this.#quietSince = performance.now();
    }
    /** Forgets speech whose audio was discarded. */
    cleared() {
        this.#speech = [];
    }
    /** Adds what the user said. It may be told after the answer to it has begun. */
    heard(text, recognized) {
        const [at = Date.now(), ...later] = this.#speech;
        this.#speech = later;
        this.#add("user", { text, final: true, at, ...(!recognized && { recognized }) });
    }
    typed(text) {
        this.#add("user", { text, final: true, at: Date.now() });
    }
    answerStarted() {
        this.#answer = this.#gapMs = undefined;
    }
    /** Notes that the answer sounds. */
    answerSounded() {
        if (this.#quietSince === undefined)
            return;
        this.#gapMs = Math.round(performance.now() - this.#quietSince);
        this.#quietSince = undefined;
        if (this.#answer)
            this.#answer = this.#put({ ...this.#answer, gapMs: this.#gapMs });
    }
    /** Lets the answer grow. */
    answered(delta) {
        const begun = this.#answer;
        const gap = this.#gapMs === undefined ? {} : { gapMs: this.#gapMs };
        this.#answer = begun
            ? this.#put({ ...begun, text: begun.text + delta })
            : this.#add("agent", { text: delta, final: false, at: Date.now(), ...gap });
    }
    answerCompleted(interrupted, spokenText, latency) {
        const said = this.#answer;
        this.answerStarted();
        const spoken = spokenText === undefined ? {} : { spokenText };
        const took = latency === undefined ? {} : { latency };
        if (said)
            this.#put({ ...said, ...spoken, ...took, final: true, interrupted });
    }
    #add(role, turn) {
        this.#lastId += 1;
        return this.#put({ id: this.#lastId, role, interrupted: false, ...turn });
    }
    #put(turn) {
        const turns = [...this.#turns];
        const known = turns.findIndex((one) => one.id === turn.id);
        const later = turns.findIndex((one) => one.at > turn.at);
        if (known >= 0)
            turns[known] = turn;
        else
            turns.splice(later < 0 ? turns.length : later, 0, turn);
        this.#turns = turns;
        this.#tell(turn);
        return turn;
    }
}
// A session: one ticket, one socket, one conversation. What it is doing follows from a table.
/** The state after an event, by the state before it; what is missing changes nothing. */
const NEXT = {
    "session.started": { starting: "listening" },
    "speech.started": { listening: "hearing", thinking: "hearing", speaking: "hearing" },
    "speech.stopped": { hearing: "thinking" },
    "response.create": { listening: "thinking" },
    "response.started": { listening: "thinking" },
    "text.delta": { listening: "speaking", thinking: "speaking" },
    "audio.delta": { listening: "speaking", thinking: "speaking" },
    "tool.call": { listening: "thinking", speaking: "thinking" },
    "response.completed": { thinking: "listening", speaking: "listening" },
};
/** The session's own names, which no event of the server may take. */
const OWN = new Set(["event", "sent", "state", "turn", "end"]);
const START_TIMEOUT_MS = 20_000;
/** How long the socket may take to close after an error, or after the server's last event. */
const CLOSE_AFTER_ERROR_MS = 100;
const CLOSE_AFTER_LAST_MS = 2000;
const NORMAL_CLOSE = 1000;
/** Prepares a session, which `start()` opens. */
function createVoiceSession(options) {
    return new VoiceSession(options);
}
class VoiceSession {
    /** Resolves with the reason when the session has ended; never rejects. */
    ended;
    #options;
    #webSocket;
    #listeners = new Listeners();
    #transcript = new Transcript((turn) => this.#listeners.emit("turn", turn));
    /** Calls whose results are missing. */
    #calls = new Set();
    #state = "idle";
    #starting;
    #started;
    #terminating;
    #socket;
    #outbox;
    #limit;
    #trouble = "";
    #resolveStarted;
    #resolveEnded;
    constructor(options) {
        const webSocket = options.webSocket ?? globalThis.WebSocket;
        if (!webSocket) {
            throw new Error("this runtime has no WebSocket: pass one as webSocket, e.g. that of the package ws");
        }
        this.#webSocket = webSocket;
        this.#options = options;
        this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    }
    get state() {
        return this.#state;
    }
    /** What both sides have said, in order. Each change makes a new list. */
    get turns() {
        return this.#transcript.turns;
    }
    /** What the server told at the start; null before it. */
    get started() {
        return this.#started ?? null;
    }
    /** The rate of `sendAudio`, in Hz; 0 before the start. */
    get inputSampleRate() {
        return this.#started?.input_sample_rate ?? 0;
    }
    /** The rate of `audio.delta`, in Hz; 0 before the start. */
    get outputSampleRate() {
        return this.#started?.output_sample_rate ?? 0;
    }
    /** How much audio was dropped because the network was too slow for it. */
    get droppedAudioMs() {
        return this.#outbox?.droppedMs ?? 0;
    }
    /** Calls back on an event, and returns what ends that. A callback may throw: it is logged. */
    on(name, callback) {
        return this.#listeners.on(name, callback);
    }
    /** Opens the session. If it does not start, rejects with a `VoiceError` whose `end` says why. */
    start() {
        return (this.#starting ??= this.#start());
    }
    /** Sends any event of the protocol. Throws unless the session is running. */
    send(event) {
        if (!this.#isRunning()) {
            throw new VoiceError("not_running", "the session is not running: await start() first");
        }
        this.#outbox?.flush();
        this.#write(event);
        this.#enter(NEXT[event.type]?.[this.#state]);
    }
    /** Sends what the user typed and asks for an answer, unless `respond` is false. */
    sendText(text, options = {}) {
        this.send({ type: "text.input", text });
        this.#transcript.typed(text);
        if (options.respond ?? true)
            this.respond();
    }
    /**
     * Sends what the user says: PCM16, mono, little-endian, at `inputSampleRate`, as fast as it is
     * spoken. Returns false, having sent nothing, unless the session is running.
     */
    sendAudio(pcm) {
        if (!this.#isRunning())
            return false;
        this.#outbox?.push(pcm);
        return true;
    }
    /** Sends an image, as a `data:image/…` URI. The agent answers it on `respond()`. */
    sendImage(url, options = {}) {
        const { detail = null, text = null } = options;
        this.send({ type: "image.input", image_url: url, image_detail: detail, text });
    }
    /** Changes these members of the config; `session.updated` confirms it. */
    update(config) {
        this.send({ type: "session.update", config });
    }
    /** Asks for an answer now. */
    respond() {
        this.send({ type: "response.create" });
    }
    /** Stops the answer. */
    cancel() {
        this.send({ type: "response.cancel" });
    }
    /** Ends the user's turn; with the turn detection `none`, the agent answers it. */
    commit() {
        this.send({ type: "audio.commit" });
    }
    /** Discards the audio of the user's turn. */
    clear() {
        this.#outbox?.clear();
        this.send({ type: "audio.clear" });
        this.#transcript.cleared();
    }
    /** Answers a `tool.call` for which `tools` has no function. */
    answerTool(toolCallId, result) {
        const isJson = !["undefined", "function", "symbol"].includes(typeof result);
        const tool_result = isJson ? result : null;
        this.send({ type: "tool.result", tool_call_id: toolCallId, tool_result });
        this.#calls.delete(toolCallId);
    }
    /** Ends the session. */
    close() {
        const message = "the session was closed";
        this.#end({ reason: "closed_by_us", message, closeCode: NORMAL_CLOSE });
    }
    // -- opening and ending ----------------------------------------------------------------------
    #start() {
        const started = new Promise((resolve) => (this.#resolveStarted = resolve));
        const failed = this.ended.then((end) => {
            throw new VoiceError("not_started", end.message, end);
        });
        if (this.#state === "idle") {
            this.#enter("starting");
            const limitMs = this.#options.startTimeoutMs ?? START_TIMEOUT_MS;
            this.#limit = setTimeout(() => this.#refused(`the session did not start within ${limitMs} ms`), limitMs);
            this.#dial().catch((error) => this.#refused(words(error)));
        }
        return Promise.race([started, failed]);
    }
    async #dial() {
        const { ticket, baseUrl, config, agentId } = this.#options;
        const { client_secret, ws_url } = await ticketOf(ticket);
        if (this.#state === "ended")
            return;
        const url = socketUrl(baseUrl, ws_url);
        const socket = new this.#webSocket(url, [`opper-ticket.${client_secret}`]);
        this.#socket = socket;
        socket.onopen = () => {
            const captions = { input_transcription: true, output_transcription: true };
            const agent = agentId === undefined ? {} : { agent_id: agentId };
            this.#write({ type: "session.start", config: { ...captions, ...config }, ...agent });
        };
        socket.onmessage = (message) => this.#take(message.data);
        socket.onclose = (event) => this.#closed(event.code);
        // Node 22 reports the error of a refused upgrade and leaves the close out.
        socket.onerror = (event) => {
            if (typeof event.message === "string")
                this.#trouble = event.message;
            this.#expectClose(CLOSE_AFTER_ERROR_MS);
        };
    }
    #expectClose(withinMs) {
        clearTimeout(this.#limit);
        this.#limit = setTimeout(() => this.#closed(null), withinMs);
    }
    #closed(closeCode) {
        if (this.#terminating) {
            this.#end({ reason: "terminated", ...this.#terminating, closeCode });
        }
        else if (this.#started) {
            this.#end({ reason: "lost", message: "the connection was lost", closeCode });
        }
        else {
            const why = this.#trouble || "the ticket is used or expired, or the server cannot be reached";
            this.#refused(`the session could not be opened: ${why}`, closeCode);
        }
    }
    #refused(message, closeCode = null) {
        this.#end({ reason: "refused", message, closeCode });
    }
    #end({ code = null, reason, message, closeCode }) {
        if (this.#state === "ended")
            return;
        clearTimeout(this.#limit);
        this.#outbox?.clear();
        this.#letGo();
        this.#transcript.answerCompleted(true);
        this.#enter("ended");
        const end = { reason, code, message, closeCode };
        this.#resolveEnded(end);
        this.#listeners.emit("end", end);
    }
    // A listener stays for errors: without one, `ws` would throw them at the whole process.
    #letGo() {
        const socket = this.#socket;
        if (!socket)
            return;
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.onerror = () => { };
        guarded("closing the socket", () => socket.close(NORMAL_CLOSE));
    }
    #isRunning() {
        return this.#started !== undefined && this.#state !== "ended";
    }
    #enter(state) {
        if (state === undefined || state === this.#state || this.#state === "ended")
            return;
        this.#state = state;
        this.#listeners.emit("state", state);
    }
    // -- sending and receiving -------------------------------------------------------------------
    #write(event) {
        this.#socket?.send(JSON.stringify(event));
        this.#listeners.emit("sent", event);
    }
    #take(data) {
        const event = eventOf(data);
        if (!event || this.#state === "ended")
            return;
        const name = event.type;
        // What the server got wrong must not break the session.
        guarded(`the event "${name}"`, () => this.#apply(event));
        const next = NEXT[name]?.[this.#state];
        const waits = name === "response.completed" && this.#calls.size > 0;
        this.#enter(next && waits ? "thinking" : next);
        this.#listeners.emit("event", event);
        if (!OWN.has(name))
            this.#listeners.emit(name, event);
    }
    #apply(event) {
        switch (event.type) {
            case "session.started":
                return this.#begin(event);
            case "session.terminating":
                this.#terminating = event.error;
                return this.#expectClose(CLOSE_AFTER_LAST_MS);
            case "speech.started":
                this.#calls.clear();
                return this.#transcript.speechStarted();
            case "speech.stopped":
                return this.#transcript.speechStopped();
            case "transcript.committed":
                return this.#transcript.heard(event.transcript, event.recognized ?? true);
            case "response.started":
                return this.#transcript.answerStarted();
            case "audio.delta":
                return this.#transcript.answerSounded();
            case "text.delta":
                return this.#transcript.answered(event.delta);
            case "response.completed": {
                const { interrupted = false, spoken_text, latency } = event;
                const took = latency && {
                    totalMs: latency.total_ms,
                    voiceMs: latency.voice_ms,
                    gatewayMs: latency.gateway_ms,
                };
                return this.#transcript.answerCompleted(interrupted, spoken_text, took);
            }
            case "tool.call":
                return this.#run(event);
        }
    }
    #begin(started) {
        clearTimeout(this.#limit);
        this.#started = started;
        this.#outbox = new Outbox(started.input_sample_rate, () => this.#socket?.bufferedAmount ?? 0, (audio) => this.#write({ type: "audio.append", audio }));
        this.#resolveStarted(started);
    }
    #run(call) {
        const id = call.tool_call_id;
        this.#calls.add(id);
        runTool(this.#options.tools ?? {}, call, (result) => {
            if (this.#isRunning())
                this.answerTool(id, result);
        });
    }
}
function eventOf(data) {
    try {
        const event = JSON.parse(String(data));
        const isObject = typeof event === "object" && event !== null;
        if (isObject && "type" in event && typeof event.type === "string")
            return event;
    }
    catch {
        // It is not JSON, so it is no event.
    }
    return undefined;
}
// A spoken conversation with an agent: a session, a microphone, a player, and what both sides
// said. `join.js` makes one file of it, which a page imports without a bundler.
export { MICROPHONE_WORKLET, Microphone, Player, Resampler, VoiceError, createVoiceSession, decodeAudio };
