// A sound that can be seen and heard.

import { el, svg } from "./dom.js";

const COLUMNS = 300; // of the drawn wave
const HALF = 40; // height of the loudest half wave

// Return { node, audio, seconds } of a blob; seconds is null where the browser cannot decode it.
export async function player(blob, label) {
  const url = URL.createObjectURL(blob);
  const audio = el("audio", { controls: true, src: url, "aria-label": label });
  const decoded = await decode(blob);
  const wave = decoded ? drawn(decoded.getChannelData(0)) : null;
  return { node: el("figure", { class: "sound" }, wave, audio), audio, seconds: decoded?.duration ?? null };
}

async function decode(blob) {
  try {
    return await new OfflineAudioContext(1, 1, 44100).decodeAudioData(await blob.arrayBuffer());
  } catch {
    return null;
  }
}

function drawn(samples) {
  const width = Math.max(1, Math.floor(samples.length / COLUMNS));
  const loud = Array.from({ length: COLUMNS }, (_, index) => {
    let most = 0;
    for (const one of samples.subarray(index * width, (index + 1) * width)) most = Math.max(most, Math.abs(one));
    return most;
  });
  const loudest = Math.max(...loud) || 1;
  const up = loud.map((one, index) => `${index},${(HALF * (1 - one / loudest)).toFixed(1)}`);
  const down = loud.map((one, index) => `${index},${(HALF * (1 + one / loudest)).toFixed(1)}`).reverse();
  return svg(
    "svg",
    { viewBox: `0 0 ${COLUMNS} ${2 * HALF}`, preserveAspectRatio: "none", class: "wave", "aria-hidden": "true" },
    svg("polygon", { points: [...up, ...down].join(" ") }),
  );
}
