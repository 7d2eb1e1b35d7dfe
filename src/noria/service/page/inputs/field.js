// A field of a record, as a person fills it in. What is drawn for it follows from the model's schema alone.
//
// A field: { node, value(), given(), isReady() }. value() is what the record holds; given() what an answer may be drawn
// on: { kind: "text" | "picture" | "sound", ... }. `changed(isWhole)` is called whenever the value changes; isWhole says
// that it is worth an answer at once: a stroke that ended, a picture that was dropped, not a letter of a text.

import { chosen } from "./file.js";
import { drawing } from "./drawing.js";
import { json } from "./json.js";
import { list } from "./list.js";
import { photo } from "./picture.js";
import { sound } from "./sound.js";
import { table } from "./table.js";
import { text } from "./text.js";

const LARGEST_DRAWN = 64; // pixels a side: what a finger can draw

// The first that fits a schema. What is known of training values stands beside its bounds, as x-noria.
const KINDS = [
  [(schema, facts) => facts.modality === "image" && isSmallAndGrey(facts), drawing],
  [(schema, facts) => facts.modality === "image", photo],
  [(schema, facts) => "rate_hz" in facts, sound],
  [(schema) => schema.contentEncoding === "base64", chosen],
  [(schema) => schema.type === "object" && schema.properties, table],
  [(schema) => types(schema).includes("string"), text],
  [(schema, facts) => "items" in facts, list],
  [() => true, json],
];

// Return the fields of a record by name: what its schema holds under a second name stands there once.
export function fields(schema, changed) {
  const own = Object.entries(schema.properties).filter(([, one]) => !one["x-noria"]?.same_as);
  const needed = new Set([...(schema.required ?? []), ...(schema.allOf ?? []).map((one) => one.oneOf[0].required[0])]);
  const made = (name, one) => field(name, one, { isNeeded: needed.has(name), isAlone: own.length === 1, changed });
  return Object.fromEntries(own.map(([name, one]) => [name, made(name, one)]));
}

// Return what tells whether two models can be asked with one input.
export function signature(schema) {
  const own = Object.entries(schema.properties).filter(([, one]) => !one["x-noria"]?.same_as);
  return JSON.stringify(own.map(([name, one]) => [name, one["x-noria"]?.modality, Object.keys(one.properties ?? {})]));
}

export function types(schema) {
  return [schema.type].flat();
}

function field(name, schema, more) {
  const facts = schema["x-noria"] ?? {};
  const [, make] = KINDS.find(([fits]) => fits(schema, facts));
  return make({ name, schema, facts, example: schema.examples?.[0], ...more });
}

function isSmallAndGrey({ channels, height, width }) {
  return channels === 1 && Math.max(height, width) <= LARGEST_DRAWN;
}
