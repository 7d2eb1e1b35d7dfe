// A file that is chosen or dropped; its place in the form is also where pictures and sounds are dropped.

import { el, put } from "../dom.js";

// Return a place where a file is dropped, pasted or chosen; `take` gets it.
export function dropPlace({ name, accept, word, take }) {
  const input = el("input", { type: "file", id: `field-${name}`, accept, class: "unseen" });
  const label = el("label", { for: input.id, class: "drop" }, el("span", { word }));
  const place = el("div", { class: "place" }, input, label);
  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0]);
    input.value = "";
  });
  for (const event of ["dragenter", "dragover"]) {
    place.addEventListener(event, (one) => {
      one.preventDefault();
      place.classList.add("over");
    });
  }
  for (const event of ["dragleave", "drop"]) place.addEventListener(event, () => place.classList.remove("over"));
  place.addEventListener("drop", (one) => {
    one.preventDefault();
    if (one.dataTransfer.files[0]) take(one.dataTransfer.files[0]);
  });
  place.addEventListener("paste", (one) => {
    if (one.clipboardData.files[0]) take(one.clipboardData.files[0]);
  });
  return place;
}

export function chosen({ name, isNeeded, changed }) {
  let file = null;
  const about = el("p", { class: "soft", role: "status" });
  const take = (one) => {
    file = one;
    put(about, `${one.name} · ${one.size.toLocaleString("en")} B`);
    changed(true);
  };
  const place = dropPlace({ name, word: "drop_file", take });
  return {
    node: el("div", { class: "field" }, el("p", { class: "label" }, name), place, about),
    value: () => file,
    given: () => ({ kind: "other" }),
    isReady: () => !isNeeded || file !== null,
  };
}
