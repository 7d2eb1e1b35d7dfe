// What the page asks of the service: exactly what any client may, with the key that the reader typed in.

const KEY = "noria-key"; // in this tab alone, until it is closed

// A request that was refused: the service's own sentence, its code and the field that it is about.
export class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? `HTTP ${status}`);
    this.status = status;
    this.code = error?.code;
    this.param = error?.param;
  }
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function keepKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

// Return the models that are served, without their schemas.
export async function models() {
  return (await json("/models")).models;
}

// Return all that a model says of itself.
export async function model(name) {
  return json(`/models/${encodeURIComponent(name)}`);
}

// Return what the service counts of its models; null where it does not tell.
export async function traffic() {
  try {
    return await json("/traffic");
  } catch (error) {
    if (error instanceof Refused && [403, 404].includes(error.status)) return null;
    throw error;
  }
}

// Return { answer, notes, seconds } of one record; its blobs are sent as base64.
export async function predict(name, record, signal) {
  const start = performance.now();
  return counted(name, start, async () => {
    const told = await json(`/predict/${encodeURIComponent(name)}`, await sendable(record), signal);
    const notes = [...(told.unlike_training ?? []), ...(told.not_read ?? [])];
    return { answer: told.predictions[0], notes, seconds: (performance.now() - start) / 1000 };
  });
}

// Yield the pieces of an answer as they come: { text, ended?, logprobs? }.
export async function* stream(name, record, settings, signal) {
  const start = performance.now();
  const body = { record: await sendable(record), settings };
  const response = await counted(name, start, () => asked(`/stream/${encodeURIComponent(name)}`, body, signal));
  for await (const event of events(response.body)) {
    if (event.ended === "error") throw new Refused(200, event.error);
    yield event;
  }
}

async function json(path, body, signal) {
  return (await asked(path, body, signal)).json();
}

async function asked(path, body, signal) {
  const headers = { accept: "application/json, text/event-stream" };
  if (hasKey()) headers.authorization = `Bearer ${sessionStorage.getItem(KEY)}`;
  const request = { headers, signal, credentials: "omit", cache: "no-store" };
  if (body !== undefined) {
    headers["content-type"] = "application/json";
    Object.assign(request, { method: "POST", body: JSON.stringify(body) });
  }
  const response = await fetch(path, request);
  if (response.ok) return response;
  if (response.status === 401) document.dispatchEvent(new Event("key-needed"));
  throw new Refused(response.status, (await response.json().catch(() => ({}))).error);
}

// Run a request and tell the page how long it took, and whether it was answered.
async function counted(name, start, request) {
  let isAnswered = false;
  try {
    const found = await request();
    isAnswered = true;
    return found;
  } catch (error) {
    if (error.name === "AbortError") isAnswered = true; // the reader left: no failure of the service
    throw error;
  } finally {
    const detail = { name, isAnswered, seconds: (performance.now() - start) / 1000 };
    document.dispatchEvent(new CustomEvent("asked", { detail }));
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (part.startsWith("data: ")) yield JSON.parse(part.slice("data: ".length));
    }
  }
}

async function sendable(record) {
  const pairs = Object.entries(record).map(async ([name, value]) => [
    name,
    value instanceof Blob ? await base64(value) : value,
  ]);
  return Object.fromEntries(await Promise.all(pairs));
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
