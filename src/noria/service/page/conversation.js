// A model that is talked to: what was said, and its reply as it is written.

import { writes, writing, refusal } from "./answers/writing.js";
import { el, put } from "./dom.js";
import { predict } from "./service.js";
import { settingsForm } from "./settings.js";

// Return the name of the field that holds a conversation; undefined where a model has none.
export function conversationField(schema) {
  return Object.entries(schema.properties).find(([, one]) => one["x-noria"]?.modality === "messages")?.[0];
}

export function conversation(about, name, signal) {
  const messages = [];
  const list = el("ol");
  const log = el("div", { class: "talk", role: "log", tabindex: 0, words: { "aria-label": "conversation" } }, list);
  const system = el("textarea", { rows: 2, id: "system" });
  const area = el("textarea", { rows: 2, id: "message", words: { placeholder: "your_message" }, spellcheck: "false" });
  const send = el("button", { type: "submit", class: "primary", word: "send" });
  const settings = settingsForm();

  const bubble = (role, ...content) => {
    const node = el("li", { class: role }, el("p", { class: "who", word: role }), content);
    list.append(node);
    log.scrollTop = log.scrollHeight;
    return node;
  };
  const reply = async () => {
    const given = system.value.trim() ? [{ role: "system", content: system.value }, ...messages] : [...messages];
    const node = bubble("assistant");
    const show = (one) => put(node, node.firstElementChild, one);
    try {
      messages.push({
        role: "assistant",
        content: await replied(about, { [name]: given }, settings.value(), signal, show),
      });
    } catch (error) {
      messages.pop(); // what had no reply was not said: the next message would follow on it
      if (error.name !== "AbortError") show(refusal(error));
    }
    log.scrollTop = log.scrollHeight;
  };
  const say = async (event) => {
    event.preventDefault();
    if (send.disabled || !area.value.trim()) return;
    messages.push({ role: "user", content: area.value });
    bubble("user", el("p", {}, area.value));
    area.value = "";
    send.disabled = true;
    await reply();
    send.disabled = false;
    area.focus();
  };
  const clear = () => {
    messages.length = 0;
    put(list);
    area.focus();
  };
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) say(event);
  });
  return el(
    "form",
    { class: "panel chat", on: { submit: say } },
    log,
    el("label", { for: area.id, class: "unseen", word: "your_message" }),
    area,
    el("div", { class: "row" }, send, el("button", { type: "button", word: "new_conversation", on: { click: clear } })),
    el(
      "details",
      { class: "settings" },
      el("summary", { word: "instructions" }),
      el("label", { for: system.id, word: "system_message" }),
      system,
    ),
    settings.node,
  );
}

// Return the text of a reply, shown as it is written where the model does so.
async function replied(about, record, settings, signal, show) {
  if (writes(about)) return writing(about, record, settings, signal, show);
  const { answer } = await predict(about.name, record, signal);
  show(el("p", { class: "said" }, String(answer.value ?? answer.error)));
  return String(answer.value ?? "");
}
