// Things in an order: what is recommended and why, how well each is known, what may stand in a gap.

import { el } from "../dom.js";
import { number } from "../numbers.js";
import { chart } from "./bars.js";

export function ranking(answer) {
  if (answer.masks) return gaps(answer);
  if (answer.profile) return chart(answer.profile.map((one) => [one.item, one.right]));
  const line = ({ item, score, because }) =>
    el(
      "li",
      {},
      el("span", {}, item),
      because ? el("span", { class: "soft", word: ["because", { item: because }] }) : null,
      el("span", { class: "share" }, number(score)),
    );
  return el("ol", { class: "ranking" }, answer.items.map(line));
}

function gaps(answer) {
  const filled = answer.masks.map((one) => chart(one.map(({ token, probability }) => [token, probability])));
  return el("div", {}, el("p", { class: "said" }, String(answer.value)), filled);
}
