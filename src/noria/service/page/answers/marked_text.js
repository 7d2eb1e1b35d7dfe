// Parts of a text that was given: names and places in it, or the passage that answers a question.
//
// Places count characters as Python does, of which JavaScript takes some for two.

import { el } from "../dom.js";

const SERIES = 6; // colours that are told apart

export function marked(answer, given) {
  const text = Array.from(holding(answer.value, given));
  const labels = [...new Set(answer.value.map((one) => one.label))].sort();
  const parts = [];
  let place = 0;
  for (const { start, end, label } of [...answer.value].sort((a, b) => a.start - b.start)) {
    const colour = `series-${labels.indexOf(label) % SERIES}`;
    parts.push(
      text.slice(place, start).join(""),
      el("mark", { class: colour }, text.slice(start, end).join(""), label ? el("small", {}, ` ${label}`) : null),
    );
    place = end;
  }
  const nothing = answer.value.length ? null : el("p", { word: "nothing_found" });
  return el("div", {}, nothing, el("p", { class: "running" }, parts, text.slice(place).join("")));
}

export function passage(answer, given) {
  if (answer.value === "") return el("p", { class: "said", word: "no_answer" });
  const whole = holding([{ start: answer.start, end: answer.end, text: answer.value }], given);
  const text = Array.from(whole);
  const found = el("mark", { class: "series-0" }, text.slice(answer.start, answer.end).join(""));
  return el(
    "div",
    {},
    el("p", { class: "big" }, answer.value),
    el("p", { class: "running" }, text.slice(0, answer.start).join(""), found, text.slice(answer.end).join("")),
  );
}

// Return the given text in which the marked parts stand as they are told.
function holding(marks, given) {
  const texts = given.filter((one) => one.kind === "text").map((one) => one.text);
  const stands = (text) => marks.every((one) => Array.from(text).slice(one.start, one.end).join("") === one.text);
  return texts.find(stands) ?? texts.at(-1) ?? "";
}
