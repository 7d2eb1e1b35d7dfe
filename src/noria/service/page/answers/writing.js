// An answer that is written piece by piece, shown as it comes.

import { el } from "../dom.js";
import { number, percent } from "../numbers.js";
import { Refused, stream } from "../service.js";
import { say, worded } from "../words.js";

// Say whether a model writes texts piece by piece.
export function writes(about) {
  return about.operations.includes("stream") && !about.media_type;
}

// Ask for an answer and show it; `show` gets the node before the first piece is there. Return the whole text.
export async function writing(about, record, settings, signal, show) {
  const stopped = new AbortController();
  const text = el("p", { class: "said written" });
  const stop = el("button", { type: "button", class: "quiet", word: "stop", on: { click: () => stopped.abort() } });
  const state = el("p", { class: "soft time" });
  show(el("div", { class: "answer" }, text, stop, state));
  const start = performance.now();
  let first = null;
  try {
    for await (const event of stream(about.name, record, settings, AbortSignal.any([signal, stopped.signal]))) {
      first ??= (performance.now() - start) / 1000;
      text.append(event.text);
      if (event.ended) worded(state, ["written", measured(event, first, start)]);
    }
  } catch (error) {
    if (signal.aborted || !(error instanceof Refused || error.name === "AbortError" || error instanceof TypeError))
      throw error;
    if (error.name === "AbortError") worded(state, "stopped");
    else state.replaceWith(refusal(error));
  } finally {
    stop.remove();
    text.classList.remove("written");
  }
  return text.textContent;
}

// Return a sentence on why there is no answer, as the service says it.
export function refusal(error) {
  const word = error instanceof Refused ? null : "no_connection";
  return el("p", { class: "warning", role: "alert", word }, ...(word ? [] : [error.message]));
}

function measured({ ended, logprobs }, first, start) {
  const tokens = logprobs?.length ?? 0;
  const seconds = (performance.now() - start) / 1000;
  const mean = tokens ? Math.exp(logprobs.reduce((sum, one) => sum + one, 0) / tokens) : 0;
  return {
    tokens,
    first: number(first * 1000),
    rate: number(tokens / seconds),
    confidence: percent(mean),
    ended: say(`ended_${ended}`),
  };
}
