// What a model is and how good it is: its scores with their intervals beside the trivial answer, and how a program asks.

import { el, svg } from "./dom.js";
import { number } from "./numbers.js";
import { hasKey } from "./service.js";

const WIDTH = 160; // of a drawn score
const HEIGHT = 18;

export function card(about) {
  return el(
    "section",
    { class: "panel" },
    el("h2", { word: "scores" }),
    scores(about.scores),
    el("h2", { word: "for_programs" }),
    command(about),
  );
}

function scores(told) {
  if (!told || !Object.keys(told.metrics ?? {}).length) return el("p", { class: "soft", word: "no_scores" });
  const head = ["score", "value", "interval", "baseline", "unit"].map((word) => el("th", { scope: "col", word }));
  const rows = Object.entries(told.metrics).map(([name, found]) => {
    const trivial = told.baseline?.[name]?.value;
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, name.replaceAll("_", " ")),
      el("td", { class: "number" }, number(found.value)),
      el(
        "td",
        {},
        found.low === null || found.low === undefined ? "–" : `${number(found.low)} – ${number(found.high)}`,
      ),
      el("td", { class: "number" }, number(trivial)),
      el(
        "td",
        {},
        found.unit,
        " ",
        el("span", { class: "soft", word: found.direction === "lower" ? "lower_better" : "higher_better" }),
      ),
      el("td", {}, strip(found, trivial)),
    );
  });
  const table = el(
    "table",
    {},
    el("thead", {}, el("tr", {}, head, el("th", { scope: "col" }, el("span", { class: "unseen", word: "drawn" })))),
    el("tbody", {}, rows),
  );
  return el(
    "div",
    {},
    el("p", { class: "soft", word: ["scored_on", { n: number(told.n), split: told.split }] }),
    el("div", { class: "scroll", tabindex: 0, role: "region", words: { "aria-label": "scores" } }, table),
    el("p", { class: "soft", word: "scores_key" }),
  );
}

// A dot is the score, the bar its interval, the diamond the trivial answer. From 0 to 1 where all lie between.
function strip({ value, low, high }, trivial) {
  const told = [value, low, high, trivial].filter((one) => typeof one === "number");
  if (typeof value !== "number") return null;
  const isShare = told.every((one) => one >= 0 && one <= 1);
  const [least, most] = isShare ? [0, 1] : [Math.min(...told, 0), Math.max(...told)];
  const x = (one) => 6 + ((WIDTH - 12) * (one - least)) / (most - least || 1);
  const middle = HEIGHT / 2;
  const diamond = (at) => svg("path", { d: `M${at} ${middle - 5}l5 5-5 5-5-5z`, class: "diamond" });
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "score", "aria-hidden": "true" },
    svg("path", { d: `M${x(least)} ${middle}H${x(most)}`, class: "axis" }),
    typeof low === "number"
      ? svg("rect", { x: x(low), y: middle - 4, width: Math.max(1, x(high) - x(low)), height: 8, class: "interval" })
      : null,
    typeof trivial === "number" ? diamond(x(trivial)) : null,
    svg("circle", { cx: x(value), cy: middle, r: 4, class: "dot" }),
  );
}

function command(about) {
  const key = hasKey() ? ['-H "Authorization: Bearer $NORIA_KEY"'] : [];
  const text = `curl ${[...key, ...parts(about)].join(" ")} ${quoted(`${location.origin}/predict/${encodeURIComponent(about.name)}`)}`;
  const copied = el("span", { class: "soft", role: "status" });
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    copied.textContent = "✓";
  };
  return el(
    "div",
    {},
    el("pre", { tabindex: 0 }, text),
    el("div", { class: "row" }, el("button", { type: "button", word: "copy", on: { click: copy } }), copied),
  );
}

function parts(about) {
  const fields = Object.entries(about.schema.properties).filter(([, one]) => !one["x-noria"]?.same_as);
  const files = fields
    .filter(([, one]) => one.contentEncoding === "base64")
    .map(([name]) => `-F ${quoted(`${name}=@FILE`)}`);
  if (files.length === fields.length) return files;
  const example = Object.fromEntries(fields.map(([name, one]) => [name, exampleOf(one)]));
  return [`--json ${quoted(JSON.stringify(example))}`];
}

// Return a word of a shell's command line: names and classes come from data, and whoever copies this runs it.
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function exampleOf(schema) {
  if (!schema.properties) return schema.examples?.[0] ?? null;
  const facts = schema["x-noria"]?.columns ?? {};
  const known = (name, one) => facts[name]?.mean ?? facts[name]?.categories?.[0] ?? one.examples?.[0] ?? null;
  return Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, known(name, one)]));
}
