// When something is heard: words or stretches along the sound that was given. A click plays from there.

import { el, svg } from "../dom.js";
import { percent } from "../numbers.js";
import { player } from "../player.js";
import { find } from "./given.js";

const HEIGHT = 10;

export async function timeline(answer, given) {
  const parts = answer.words ?? answer.value;
  const file = find(given, "sound")?.file;
  const sound = file ? await player(file, "") : null;
  const end = sound?.seconds ?? Math.max(0, ...parts.map((one) => one.end_s));
  const text = typeof answer.value === "string" ? el("p", { class: "said" }, answer.value) : null;
  const nothing = parts.length ? null : el("p", { word: "nothing_found" });
  const play = (one) => {
    sound.audio.currentTime = one.start_s;
    sound.audio.play();
  };
  const line = (one) =>
    el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "quiet", disabled: !sound, on: { click: () => play(one) } },
        `${one.start_s.toFixed(2)}–${one.end_s.toFixed(2)} s`,
      ),
      one.text ? ` ${one.text} ` : " ",
      typeof one.confidence === "number" ? el("span", { class: "soft" }, percent(one.confidence)) : null,
    );
  return el(
    "div",
    {},
    text,
    nothing,
    sound?.node,
    strip(parts, end),
    el("ol", { class: "found column" }, parts.map(line)),
  );
}

function strip(parts, end) {
  if (!end) return null;
  const bar = (one) =>
    svg("rect", {
      x: (100 * one.start_s) / end,
      y: 1,
      width: (100 * (one.end_s - one.start_s)) / end,
      height: HEIGHT - 2,
    });
  const view = { viewBox: `0 0 100 ${HEIGHT}`, preserveAspectRatio: "none", class: "strip", "aria-hidden": "true" };
  return svg("svg", view, parts.map(bar));
}
