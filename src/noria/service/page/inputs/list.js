// A history of items: one a line, with those that the model knows best to choose from.

import { el } from "../dom.js";

export function list({ name, facts, example, isNeeded, changed }) {
  const area = el("textarea", { id: `field-${name}`, rows: 5, spellcheck: "false" });
  const known = el(
    "select",
    { id: `known-${name}` },
    el("option", { value: "", word: "add_item" }),
    Object.entries(facts.items).map(([item, title]) => el("option", { value: item }, title)),
  );
  area.value = (example ?? []).map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");
  area.addEventListener("input", () => changed(false));
  known.addEventListener("change", () => {
    if (known.value) area.value = [area.value.trimEnd(), known.value].filter(Boolean).join("\n");
    known.value = "";
    changed(true);
  });
  const lines = () =>
    area.value
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
  return {
    node: el(
      "div",
      { class: "field" },
      el("label", { for: area.id }, name, " ", el("span", { class: "soft", word: "one_a_line" })),
      area,
      el("label", { for: known.id, class: "unseen", word: "add_item" }),
      known,
    ),
    value: () => lines().map(entry),
    given: () => ({ kind: "other" }),
    isReady: () => !isNeeded || lines().length > 0,
  };
}

// Return an event of a history: an item, or an object with its rating and time, as the service takes it.
function entry(line) {
  if (!line.startsWith("{")) return line;
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}
