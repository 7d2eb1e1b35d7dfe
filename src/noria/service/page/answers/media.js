// An answer that is a file: a sound is played, a picture shown.

import { el } from "../dom.js";
import { player } from "../player.js";

export async function media(answer) {
  const { mime, base64 } = answer.media;
  const blob = new Blob([Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))], { type: mime });
  const said = typeof answer.value === "string" ? el("p", { class: "soft" }, answer.value) : null;
  return el("div", {}, await shown(blob, mime), said, saved(blob, mime));
}

async function shown(blob, mime) {
  const [kind] = mime.split("/");
  if (kind === "audio") {
    const { node, audio } = await player(blob, "");
    audio.play().catch(() => {}); // a browser that waits for a click
    return node;
  }
  const src = URL.createObjectURL(blob);
  if (kind === "image") return el("img", { src, words: { alt: "answer" } });
  if (kind === "video") return el("video", { src, controls: true });
  return null;
}

function saved(blob, mime) {
  const ending = { "audio/wav": ".wav", "audio/mpeg": ".mp3", "image/png": ".png", "image/jpeg": ".jpg" }[mime] ?? "";
  return el("a", { href: URL.createObjectURL(blob), download: `answer${ending}`, word: "save" });
}
