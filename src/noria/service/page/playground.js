// One model to try: a form made from its schema, and beside it the answer, next to another model's if that is wanted.
// Read next: inputs/field.js, answers/answer.js, conversation.js (models that are talked to).

import { answerView } from "./answers/answer.js";
import { refusal, writing, writes } from "./answers/writing.js";
import { el, put } from "./dom.js";
import { fields, signature } from "./inputs/field.js";
import { duration } from "./numbers.js";
import { model, predict } from "./service.js";
import { settingsForm } from "./settings.js";

const PAUSE_MS = 150; // after a change, in which more of them come: a slider that is pulled

// Return the section of a model; `others` are all that a reader may compare it to, signal ends what is still asked.
export function playground(about, others, signal) {
  const slots = el("div", { class: "answers", "aria-live": "polite" }, el("p", { class: "soft", word: "answer_here" }));
  const button = el("button", { type: "submit", class: "primary", word: "ask" });
  const settings = writes(about) ? settingsForm() : null;
  const asked = [about];
  let timer = 0;

  const form = fields(about.schema, (isWhole) => {
    const isReady = Object.values(form).every((one) => one.isReady());
    button.disabled = !isReady;
    clearTimeout(timer);
    if (isWhole && isReady) timer = setTimeout(ask, PAUSE_MS);
  });
  const ask = oneAtATime(async () => {
    const record = {};
    for (const [name, one] of Object.entries(form)) record[name] = await one.value();
    const question = {
      record,
      given: Object.values(form).map((one) => one.given()),
      settings: settings?.value() ?? {},
      signal,
    };
    await answered(slots, asked, question);
  });
  const compare = rivals(about, others, async (name) => {
    asked.splice(1, 1, ...(name ? [await model(name)] : []));
    if (!button.disabled) ask();
  });
  button.disabled = !Object.values(form).every((one) => one.isReady());
  return el(
    "div",
    { class: "try" },
    el(
      "form",
      {
        class: "panel",
        on: { submit: (event) => [event.preventDefault(), ask()], keydown: (event) => submits(event) && ask() },
      },
      Object.values(form).map((one) => one.node),
      settings?.node ?? null,
      el("div", { class: "row" }, button, compare),
    ),
    el("section", { class: "panel", words: { "aria-label": "answer" } }, slots),
  );
}

// Return a function that runs `act`, one run at a time: what is asked meanwhile is one more run when it has ended.
export function oneAtATime(act) {
  let isRunning = false;
  let isLate = false;
  return async () => {
    isLate = true;
    if (isRunning) return;
    isRunning = true;
    while (isLate) {
      isLate = false;
      await act();
    }
    isRunning = false;
  };
}

// Say whether a key is that which sends a form from within a text.
export function submits(event) {
  return event.key === "Enter" && (event.ctrlKey || event.metaKey);
}

// Ask models the same question and show each one's answer in a column of its own.
async function answered(slots, asked, question) {
  const isSame = slots.childElementCount === asked.length && slots.firstElementChild.matches(".slot");
  if (!isSame)
    put(
      slots,
      asked.map(() => el("div", { class: "slot" })),
    );
  await Promise.all(asked.map((one, index) => column(slots.children[index], one, asked.length > 1, question)));
}

// The last answer stays where it is until the next one is there: nothing flickers while a slider is pulled.
async function column(slot, about, isNamed, { record, given, settings, signal }) {
  const title = isNamed ? el("h3", {}, about.name) : null;
  try {
    if (writes(about)) {
      await writing(about, record, settings, signal, (node) => put(slot, title, node));
      return;
    }
    slot.setAttribute("aria-busy", "true");
    const { answer, notes, seconds } = await predict(about.name, record, signal);
    const view = await answerView(answer, given);
    const sentences = notes.map((one) => el("p", { class: "warning" }, one));
    put(slot, title, view, sentences, el("p", { class: "soft time" }, duration(seconds)));
  } catch (error) {
    if (error.name !== "AbortError") put(slot, title, refusal(error));
  } finally {
    slot.removeAttribute("aria-busy");
  }
}

// Return a list of the models that can be asked with the same input; null where there is none.
function rivals(about, others, chosen) {
  const wanted = signature(about.schema);
  const select = el(
    "select",
    { on: { change: () => chosen(select.value) } },
    el("option", { value: "", word: "no_other" }),
  );
  const label = el("label", { class: "row", hidden: true }, el("span", { word: "compare" }), select);
  for (const { name } of others) {
    if (name === about.name) continue;
    model(name).then(
      (one) => {
        if (signature(one.schema) !== wanted) return;
        select.append(el("option", { value: name }, name));
        label.hidden = false;
      },
      () => {},
    );
  }
  return label;
}
