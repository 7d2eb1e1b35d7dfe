// A small grey picture that is drawn: with a pointer, or with the arrow keys and the space bar. Or dropped.
//
// What is sent has the size of the pictures that the model learnt from, and their ground: dark where those were dark.

import { el, picture } from "../dom.js";
import { dropPlace } from "./file.js";

const SCALE = 10; // pixels of the canvas for each of the model's
const PEN = 2.2; // of the model's pixels for every 28 of a side: the width of a felt pen on a digit
const DARK = 0.5;

export function drawing({ name, facts, isNeeded, changed }) {
  const { height, width } = facts;
  const [ground, ink] = (facts.brightness ?? 0) < DARK ? ["#000", "#fff"] : ["#fff", "#000"];
  const canvas = el("canvas", {
    width: width * SCALE,
    height: height * SCALE,
    class: "drawing",
    tabindex: 0,
    role: "application",
    words: { "aria-label": ["draw_here", { name }] },
  });
  const context = canvas.getContext("2d");
  let isEmpty = true;

  const clear = () => {
    context.fillStyle = ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    isEmpty = true;
  };
  const line = (from, to) => {
    context.strokeStyle = ink;
    context.lineWidth = (PEN * SCALE * Math.max(height, width)) / 28;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    isEmpty = false;
  };
  const take = async (file) => {
    const url = URL.createObjectURL(file);
    const image = await picture(url).catch(() => null);
    URL.revokeObjectURL(url);
    if (!image) return;
    clear();
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    isEmpty = false;
    changed(true);
  };
  const wipe = () => {
    clear();
    changed(false);
  };
  clear();
  withPointer(canvas, line, () => changed(true));
  withKeys(canvas, line, wipe, () => changed(true));
  return {
    node: el(
      "div",
      { class: "field" },
      el("p", { class: "label" }, name, " ", el("span", { class: "soft", word: "draw_hint" })),
      canvas,
      el(
        "div",
        { class: "row" },
        el("button", { type: "button", word: "clear", on: { click: wipe } }),
        dropPlace({ name, accept: "image/*", word: "or_drop_picture", take }),
      ),
    ),
    value: () => small(canvas, width, height),
    given: () => ({ kind: "picture", url: canvas.toDataURL() }),
    isReady: () => !isNeeded || !isEmpty,
  };
}

function withPointer(canvas, line, ended) {
  let last = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * canvas.width) / box.width,
      ((event.clientY - box.top) * canvas.height) / box.height,
    ];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    line(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const next = place(one);
      line(last, next);
      last = next;
    }
  });
  for (const event of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(event, () => {
      if (last) ended();
      last = null;
    });
  }
}

// Arrows move the pen by one of the model's pixels, the space bar puts it down or lifts it, Delete clears.
function withKeys(canvas, line, wipe, ended) {
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  let place = [canvas.width / 2, canvas.height / 2];
  let isDown = false;
  canvas.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      isDown = !isDown;
      canvas.classList.toggle("down", isDown);
      if (isDown) line(place, place);
      else ended();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      wipe();
    } else if (event.key in ARROWS) {
      const [x, y] = ARROWS[event.key].map((one, axis) => place[axis] + one * SCALE);
      const next = [Math.min(Math.max(x, 0), canvas.width), Math.min(Math.max(y, 0), canvas.height)];
      if (isDown) line(place, next);
      place = next;
    } else {
      return;
    }
    event.preventDefault();
  });
}

// Return the drawing in the model's own size, as a PNG.
function small(canvas, width, height) {
  const copy = el("canvas", { width, height });
  const context = copy.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, width, height);
  return new Promise((resolve) => copy.toBlob(resolve, "image/png"));
}
