// Every sentence of the page in English and in Chinese, and what puts them into nodes again when the language changes.
//
// What models, records and errors say is theirs: it is never translated.

import { SENTENCES } from "./sentences.js";

export const LANGUAGES = { en: "English", zh: "中文" };
const KEPT = "noria-language";
const said = new WeakMap(); // node -> attribute or "" for its text -> [name, values]

// Return the language that was chosen here, or else the browser's.
export function language() {
  const chosen = localStorage.getItem(KEPT) ?? navigator.language.slice(0, 2);
  return chosen in LANGUAGES ? chosen : "en";
}

// Return a sentence with its values filled in.
export function say(name, values = {}) {
  const sentence = SENTENCES[name][language()];
  return sentence.replace(/\{(\w+)\}/g, (_, key) => String(values[key]));
}

// Make a sentence, by its name or as [name, values], the text of a node, or one of its attributes.
export function worded(node, sentence, attribute = "") {
  const [name, values] = [sentence].flat();
  said.set(node, { ...said.get(node), [attribute]: [name, values] });
  node.dataset.worded = "";
  write(node, attribute, name, values);
}

// Return a node with the name of a task; one that nobody translated is called as it is.
export function taskName(task) {
  const node = document.createElement("span");
  if (`task:${task}` in SENTENCES) worded(node, `task:${task}`);
  else node.textContent = task.replaceAll("-", " ");
  return node;
}

export function setLanguage(code) {
  if (code !== language()) localStorage.setItem(KEPT, code);
  document.documentElement.lang = code;
  for (const node of document.querySelectorAll("[data-worded]")) {
    for (const [attribute, [name, values]] of Object.entries(said.get(node))) write(node, attribute, name, values);
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === code));
  }
}

function write(node, attribute, name, values) {
  if (attribute) node.setAttribute(attribute, say(name, values));
  else node.textContent = say(name, values);
}
