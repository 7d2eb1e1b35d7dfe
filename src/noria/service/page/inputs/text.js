// A text: a sentence or a page.

import { el } from "../dom.js";

export function text({ name, example, isNeeded, changed }) {
  const area = el("textarea", { id: `field-${name}`, rows: example?.length > 60 ? 5 : 3, spellcheck: "false" });
  area.value = example ?? "";
  area.addEventListener("input", () => changed(false));
  return {
    node: el("div", { class: "field" }, el("label", { for: area.id }, name), area),
    value: () => (area.value === "" && !isNeeded ? null : area.value),
    given: () => ({ kind: "text", text: area.value }),
    isReady: () => !isNeeded || area.value.trim() !== "",
  };
}
