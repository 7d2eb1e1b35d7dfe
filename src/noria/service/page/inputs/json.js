// A value that has no form of its own: as JSON.

import { el } from "../dom.js";

export function json({ name, example, isNeeded, changed }) {
  const error = el("p", { class: "warning", id: `wrong-${name}` });
  const area = el("textarea", {
    id: `field-${name}`,
    rows: 5,
    class: "code",
    spellcheck: "false",
    "aria-describedby": error.id,
  });
  area.value = JSON.stringify(example ?? null, null, 1);
  const parsed = () => {
    try {
      return { value: JSON.parse(area.value || "null") };
    } catch (wrong) {
      return { wrong: wrong.message };
    }
  };
  area.addEventListener("input", () => {
    error.textContent = parsed().wrong ?? "";
    changed(false);
  });
  return {
    node: el("div", { class: "field" }, el("label", { for: area.id }, name), area, error),
    value: () => parsed().value,
    given: () => ({ kind: "other" }),
    isReady: () => !parsed().wrong && !(isNeeded && parsed().value === null),
  };
}
