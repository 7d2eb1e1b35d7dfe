// How busy the service is, and how long answers take: the last minute, as GET /traffic tells it.
//
// It is asked every other second while the page is seen. Where the service does not tell, or not to this key, what this
// page itself asked is drawn alone.

import { el, put, svg } from "./dom.js";
import { duration, number, quantile } from "./numbers.js";
import { models, traffic } from "./service.js";

const EVERY_MS = 2000;
const KEPT = 60; // of this page's own answers
const [WIDTH, HEIGHT] = [240, 36];

// Return the section; `seen` gets the models at every look, and null when nobody answers.
export function trafficView(seen, signal) {
  const own = { seconds: [], failures: 0 };
  const mine = el("div", {}, el("p", { class: "soft", word: "nothing_asked" }));
  const all = el("div");
  const count = ({ detail }) => {
    if (detail.isAnswered) own.seconds = [...own.seconds, detail.seconds].slice(-KEPT);
    else own.failures += 1;
    put(mine, ownView(own));
  };
  let isTold = true;
  const look = async () => {
    if (document.hidden) return;
    try {
      seen(await models());
      const told = isTold ? await traffic() : null;
      isTold = told !== null;
      put(all, told ? allView(told) : null);
    } catch {
      seen(null);
    }
  };
  document.addEventListener("asked", count, { signal });
  const timer = setInterval(look, EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  look();
  return el("section", { class: "panel" }, el("h2", { word: "traffic" }), all, el("h3", { word: "this_page" }), mine);
}

function ownView({ seconds, failures }) {
  const told = [
    ["answers", number(seconds.length)],
    ["failures", number(failures)],
    ["half_within", seconds.length ? duration(quantile(seconds, 0.5)) : "–"],
    ["most_within", seconds.length ? duration(quantile(seconds, 0.95)) : "–"],
  ];
  const fact = ([word, value]) => el("div", {}, el("dt", { word }), el("dd", {}, value));
  return el("div", {}, el("dl", { class: "facts" }, told.map(fact)), line(seconds));
}

function allView(told) {
  const words = ["model", "per_second", "waiting", "failures", "half_within", "most_within"];
  const heads = words.map((word) => el("th", { scope: "col", word }));
  const drawn = el("th", { scope: "col" }, el("span", { class: "unseen", word: "drawn" }));
  const table = el(
    "table",
    {},
    el("thead", {}, el("tr", {}, heads, drawn)),
    el(
      "tbody",
      {},
      Object.entries(told.models).map(([name, one]) => row(name, one)),
    ),
  );
  return el("div", { class: "scroll", tabindex: 0, role: "region", words: { "aria-label": "traffic" } }, table);
}

function row(name, one) {
  const failures = Object.entries(one.outcomes).reduce(
    (sum, [outcome, count]) => sum + (outcome === "answered" ? 0 : count),
    0,
  );
  const cells = [
    number(one.requests_per_second),
    number(one.waiting),
    number(failures),
    within(one.p50_seconds),
    within(one.p95_seconds),
  ];
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    cells.map((cell) => el("td", { class: "number" }, cell)),
    el("td", {}, line(one.series)),
  );
}

function within(seconds) {
  return typeof seconds === "number" ? duration(seconds) : "–";
}

function line(values) {
  if (values.length < 2) return null;
  const most = Math.max(...values) || 1;
  const x = (index) => ((WIDTH * index) / (values.length - 1)).toFixed(1);
  const y = (value) => (HEIGHT - 2 - ((HEIGHT - 4) * value) / most).toFixed(1);
  const points = values.map((value, index) => `${x(index)},${y(value)}`).join(" ");
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "spark", "aria-hidden": "true" },
    svg("polyline", { points }),
  );
}
