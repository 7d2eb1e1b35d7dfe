// How busy the service is, and how long answers take.
//
// GET /traffic is asked every other second while the page is seen: { models: [{ name, requests, failures, waiting,
// latency_s: { p50, p99 } }] }, counted since the start. Where the service does not tell, what this page itself asked is
// drawn alone.

import { el, put, svg } from "./dom.js";
import { duration, number, quantile } from "./numbers.js";
import { models, traffic } from "./service.js";

const EVERY_MS = 2000;
const KEPT = 60; // answers and looks that are drawn
const [WIDTH, HEIGHT] = [240, 36];

// Return the section; `seen` gets the models at every look, and null when nobody answers.
export function trafficView(seen, signal) {
  const own = [];
  let failures = 0;
  let looks = [];
  let isTold = true;
  const mine = el("div");
  const all = el("div");
  const drawOwn = () => put(mine, own.length || failures ? ownView(own, failures) : el("p", { class: "soft", word: "nothing_asked" }));
  document.addEventListener(
    "asked",
    ({ detail }) => {
      if (detail.isAnswered) own.push(detail.seconds);
      else failures += 1;
      own.splice(0, own.length - KEPT);
      drawOwn();
    },
    { signal },
  );
  const look = async () => {
    if (document.hidden) return;
    try {
      seen(await models());
      const told = isTold ? await traffic() : null;
      isTold = told !== null;
      if (told) looks = [...looks, { at: performance.now() / 1000, told: told.models }].slice(-KEPT);
      put(all, looks.length ? allView(looks) : null);
    } catch {
      seen(null);
    }
  };
  const timer = setInterval(look, EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  drawOwn();
  look();
  return el("section", { class: "panel" }, el("h2", { word: "traffic" }), all, el("h3", { word: "this_page" }), mine);
}

function ownView(seconds, failures) {
  const told = [
    ["answers", number(seconds.length)],
    ["failures", number(failures)],
    ["half_within", seconds.length ? duration(quantile(seconds, 0.5)) : "–"],
    ["most_within", seconds.length ? duration(quantile(seconds, 0.99)) : "–"],
  ];
  return el("div", {}, el("dl", { class: "facts" }, told.map(fact)), line(seconds));
}

function fact([word, value]) {
  return el("div", {}, el("dt", { word }), el("dd", {}, value));
}

function allView(looks) {
  const { told } = looks.at(-1);
  const head = ["model", "per_second", "waiting", "failures", "half_within", "most_within"];
  const row = (one) => {
    const rates = looks.slice(1).map((later, index) => rate(looks[index], later, one.name));
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, one.name),
      el("td", { class: "number" }, number(rates.at(-1) ?? 0)),
      el("td", { class: "number" }, number(one.waiting)),
      el("td", { class: "number" }, number(one.failures)),
      el("td", { class: "number" }, within(one.latency_s?.p50)),
      el("td", { class: "number" }, within(one.latency_s?.p99)),
      el("td", {}, line(rates)),
    );
  };
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", words: { "aria-label": "traffic" } },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, head.map((word) => el("th", { scope: "col", word })), el("th", { scope: "col" }, el("span", { class: "unseen", word: "drawn" })))),
      el("tbody", {}, told.map(row)),
    ),
  );
}

function within(seconds) {
  return typeof seconds === "number" ? duration(seconds) : "–";
}

// Return requests a second between two looks; a service that was started again counts from none.
function rate(earlier, later, name) {
  const count = (look) => look.told.find((one) => one.name === name)?.requests ?? 0;
  return Math.max(0, (count(later) - count(earlier)) / (later.at - earlier.at));
}

function line(values) {
  if (values.length < 2) return null;
  const most = Math.max(...values) || 1;
  const points = values.map((one, index) => `${((WIDTH * index) / (values.length - 1)).toFixed(1)},${(HEIGHT - 2 - ((HEIGHT - 4) * one) / most).toFixed(1)}`);
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "spark", "aria-hidden": "true" }, svg("polyline", { points: points.join(" ") }));
}
