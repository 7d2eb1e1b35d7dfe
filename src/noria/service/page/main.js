// The page: which models there are, the one that is looked at, and in which language. Read next: playground.js, service.js.

import { refusal } from "./answers/writing.js";
import { card } from "./card.js";
import { conversation, conversationField } from "./conversation.js";
import { el, put } from "./dom.js";
import { playground } from "./playground.js";
import { hasKey, keepKey, model, models } from "./service.js";
import { trafficView } from "./traffic.js";
import { language, LANGUAGES, setLanguage, taskName, worded } from "./words.js";

const whole = document.getElementById("whole");
const forget = el("button", { type: "button", class: "quiet", word: "forget_key", hidden: true, on: { click: leave } });
const state = el("p", { class: "state", role: "status" });
let served = [];
let leaving = new AbortController(); // of all that belongs to the model that is looked at
let watching = new AbortController(); // of the traffic

async function start() {
  put(
    document.getElementById("top"),
    el(
      "a",
      { class: "brand", href: "/" },
      el("img", { src: "/page/wheel.svg", alt: "", width: 28, height: 28 }),
      "Noria",
    ),
    state,
    forget,
    languages(),
  );
  setLanguage(language());
  document.addEventListener("key-needed", askForKey);
  window.addEventListener("hashchange", show);
  await open();
}

// Ask what is served, and show it. What is refused for want of a key asks for one.
async function open() {
  try {
    served = await models();
  } catch (error) {
    if (error.status !== 401) put(whole, el("main", {}, refusal(error)));
    return;
  }
  forget.hidden = !hasKey();
  watching.abort();
  watching = new AbortController();
  const list = el("ul", { class: "models", id: "models" });
  const main = el("main", { id: "model", tabindex: -1 });
  put(
    whole,
    el("nav", { words: { "aria-label": "models" } }, list),
    main,
    el("aside", {}, trafficView(watched, watching.signal)),
  );
  put(list, served.map(entry));
  await show();
}

function entry({ name, task }) {
  return el(
    "li",
    {},
    el("a", { href: `#${encodeURIComponent(name)}`, "data-model": name }, el("b", {}, name), taskName(task)),
  );
}

// Show the model that is looked at.
async function show() {
  const main = document.getElementById("model");
  if (!main || !served.length) return;
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const { name } = current();
  mark();
  try {
    const about = await model(name);
    if (signal.aborted) return;
    document.title = `${name} · Noria`;
    const field = conversationField(about.schema);
    put(main, head(about), field ? conversation(about, field, signal) : playground(about, served, signal), card(about));
  } catch (error) {
    if (!signal.aborted && error.status !== 401) put(main, refusal(error));
  }
}

// Return the model that the address names, or the first one.
function current() {
  const named = decodeURIComponent(location.hash.slice(1));
  return served.find((one) => one.name === named) ?? served[0];
}

function mark() {
  for (const link of document.querySelectorAll("[data-model]")) {
    if (link.dataset.model === current().name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function head({ name, task, version, noria }) {
  return el(
    "header",
    {},
    el("h1", {}, name),
    el(
      "p",
      { class: "soft" },
      taskName(task),
      " · ",
      el("span", { id: "version", word: ["version", { version }] }),
      ` · Noria ${noria}`,
    ),
  );
}

// Show whether the models are ready, and what has changed: models that came or went, a newer version of this one.
function watched(found) {
  const ready = found?.filter((one) => one.is_ready).length;
  state.classList.toggle("bad", !found || ready < found.length);
  worded(state, found ? ["ready", { ready, all: found.length }] : "no_connection");
  if (!found?.length) return;
  const isSame = found.map((one) => one.name).join("\n") === served.map((one) => one.name).join("\n");
  served = found;
  if (!isSame) {
    put(document.getElementById("models"), served.map(entry));
    mark();
  }
  const version = document.getElementById("version");
  if (version) worded(version, ["version", { version: current().version }]);
}

function askForKey() {
  if (document.getElementById("key")) return;
  watching.abort();
  leaving.abort();
  const input = el("input", { id: "key", type: "password", autocomplete: "current-password", required: true });
  const wrong = hasKey() ? el("p", { class: "warning", role: "alert", word: "wrong_key" }) : null;
  keepKey(null);
  const enter = (event) => {
    event.preventDefault();
    keepKey(input.value.trim());
    put(whole);
    open();
  };
  const form = el(
    "form",
    { class: "panel key", on: { submit: enter } },
    el("h1", { word: "key_needed" }),
    el("label", { for: "key", word: "key" }),
    input,
    wrong,
    el("button", { type: "submit", class: "primary", word: "enter" }),
  );
  put(whole, el("main", {}, form));
  input.focus();
}

function leave() {
  keepKey(null);
  location.reload();
}

function languages() {
  const button = ([code, name]) =>
    el(
      "button",
      { type: "button", class: "quiet", lang: code, "data-language": code, on: { click: () => setLanguage(code) } },
      name,
    );
  return el(
    "div",
    { class: "languages", role: "group", words: { "aria-label": "language" } },
    Object.entries(LANGUAGES).map(button),
  );
}

start();
