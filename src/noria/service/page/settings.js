// How an answer is written: what a reader sets of what the service allows. An empty field leaves it to the model.

import { el } from "./dom.js";

const SETTINGS = [
  ["max_tokens", { min: 1, step: 1, value: 128 }],
  ["temperature", { min: 0, max: 2, step: 0.1 }],
  ["top_p", { min: 0.05, max: 1, step: 0.05 }],
  ["seed", { min: 0, step: 1 }],
];

export function settingsForm() {
  const inputs = SETTINGS.map(([name, bounds]) => [name, el("input", { type: "number", ...bounds })]);
  const line = ([name, input]) => el("label", {}, el("span", { word: `setting_${name}` }), input);
  return {
    node: el(
      "details",
      { class: "settings" },
      el("summary", { word: "settings" }),
      el("div", { class: "cells" }, inputs.map(line)),
    ),
    value: () =>
      Object.fromEntries(inputs.filter(([, one]) => one.value !== "").map(([name, one]) => [name, Number(one.value)])),
  };
}
