// The talk page's leash: the fields that set it, the meters that show it while a session runs, and
// the warnings. The server enforces it; the page only counts the same seconds, and adds up what it
// is told that the session costs.

const LIMIT_SHARE = 0.8; // where the server warns
const COUNTED_SHARE = 0.75; // what the page has counted by then: its count may lag a little
const REDRAW_MS = 250;
const BYTES_PER_SAMPLE = 2;
const MOST_SECONDS = Number.MAX_SAFE_INTEGER; // infinity would be null in JSON, which is no limit

const find = (id) => document.getElementById(id);
const limits = find("limits");
const fields = find("fields");
const minutes = find("minutes");
const audio = find("audio");
const usd = find("usd");
const notice = find("notice");
const time = { row: find("time"), meter: find("left"), text: find("lefttext") };
const sound = { row: find("sound"), meter: find("used"), text: find("usedtext") };
const money = { row: find("money"), meter: find("spent"), text: find("spenttext") };

// -- the fields --------------------------------------------------------------------------------

/** Reads the members of the mint. Returns undefined, having said so, if a field has no number. */
export function readLeash() {
  const wrong = [minutes, audio, usd].find((field) => !field.validity.valid);
  if (wrong) {
    limits.open = true;
    wrong.reportValidity();
    return undefined;
  }
  const leash = {};
  const budget = {};
  if (minutes.value) leash.max_duration_seconds = secondsOf(minutes.valueAsNumber);
  if (audio.value) budget.audio_seconds = audio.valueAsNumber;
  if (usd.value) budget.usd = usd.valueAsNumber;
  if (Object.keys(budget).length > 0) leash.budget = budget;
  return leash;
}

/** Lets the fields be changed, or not: a session keeps the leash of its ticket. */
export function setLeashOpen(isOpen) {
  fields.disabled = !isOpen;
}

function secondsOf(minutes) {
  return Math.max(-1, Math.min(Math.round(minutes * 60), MOST_SECONDS));
}

// -- the meters --------------------------------------------------------------------------------

/** Shows what a session has left of its leash, and its warnings with `warn`, until it ends. */
export function watchLeash(session, leash, warn) {
  const { max_duration_seconds: lastsS, budget = {} } = leash;
  const { audio_seconds: mostS, usd: mostUsd } = budget;
  let endsAt, timer, idleText;
  let usedS = 0;
  let spentUsd = 0;
  const draw = () => {
    const leftS = Math.max(0, (endsAt - performance.now()) / 1000);
    if (lastsS) show(time, leftS, { most: lastsS, text: `${clock(leftS)} of ${clock(lastsS)}` });
    if (mostS) show(sound, usedS, { most: mostS, text: `${usedS.toFixed(1)} of ${mostS} seconds` });
    const cost = DOLLARS.format(spentUsd);
    if (mostUsd) show(money, spentUsd, { most: mostUsd, text: `${cost} of ${DOLLARS.format(mostUsd)}` });
    else if (spentUsd > 0) showAlone(money, cost);
  };
  const count = (base64, rate) => (usedS += bytesOf(base64) / BYTES_PER_SAMPLE / rate);
  session.on("session.started", () => {
    endsAt = performance.now() + lastsS * 1000;
    draw();
    timer = setInterval(draw, REDRAW_MS);
  });
  session.on("sent", (event) => {
    if (event.type === "audio.append") count(event.audio, session.inputSampleRate);
    if (idleText && notice.textContent === idleText) warn(""); // the silence is over
    idleText = undefined;
  });
  session.on("audio.delta", (event) => count(event.audio, session.outputSampleRate));
  session.on("session.usage", ({ usd }) => {
    spentUsd += usd;
    draw();
  });
  session.on("session.warning", ({ reason, remaining }) => {
    const unit = unitOf(reason, budget, usedS);
    if (unit === "time") endsAt = performance.now() + remaining * 1000; // the server's own clock
    if (unit === "audio" && mostS) usedS = mostS - remaining;
    const text = warningText(unit, remaining);
    if (unit === "idle") idleText = text;
    draw();
    warn(text);
  });
  session.on("end", () => {
    clearInterval(timer);
    time.row.hidden = sound.row.hidden = money.row.hidden = true;
  });
}

function show({ row, meter, text }, value, { most, text: words }) {
  meter.max = most;
  meter.low = most * (1 - LIMIT_SHARE);
  meter.high = most * LIMIT_SHARE;
  meter.value = value;
  meter.setAttribute("aria-valuetext", words);
  meter.hidden = false;
  text.textContent = words;
  row.hidden = false;
}

/** Shows a value that has no limit. */
function showAlone({ row, meter, text }, words) {
  meter.hidden = true;
  text.textContent = words;
  row.hidden = false;
}

function bytesOf(base64) {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}

function clock(seconds) {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// -- the warnings ------------------------------------------------------------------------------

/** Finds the unit that a warning speaks of: with two budgets, the one that is nearly used up. */
export function unitOf(reason, budget, usedS) {
  if (reason === "max_duration") return "time";
  if (reason === "idle_timeout") return "idle";
  if (budget.usd === undefined) return "audio";
  return usedS >= COUNTED_SHARE * budget.audio_seconds ? "audio" : "usd";
}

const DOLLARS = new Intl.NumberFormat("en", {
  style: "currency",
  currency: "USD",
  maximumFractionDigits: 6,
});

/** Says what remains of a limit, in the limit's unit. */
export function warningText(unit, remaining) {
  const seconds = `${remaining.toFixed(remaining < 10 ? 1 : 0)} seconds`;
  switch (unit) {
    case "time":
      return `The session ends in ${seconds}.`;
    case "idle":
      return `The session ends in ${seconds} unless you say or type something.`;
    case "audio":
      return `The budget has ${seconds} of audio left.`;
    default:
      return `The budget has ${DOLLARS.format(remaining)} left.`;
  }
}
