// Elements and their texts. Every text becomes a text node, never HTML: what a model or a client writes stays text.
// Read next: words.js.

import { worded } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

// Return an element. Attributes: `word` is its text by the name of a sentence, or [name, values]; `words` the same for
// attributes; `on` what listens; null and false are left out.
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

// Return an element of SVG.
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

// Put nodes and texts into an element in place of what is there; null is nothing.
export function put(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((one) => one !== null && one !== undefined));
  return node;
}

// Return a picture, once it has been read; the promise fails where it is none.
export async function picture(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

function filled(node, { word, words = {}, on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on)) node.addEventListener(event, listener);
  for (const [name, said] of Object.entries(words)) worded(node, said, name);
  if (word) worded(node, word);
  if (children.length) put(node, ...children);
  return node;
}
