// An answer, drawn: how follows from the answer itself.
// What has probabilities gets bars, what has boxes is drawn on the picture that was given. What nobody draws is shown as
// it is.

import { el } from "../dom.js";
import { number, percent } from "../numbers.js";
import { bars } from "./bars.js";
import { boxes } from "./boxes.js";
import { find } from "./given.js";
import { marked, passage } from "./marked_text.js";
import { mask } from "./mask.js";
import { media } from "./media.js";
import { ranking } from "./ranking.js";
import { timeline } from "./timeline.js";

const MOST_SHOWN = 64; // numbers of a vector

// The first that fits: [fits(answer, given), draw(answer, given), names in the answer that it shows].
const VIEWS = [
  [(answer) => answer.media, media, ["media"]],
  [(answer) => answer.probabilities, bars, ["probabilities", "confidence"]],
  [
    (answer, given) => hasAll(answer.value, "box", "label") || (isEmpty(answer.value) && find(given, "picture")),
    boxes,
    [],
  ],
  [(answer) => answer.value?.png && answer.value.classes, mask, ["shares"]],
  [(answer) => Array.isArray(answer.words), timeline, ["words"]],
  [(answer, given) => hasAll(answer.value, "start_s") || (isEmpty(answer.value) && find(given, "sound")), timeline, []],
  [
    (answer, given) => hasAll(answer.value, "start", "end") || (isEmpty(answer.value) && find(given, "text")),
    marked,
    [],
  ],
  [(answer) => typeof answer.start === "number" && typeof answer.value === "string", passage, ["start", "end"]],
  [(answer) => answer.items || answer.profile || answer.masks, ranking, ["items", "profile", "masks"]],
  [(answer) => typeof answer.value === "number", quantity, []],
  [(answer) => typeof answer.value === "string", sentence, []],
  [(answer) => hasAll(answer.value) && answer.value.every((one) => typeof one === "number"), vector, []],
  [() => true, plain, []],
];

// Return what shows an answer; `given` are the fields' own accounts of what was asked about.
export async function answerView(answer, given) {
  if (answer.error) return el("p", { class: "warning" }, answer.error);
  const [, draw, shown] = VIEWS.find(([fits]) => fits(answer, given));
  return el("div", { class: "answer" }, await draw(answer, given), facts(answer, ["value", ...shown]), raw(answer));
}

function hasAll(value, ...names) {
  return Array.isArray(value) && value.length > 0 && names.every((name) => value[0]?.[name] !== undefined);
}

function isEmpty(value) {
  return Array.isArray(value) && value.length === 0;
}

function quantity(answer) {
  return el("p", { class: "big" }, number(answer.value));
}

function sentence(answer) {
  return el("p", { class: "said" }, answer.value);
}

function vector(answer) {
  const shown = answer.value.slice(0, MOST_SHOWN).map(number).join("  ");
  return el(
    "div",
    {},
    el("p", { class: "soft", word: ["vector", { count: answer.value.length }] }),
    el("p", { class: "code" }, shown),
  );
}

function plain(answer) {
  return el("pre", { tabindex: 0 }, JSON.stringify(answer.value, null, 1));
}

// What stands beside an answer: its confidence, and every plain fact that no drawing shows.
function facts(answer, shown) {
  const rest = Object.entries(answer).filter(([name, value]) => !shown.includes(name) && isPlain(value));
  if (!rest.length) return null;
  return el(
    "dl",
    { class: "facts" },
    rest.map(([name, value]) =>
      el(
        "div",
        {},
        el("dt", {}, name === "confidence" ? el("span", { word: name }) : spoken(name)),
        el("dd", {}, shownAs(name, value)),
      ),
    ),
  );
}

function isPlain(value) {
  return ["number", "string", "boolean"].includes(typeof value) && value !== "";
}

function spoken(name) {
  return name.replaceAll("_", " ");
}

function shownAs(name, value) {
  if (typeof value !== "number") return String(value);
  return name === "confidence" ? percent(value) : number(value);
}

function raw(answer) {
  const text = JSON.stringify(answer, (name, value) => (isLong(value) ? `${value.slice(0, 80)}…` : value), 1);
  return el("details", {}, el("summary", { word: "as_json" }), el("pre", { tabindex: 0 }, text));
}

function isLong(value) {
  return typeof value === "string" && value.length > 2000;
}
