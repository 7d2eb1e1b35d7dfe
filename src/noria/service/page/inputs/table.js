// A row of a table: each column by its own kind, within the range that it had in training. What is left empty is missing.

import { el } from "../dom.js";
import { rounded, step } from "../numbers.js";

const MOST_OPTIONS = 60; // of a list to choose from; a longer one is typed with suggestions

export function table({ name, schema, facts, isAlone, changed }) {
  const read = Object.keys(schema.properties).filter((column) => !facts.columns || column in facts.columns);
  const cells = Object.fromEntries(
    read.map((column) => {
      const [example] = schema.properties[column].examples ?? [];
      return [column, cell(`${name}-${column}`, column, facts.columns?.[column] ?? {}, example, changed)];
    }),
  );
  return {
    node: el(
      "fieldset",
      { class: "field cells" },
      el("legend", { class: isAlone ? "unseen" : null }, name),
      Object.values(cells).map((one) => one.node),
    ),
    value: () => Object.fromEntries(Object.entries(cells).map(([column, one]) => [column, one.value()])),
    given: () => ({ kind: "other" }),
    isReady: () => true,
  };
}

function cell(id, column, facts, example, changed) {
  if (facts.kind === "number" && facts.low < facts.high) return numeric(id, column, facts, changed);
  if (facts.kind === "category" && facts.categories.length <= MOST_OPTIONS) return choice(id, column, facts, changed);
  const input = el("input", { id, type: facts.kind === "date" ? "date" : "text", autocomplete: "off" });
  const known = facts.categories?.length
    ? el(
        "datalist",
        { id: `${id}-known` },
        facts.categories.map((one) => el("option", { value: one })),
      )
    : null;
  if (known) input.setAttribute("list", known.id);
  if (facts.kind !== "date") input.value = facts.categories?.[0] ?? example ?? "";
  input.addEventListener("change", () => changed(true));
  return labelled(id, column, [input, known], () => input.value || null);
}

// A number is typed; the slider beside it does the same for a pointer. Nothing forbids what lies outside of the range.
function numeric(id, column, { low, high, mean }, changed) {
  const by = step(low, high);
  const usual = rounded(mean, by);
  // Any number may be typed, so that the arrow keys need a step of their own.
  const input = el("input", { id, type: "number", step: "any", value: usual, "aria-describedby": `${id}-range` });
  const slider = el("input", {
    type: "range",
    min: rounded(low, by),
    max: rounded(high, by),
    step: by,
    value: usual,
    tabindex: -1,
    "aria-hidden": "true",
  });
  input.addEventListener("input", () => {
    if (input.value !== "") slider.value = input.value;
    changed(true);
  });
  slider.addEventListener("input", () => {
    input.value = slider.value;
    changed(true);
  });
  input.addEventListener("keydown", (event) => {
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    input.value = rounded(Number(input.value) + way * by, by);
    input.dispatchEvent(new Event("input"));
  });
  const range = el("span", { id: `${id}-range`, class: "soft", word: ["range", { low, high }] });
  return labelled(id, column, [input, slider, range], () => (input.value === "" ? null : Number(input.value)));
}

function choice(id, column, { categories }, changed) {
  const select = el(
    "select",
    { id },
    categories.map((one) => el("option", { value: `=${one}` }, one)),
    el("option", { value: "", word: "missing" }),
  );
  select.addEventListener("change", () => changed(true));
  return labelled(id, column, [select], () => (select.value === "" ? null : select.value.slice(1)));
}

function labelled(id, column, inputs, value) {
  return { node: el("div", { class: "cell" }, el("label", { for: id }, column), inputs), value };
}
