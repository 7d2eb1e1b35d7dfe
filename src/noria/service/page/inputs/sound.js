// A sound: spoken into the microphone, dropped or chosen.

import { el, put } from "../dom.js";
import { player } from "../player.js";
import { worded } from "../words.js";
import { dropPlace } from "./file.js";
import { listen } from "./microphone.js";
import { wav } from "./wav.js";

const MOST_MS = 60_000; // of a recording: whoever leaves forgets to stop it

export function sound({ name, facts, isNeeded, changed }) {
  let file = null;
  const shown = el("div", { class: "shown" });
  const take = async (one) => {
    file = one;
    put(shown, (await player(one, name)).node);
    changed(true);
  };
  return {
    node: el(
      "div",
      { class: "field" },
      el("p", { class: "label" }, name),
      shown,
      el(
        "div",
        { class: "row" },
        record(facts.rate_hz, take),
        dropPlace({ name, accept: "audio/*", word: "drop_sound", take }),
      ),
    ),
    value: () => file,
    given: () => ({ kind: "sound", file }),
    isReady: () => !isNeeded || file !== null,
  };
}

// Return the button that starts and stops a recording, and shows how loud it is.
function record(rate, take) {
  const button = el("button", { type: "button", word: "record" });
  const level = el("meter", { min: 0, max: 1, words: { "aria-label": "level" }, hidden: true });
  const wrong = el("p", { class: "warning", role: "alert" });
  let recording = null;
  let limit = 0;
  const stop = () => {
    clearTimeout(limit);
    const heard = wav(recording.stop(), recording.rate);
    recording = null;
    level.hidden = true;
    worded(button, "record");
    take(heard);
  };
  const start = async () => {
    try {
      recording = await listen(rate, (loud) => (level.value = loud));
    } catch {
      worded(wrong, "no_microphone");
      return;
    }
    put(wrong);
    level.hidden = false;
    worded(button, "stop_recording");
    limit = setTimeout(stop, MOST_MS);
  };
  button.addEventListener("click", () => (recording ? stop() : start()));
  return el("div", { class: "record" }, button, level, wrong);
}
