// The talk page: what it shows, and what its buttons do. The conversation itself is the SDK's
// (voice.js, compiled from sdk/js/src/voice.ts). The paths are relative to the page, so that it
// works behind a proxy's path prefix.

import { readLeash, setLeashOpen, watchLeash } from "./leash.js";
import { createVoiceSession, Microphone, Player } from "./voice.js";

const STATES = {
  starting: "Connecting…",
  listening: "Listening",
  hearing: "Hearing you",
  thinking: "Thinking…",
  speaking: "Speaking",
  ended: "Not connected",
};

/** Why a session ended, by the code; for any other code the server's own message is shown. */
const ENDS = {
  call_ended: "The agent has hung up.",
  max_duration: "The session has reached its time limit.",
  idle_timeout: "The session ended because nothing was said or typed for too long.",
  budget_exhausted: "The session has used up its budget.",
  revoked: "The session ended because its ticket was revoked.",
};

const find = (id) => document.getElementById(id);
const state = find("state");
const who = find("who");
const talk = find("talk");
const mute = find("mute");
const level = find("level");
const notice = find("notice");
const turns = find("turns");
const typing = find("typing");
const typed = find("typed");

let session; // while one is open
let microphone; // while it is heard
let lines = new Map(); // the list's items by their turns' ids

// -- the menu ----------------------------------------------------------------------------------

async function json(path, options) {
  const answer = await fetch(path, options);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error?.message ?? `the server answered ${answer.status}`);
  return body;
}

async function fillMenu() {
  const chosen = who.value;
  const [agents, models] = await Promise.allSettled([
    json("talk/agents").then((answer) => answer.data.results),
    json("v3/models?type=realtime&limit=500").then((answer) => answer.models),
  ]);
  for (const { reason } of [agents, models]) if (reason) warn(`The menu is not complete: ${reason.message}`);
  who.replaceChildren(
    group("Agents", (agents.value ?? []).map(agentOption)),
    group("Models", (models.value ?? []).map(modelOption)),
  );
  const options = [...who.options].filter((option) => !option.disabled);
  who.value = (options.find((option) => option.value === chosen) ?? options[0])?.value ?? "";
  talk.disabled = options.length === 0;
  who.disabled = options.length === 0 || Boolean(session);
}

function group(label, options) {
  const made = document.createElement("optgroup");
  made.label = label;
  made.append(...options);
  return made;
}

function agentOption({ id, name, model, enabled }) {
  const option = new Option(`${name} (${model})`, JSON.stringify({ agent_id: id }));
  option.disabled = !enabled;
  return option;
}

function modelOption({ id, name }) {
  return new Option(name === id ? id : `${name} (${id})`, JSON.stringify({ config: { model: id } }));
}

// -- the session -------------------------------------------------------------------------------

async function start() {
  const leash = readLeash();
  if (!leash) return;
  const player = new Player(); // made by a click, or the browser keeps it silent
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ ...JSON.parse(who.value), ...leash, usage_events: true });
  const asked = { method: "POST", headers, body };
  const ours = createVoiceSession({
    baseUrl: new URL(".", location.href).href,
    ticket: () => json("talk/ticket", asked),
  });
  session = ours;
  warn("");
  lines = new Map();
  turns.replaceChildren();
  player.attach(ours);
  ours.on("state", (now) => (state.textContent = STATES[now]));
  ours.on("turn", () => showTurns(ours));
  ours.on("error", ({ error }) => warn(sentence(error.message)));
  ours.on("end", (end) => {
    leave(end);
    setTimeout(() => player.close(), player.bufferedMs + 1000); // the last words are still heard
  });
  measureTyped(ours);
  watchLeash(ours, leash, warn);
  document.body.dataset.talking = "";
  talk.textContent = "Hang up";
  who.disabled = true;
  setLeashOpen(false);
  listen(ours);
  try {
    await ours.start();
    setTyping(true);
  } catch {
    // the event `end` has shown why
  }
}

