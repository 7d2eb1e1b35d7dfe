// A picture that is dropped, pasted or chosen.

import { el, picture, put } from "../dom.js";
import { dropPlace } from "./file.js";

export function photo({ name, isNeeded, changed }) {
  let file = null;
  let url = null;
  const shown = el("div", { class: "shown" });
  const take = async (one) => {
    if (url) URL.revokeObjectURL(url);
    [file, url] = [one, URL.createObjectURL(one)];
    // What no browser can show (TIFF), the service may be able to read.
    const image = await picture(url).catch(() => null);
    if (image) image.alt = one.name;
    put(shown, image ?? el("p", { class: "soft" }, one.name));
    changed(true);
  };
  return {
    node: el(
      "div",
      { class: "field" },
      el("p", { class: "label" }, name),
      shown,
      dropPlace({ name, accept: "image/*", word: "drop_picture", take }),
    ),
    value: () => file,
    given: () => ({ kind: "picture", url }),
    isReady: () => !isNeeded || file !== null,
  };
}
