// What was asked about, where an answer is drawn on it.

import { picture } from "../dom.js";

// Return the first of the given fields that is of a kind: text, picture or sound.
export function find(given, kind) {
  return given.find((one) => one.kind === kind);
}

// Return the picture that was given as an image; null where there is none that a browser can show.
export async function givenPicture(given) {
  const url = find(given, "picture")?.url;
  const image = url ? await picture(url).catch(() => null) : null;
  if (image) image.alt = "";
  return image;
}