function leave({ reason, code, message }) {
  session = undefined;
  microphone?.close();
  microphone = undefined;
  delete document.body.dataset.talking;
  talk.textContent = "Start";
  setMuted(false);
  mute.disabled = true;
  level.value = 0;
  setTyping(false);
  setLeashOpen(true);
  if (reason === "closed_by_us") warn(""); // what remained of its leash is of no use any more
  else warn(ENDS[code] ?? sentence(message));
  fillMenu();
}

async function listen(ours) {
  let opened;
  try {
    opened = await Microphone.open({ workletUrl: "talk/microphone.js" });
  } catch (error) {
    if (session === ours) warn(`${sentence(error.message)} You can type instead.`);
    return;
  }
  if (session !== ours) return opened.close();
  microphone = opened;
  opened.on("level", (loudness) => (level.value = loudness));
  opened.on("lost", (error) => {
    mute.disabled = true;
    level.value = 0;
    warn(`${sentence(error.message)} You can type instead.`);
  });
  opened.connect(ours);
  mute.disabled = false;
}

function setMuted(muted) {
  if (microphone) microphone.muted = muted;
  mute.setAttribute("aria-pressed", String(muted));
  mute.textContent = muted ? "Unmute" : "Mute";
}

function setTyping(able) {
  for (const part of typing.elements) part.disabled = !able;
}

// -- what was said -----------------------------------------------------------------------------

/** The gaps before answers to typed text, by their turns' ids; the SDK measures the others. */
let typedGaps = new Map();

function measureTyped(ours) {
  let askedAt, since, gapMs;
  typedGaps = new Map();
  ours.on("sent", ({ type }) => {
    if (type === "response.create") askedAt = performance.now();
  });
  ours.on("response.started", () => {
    since = askedAt; // what is still being said when somebody types is no answer to that
    askedAt = gapMs = undefined;
  });
  const answered = () => {
    if (since !== undefined) gapMs = Math.round(performance.now() - since);
    since = undefined;
    const turn = ours.turns.findLast(({ role, final }) => role === "agent" && !final);
    if (gapMs === undefined || !turn) return;
    typedGaps.set(turn.id, gapMs);
    gapMs = undefined;
    showTurns(ours);
  };
  ours.on("audio.delta", answered);
  ours.on("text.delta", answered);
}

function showTurns(ours) {
  const atEnd = turns.scrollHeight - turns.scrollTop - turns.clientHeight < 40;
  ours.turns.forEach((turn, index) => {
    const line = lines.get(turn.id) ?? makeLine(turn);
    if (turns.children[index] !== line) turns.insertBefore(line, turns.children[index] ?? null);
    fillLine(line, turn);
  });
  if (atEnd) turns.scrollTop = turns.scrollHeight;
}

function makeLine(turn) {
  const line = document.createElement("li");
  line.className = turn.role;
  line.append(document.createElement("div"), document.createElement("div"));
  line.children[0].className = "by";
  line.children[1].className = "said";
  lines.set(turn.id, line);
  return line;
}

function fillLine(line, turn) {
  const [by, said] = line.children;
  const notes = [turn.role === "user" ? "You" : "Agent"];
  const gapMs = turn.gapMs ?? typedGaps.get(turn.id);
  if (gapMs !== undefined) notes.push(`after ${(gapMs / 1000).toFixed(2)} s`);
  if (turn.latency) notes.push(`voice ${turn.latency.voiceMs} ms, gateway ${turn.latency.gatewayMs} ms`);
  if (turn.interrupted) notes.push("cut off");
  set(by, notes.join(" · "));
  const unheard = turn.recognized === false;
  said.classList.toggle("unheard", unheard);
  set(said, unheard ? "(not understood)" : turn.text);
}

/** Changes a text only if it differs, so that it is not read aloud again. */
function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function warn(text) {
  set(notice, text);
  notice.hidden = !text;
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

// -- the buttons -------------------------------------------------------------------------------

talk.onclick = () => (session ? session.close() : start());
mute.onclick = () => setMuted(mute.getAttribute("aria-pressed") === "false");
typing.onsubmit = (event) => {
  event.preventDefault();
  const text = typed.value.trim();
  if (!text || !session?.started) return;
  session.sendText(text);
  typed.value = "";
};
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !session) fillMenu(); // an agent may have been created meanwhile
});
fillMenu();
