// Classes and their probabilities, the most likely first; of several labels those that are given are marked.

import { el } from "../dom.js";
import { percent } from "../numbers.js";

const MOST_BARS = 10;

export function bars(answer) {
  const isMany = Array.isArray(answer.value);
  const given = new Set([answer.value].flat().map(String));
  const sorted = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  const title = isMany
    ? el("p", { class: "said" }, answer.value.length ? answer.value.join(", ") : el("span", { word: "nothing_found" }))
    : el("p", { class: "big" }, String(answer.value));
  const certain =
    isMany || answer.confidence === null
      ? null
      : el("p", { class: "soft" }, el("span", { word: "confidence" }), ` ${percent(answer.confidence)}`);
  return el("div", {}, title, certain, chart(sorted.slice(0, MOST_BARS), given), more(sorted.length - MOST_BARS));
}

// Return bars of [name, share]; those whose names are among `strong` stand out.
export function chart(pairs, strong = new Set(), shown = percent) {
  const bar = ([name, share]) =>
    el(
      "li",
      { class: strong.has(name) ? "strong" : null },
      el("span", { class: "name" }, name),
      el("progress", { max: 1, value: Math.min(1, Math.max(0, share)), "aria-label": name }),
      el("span", { class: "share" }, shown(share)),
    );
  return el("ol", { class: "bars" }, pairs.map(bar));
}

function more(count) {
  return count > 0 ? el("p", { class: "soft", word: ["more", { count }] }) : null;
}
