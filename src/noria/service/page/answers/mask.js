// A class for each pixel, laid over the picture in the mask's own colours.

import { el, picture, put } from "../dom.js";
import { percent } from "../numbers.js";
import { givenPicture } from "./given.js";

export async function mask(answer, given) {
  const { png, classes } = answer.value;
  const cover = await picture(`data:image/png;base64,${png}`);
  cover.alt = "";
  cover.className = "cover";
  const image = await givenPicture(given);
  const slider = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.6 });
  const show = () => (cover.style.opacity = image ? slider.value : 1);
  slider.addEventListener("input", show);
  show();
  const shares = answer.shares ?? {};
  const colours = palette(png);
  const legend = classes.map((name, index) =>
    el(
      "li",
      {},
      swatch(colours[index]),
      name,
      " ",
      name in shares ? el("span", { class: "soft" }, percent(shares[name])) : null,
    ),
  );
  return el(
    "div",
    {},
    el("div", { class: "overlay" }, image, cover),
    image ? el("label", { class: "row" }, el("span", { word: "opacity" }), slider) : null,
    el("ul", { class: "found" }, legend),
  );
}

function swatch(colour) {
  const node = el("span", { class: "swatch" });
  if (colour) node.style.background = colour;
  return node;
}

// Return the colours of a PNG with a palette, in order: its part PLTE holds three bytes for each.
function palette(png) {
  const bytes = atob(png);
  const start = bytes.indexOf("PLTE");
  if (start < 4) return [];
  const length = [4, 3, 2, 1].reduce((sum, back) => sum * 256 + bytes.charCodeAt(start - back), 0);
  const colour = (at) => `rgb(${[0, 1, 2].map((part) => bytes.charCodeAt(start + 4 + at + part)).join(" ")})`;
  return Array.from({ length: length / 3 }, (_, index) => colour(3 * index));
}
