"use strict";
// The filter box and the form to try a request with. The key stays in the form's field.

const at = (id) => document.getElementById(id);

const sections = [...document.querySelectorAll("main section")].map((section) => ({
  section,
  link: document.querySelector(`nav a[href="#${section.id}"]`)?.parentElement,
  text: section.textContent.toLowerCase(),
}));

function showMatching() {
  const words = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { section, link, text } of sections) {
    const hidden = !words.every((word) => text.includes(word));
    section.hidden = hidden;
    if (link) link.hidden = hidden;
  }
  for (const heading of document.querySelectorAll("main h2.group")) {
    let next = heading.nextElementSibling;
    while (next && next.hidden) next = next.nextElementSibling;
    heading.hidden = !next || next.matches("h2");
  }
  for (const group of document.querySelectorAll("nav section")) {
    group.hidden = !group.querySelector("li:not([hidden])");
  }
}

async function send(path) {
  at("status").textContent = "…";
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": at("key").value },
      body: at("body").value,
    });
    const text = await answer.text();
    at("status").textContent = `HTTP ${answer.status}`;
    at("answer").textContent = pretty(text);
  } catch {
    at("status").textContent = "no answer";
    at("answer").textContent = "";
  }
  at("answer").hidden = !at("answer").textContent;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

for (const button of document.querySelectorAll("[data-try]")) {
  button.addEventListener("click", () => {
    at("body").value = button.dataset.try;
    at("answer").hidden = true;
    at("status").textContent = "";
    at("try").showModal();
  });
}
at("filter").addEventListener("input", showMatching);
at("run").addEventListener("click", () => send("rpc/public/run"));
at("validate").addEventListener("click", () => send("rpc/public/validate"));
at("close").addEventListener("click", () => at("try").close());
window.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea")) {
    event.preventDefault();
    at("filter").focus();
  }
});
