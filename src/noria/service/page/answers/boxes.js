// Things found in a picture, as boxes on it.

import { el, put, svg } from "../dom.js";
import { percent } from "../numbers.js";
import { givenPicture } from "./given.js";

const SERIES = 6; // colours that are told apart
const USUAL_LEAST = 0.3; // confidence below which boxes are hidden until one asks for them

export async function boxes(answer, given) {
  const image = await givenPicture(given);
  const classes = [...new Set(answer.value.map((one) => one.label))].sort();
  const drawing = el("div", { class: "overlay" });
  const list = el("ul", { class: "found" });
  const slider = el("input", { type: "range", min: 0, max: 1, step: 0.05 });
  const most = Math.max(0, ...answer.value.map((one) => one.confidence));
  slider.value = Math.min(USUAL_LEAST, Math.floor(most * 20) / 20);
  const draw = () => {
    const found = answer.value.filter((one) => one.confidence >= Number(slider.value));
    if (image) put(drawing, image, overlay(found, classes, image));
    put(list, found.length ? found.map((one) => line(one, classes)) : el("li", { word: "nothing_found" }));
  };
  slider.addEventListener("input", draw);
  draw();
  return el("div", {}, drawing, el("label", { class: "row" }, el("span", { word: "least_confidence" }), slider), list);
}

function overlay(found, classes, image) {
  const size = Math.max(image.naturalWidth, image.naturalHeight);
  const draw = ({ label, box: [left, top, right, bottom] }) => {
    const colour = `series-${classes.indexOf(label) % SERIES}`;
    return [
      svg("rect", {
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
        class: `box ${colour}`,
        "stroke-width": size / 250,
      }),
      svg(
        "text",
        { x: left, y: Math.max(top - size / 120, size / 30), class: `mark ${colour}`, "font-size": size / 32 },
        label,
      ),
    ];
  };
  const view = `0 0 ${image.naturalWidth} ${image.naturalHeight}`;
  return svg("svg", { viewBox: view, "aria-hidden": "true" }, found.map(draw).flat());
}

function line({ label, confidence }, classes) {
  return el(
    "li",
    {},
    el("span", { class: `swatch series-${classes.indexOf(label) % SERIES}` }),
    `${label} `,
    el("span", { class: "soft" }, percent(confidence)),
  );
}
