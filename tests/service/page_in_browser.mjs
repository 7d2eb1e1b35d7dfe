// What a person does with the page, each scenario in a context of its own: node page_in_browser.mjs FOLDER CHROMIUM
//
// FOLDER holds node_modules with playwright-core and axe-core. Each line of the input, {"name": .., "url": ..}, asks for
// a scenario and is answered by a line, {"wrong": ..}: what went wrong, or null. test_page_in_browser.py asks, and says
// which models are served. After each: nothing was refused by the page's policy, no error was raised, no other host was
// asked.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [, , folder, chromiumPath] = process.argv;
const require = createRequire(`${folder}/`);
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf-8");
const KEY = "a-key-for-tests";
const PAYLOAD = '<img src=x onerror="window.hacked = 1">';
const WAIT_MS = 60_000; // the machines that run this may be busy
let url = ""; // of the scenario that is run

const scenarios = {
  async drawing(page) {
    await open(page, "digits");
    const canvas = page.locator("canvas");
    assert.equal(await button(page, "Ask").isDisabled(), true, "nothing is drawn yet");
    const asked = request(page, "/predict/digits");
    await stroke(page, canvas, [
      [0.5, 0.2],
      [0.5, 0.8],
    ]);
    const { image } = (await asked).postDataJSON();
    assert.deepEqual(sizeOfPng(image), [16, 16], "the picture has the size that the model learnt from");
    const { predictions } = await (await (await asked).response()).json();
    await page.getByText(predictions[0].value, { exact: true }).first().waitFor();
    assert.equal(await page.locator(".bars li").count(), Object.keys(predictions[0].probabilities).length);
    await button(page, "Clear").click();
    assert.equal(await button(page, "Ask").isDisabled(), true);
  },

  async drawing_by_keys(page) {
    await open(page, "digits");
    await tabTo(page, "canvas");
    await page.keyboard.press("Space");
    for (let step = 0; step < 5; step += 1) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Space");
    await page.locator(".answer .big").waitFor();
    await tabTo(page, "button", "Ask");
    const again = request(page, "/predict/digits");
    await page.keyboard.press("Enter");
    await again;
  },

  async table(page) {
    await open(page, "patients");
    const ages = page.getByLabel("age", { exact: true });
    const { columns } = (await about(page, "patients")).schema.properties.table["x-noria"];
    assert.match(
      await page.locator(".cell", { has: ages }).locator(".soft").innerText(),
      new RegExp(`^${columns.age.low} to`),
    );
    assert.deepEqual(await page.getByLabel("pain").locator("option").allInnerTexts(), [
      ...columns.pain.categories,
      "(missing)",
    ]);
    await button(page, "Ask").click();
    await page.locator(".answer .big").waitFor();
    const asked = request(page, "/predict/patients");
    await ages.press("ArrowUp"); // what is changed is asked at once
    assert.equal(typeof (await asked).postDataJSON().table.age, "number");
    const missing = request(page, "/predict/patients");
    await page.getByLabel("pain").selectOption("");
    assert.equal((await missing).postDataJSON().table.pain, null);
  },

  async text(page) {
    await open(page, "reviews");
    await page.getByLabel("text").fill("a moving film");
    await page.keyboard.press("Control+Enter");
    await page.locator(".answer .big").waitFor();
    await page.getByText("as JSON").click();
    assert.match(await page.locator(".answer pre").innerText(), /"confidence"/);
  },

  async chat(page) {
    await open(page, "chat");
    const area = page.getByLabel("Your message");
    const written = async (message) => {
      const asked = request(page, "/stream/chat");
      await area.fill(message);
      await area.press("Enter");
      return (await asked).postDataJSON();
    };
    await page.getByText("how it is written").click();
    await page.getByLabel("most tokens").fill("20");
    const first = await written("What is a noria?");
    assert.deepEqual(first.record.messages, [{ role: "user", content: "What is a noria?" }]);
    assert.equal(first.settings.max_tokens, 20);
    await page.locator(".assistant .time", { hasText: "tokens" }).waitFor();
    const reply = await page.locator(".assistant .said").first().textContent();
    assert.ok(reply.length > 0);
    const second = await written("And who turns it?");
    assert.deepEqual(
      second.record.messages.map((one) => one.content),
      ["What is a noria?", reply, "And who turns it?"],
    );
    await page.locator(".assistant .time", { hasText: "tokens" }).nth(1).waitFor();
    await button(page, "New conversation").click();
    assert.equal(await page.locator(".talk li").count(), 0);
  },

  async stopping(page) {
    await open(page, "chat");
    // An answer that never ends, as far as the page can tell.
    await page.route("**/stream/chat", () => {});
    await page.getByLabel("Your message").fill("Hello");
    await page.keyboard.press("Enter");
    await button(page, "Stop").click();
    await page.locator(".assistant .time", { hasText: "stopped" }).waitFor();
    assert.equal(await button(page, "Send").isEnabled(), true);
  },

  async sound(page) {
    await open(page, "sounds");
    await button(page, "Record").click();
    await page.locator("meter:not([hidden])").waitFor();
    await page.waitForTimeout(700);
    const asked = request(page, "/predict/sounds");
    await button(page, "Stop").click();
    const file = Buffer.from((await asked).postDataJSON().audio, "base64");
    assert.equal(file.toString("latin1", 0, 4), "RIFF");
    assert.equal(file.readUInt32LE(24), 8000, "the rate that the model hears");
    assert.ok(file.length > 8000, "half a second of 16 bits");
    await page.locator(".answer .big").waitFor();
    assert.equal(await page.locator("svg.wave").count(), 1);
  },

  async boxes(page) {
    await open(page, "things");
    await page
      .locator("input[type=file]")
      .setInputFiles({ name: "two.png", mimeType: "image/png", buffer: await squares(page) });
    await page.locator(".overlay img").waitFor();
    const { value } = await answerOf(page, "things");
    await page.getByLabel("least confidence").fill("0");
    assert.equal(await page.locator(".overlay rect").count(), value.length);
    assert.equal(await page.locator(".found li").count(), Math.max(1, value.length));
  },

  async comparing(page) {
    await open(page, "digits");
    await page.getByLabel("compare with").selectOption("rival");
    await stroke(page, page.locator("canvas"), [
      [0.3, 0.3],
      [0.7, 0.3],
      [0.5, 0.8],
    ]);
    await page.locator(".slot:nth-child(2) .answer .big").waitFor();
    assert.deepEqual(await page.locator(".slot h3").allInnerTexts(), ["digits", "rival"]);
    assert.equal(await page.locator(".slot .answer").count(), 2);
    const others = await page.getByLabel("compare with").locator("option").allInnerTexts();
    assert.deepEqual(others.toSorted(), ["no other model", "rival", "things"], "those that take one picture");
  },

  async card(page) {
    await open(page, "digits");
    const { scores } = await about(page, "digits");
    const rows = page.locator("main table tbody tr");
    assert.equal(await rows.count(), Object.keys(scores.metrics).length);
    assert.ok(Object.keys(scores.metrics).includes("accuracy"));
    assert.match(await rows.first().innerText(), / – /, "an interval");
    assert.match(await page.locator("main pre").innerText(), /^curl -F image=@FILE http.*\/predict\/digits$/);
  },

  async chinese(page) {
    assert.equal(await page.locator("html").getAttribute("lang"), "zh");
    await open(page, "patients");
    await button(page, "提问").click();
    await page.locator(".answer .big").waitFor();
    assert.match(await page.locator(".answer").innerText(), /置信度/);
    assert.match(await page.locator("main > header").innerText(), /表格分类/);
    await button(page, "English").click();
    assert.match(await page.locator(".answer").innerText(), /confidence/);
    await page.reload();
    await button(page, "Ask").waitFor(); // the choice is kept
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
  },

  async keyboard(page) {
    await page.locator("[data-model]").first().waitFor();
    await tabTo(page, "a", "reviews");
    await page.keyboard.press("Enter");
    await page.locator("h1", { hasText: "reviews" }).waitFor();
    await tabTo(page, "textarea");
    await page.keyboard.type("a film");
    await tabTo(page, "button", "Ask");
    await page.keyboard.press("Enter");
    await page.locator(".answer .big").waitFor();
    await tabTo(page, "button", "中文");
    await page.keyboard.press("Space");
    await button(page, "提问").waitFor();
  },

  async hostile(page) {
    await open(page, "hostile");
    await page.getByLabel("text").fill(PAYLOAD);
    await page.keyboard.press("Control+Enter");
    await page.locator(".answer .big", { hasText: PAYLOAD }).waitFor();
    await page.getByText("as JSON").click();
    const wrong = { message: PAYLOAD, type: "invalid_request_error", param: null, code: "wrong" };
    await page.route("**/predict/hostile", (route) => route.fulfill({ status: 400, json: { error: wrong } }));
    await page.keyboard.press("Escape");
    await button(page, "Ask").click();
    await page.getByRole("alert").filter({ hasText: PAYLOAD }).waitFor();
    const models = [{ name: PAYLOAD, task: PAYLOAD, version: PAYLOAD, noria: PAYLOAD, operations: [], is_ready: true }];
    await page.route(/\/models$/, (route) => route.fulfill({ json: { models } }));
    await page.route(/\/models\/.+/, (route) => route.fulfill({ json: { ...models[0], schema: hostileSchema() } }));
    await page.reload();
    await page.locator("h1", { hasText: PAYLOAD }).waitFor();
    assert.ok((await page.locator("body").innerText()).split(PAYLOAD).length > 5);
    assert.equal(await page.locator('img[src="x"]').count(), 0);
    assert.ok(
      (await page.locator("main pre").innerText()).includes(String.raw`'\''$(touch x)'\''`),
      "what is copied runs nothing",
    );
    assert.equal(await page.evaluate(() => window.hacked), undefined);
  },

  async accessible(page) {
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const model of ["digits", "patients", "reviews", "chat", "sounds", "things"]) {
        await open(page, model);
        if (model === "patients" || model === "reviews") {
          await button(page, "Ask").click();
          await page.locator(".answer").waitFor();
        }
        await page.waitForTimeout(500); // what fades in has faded in
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => window.axe.run());
        const found = violations.map(
          (one) => `${model}, ${scheme}: ${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`,
        );
        assert.deepEqual(found, []);
      }
    }
  },

  async narrow(page) {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const model of ["digits", "patients", "chat"]) {
      await open(page, model);
      const [whole, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert.ok(whole <= seen, `${model} is ${whole} pixels wide on a screen of ${seen}`);
    }
  },

  async newer(page) {
    await open(page, "reviews");
    await page.getByLabel("text").fill("what is written stays");
    const { models } = await (await page.request.get(`${url}/models`)).json();
    const newer = models.map((one) => ({ ...one, version: "newer" })).concat({ ...models[0], name: "added" });
    await page.route(/\/models$/, (route) => route.fulfill({ json: { models: newer } }));
    await page.locator('[data-model="added"]').waitFor();
    await page.locator("main > header", { hasText: "version newer" }).waitFor();
    assert.equal(await page.locator("[aria-current=page]").getAttribute("data-model"), "reviews");
    assert.equal(await page.getByLabel("text").inputValue(), "what is written stays");
  },

  async gone(page) {
    await open(page, "reviews");
    await page.locator(".state", { hasText: "ready" }).waitFor();
    await page.route("**/{models,predict/*,traffic}", (route) => route.abort());
    await page.locator(".state.bad", { hasText: "no connection" }).waitFor();
    await button(page, "Ask").click();
    await page.getByRole("alert").filter({ hasText: "no connection" }).waitFor();
  },

  async traffic(page) {
    const one = {
      requests: 120,
      requests_per_second: 2,
      p50_seconds: 0.25,
      p95_seconds: 0.5,
      outcomes: { answered: 119, failed: 1 },
      series: Array(60).fill(2),
      waiting: 3,
    };
    await page.route("**/traffic", (route) =>
      route.fulfill({ json: { seconds: 60, all: one, models: { digits: one } } }),
    );
    await page.reload();
    const row = page.locator("aside tbody tr");
    await row.waitFor();
    assert.deepEqual(
      (await row.innerText())
        .split(/\s*\t\s*/)
        .map((cell) => cell.trim())
        .slice(0, 6),
      ["digits", "2", "3", "1", "250 ms", "500 ms"],
    );
  },

  async key(page) {
    const input = page.getByLabel("Key", { exact: true });
    await input.fill("wrong");
    await button(page, "Enter").click();
    await page.getByRole("alert").filter({ hasText: "not accepted" }).waitFor();
    assert.doesNotMatch(await page.locator("body").innerText(), /patients/);
    await input.fill(KEY);
    await button(page, "Enter").click();
    await page.locator("h1", { hasText: "patients" }).waitFor();
    await button(page, "Ask").click();
    await page.locator(".answer .big").waitFor();
    await page.reload(); // the tab keeps it
    await page.locator("h1", { hasText: "patients" }).waitFor();
    await button(page, "forget the key").click();
    await input.waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  },
};

function launched() {
  return chromium.launch({
    executablePath: chromiumPath,
    args: ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  });
}

async function run() {
  let browser = await launched();
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    url = asked.url;
    if (!browser.isConnected()) browser = await launched(); // the scenario before was its end
    const wrong = await play(browser, asked.name).then(
      () => null,
      (error) => error.stack,
    );
    console.log(JSON.stringify({ wrong }));
  }
  await browser.close();
}

// Play one scenario; throw what goes wrong. A new page has a new context: nothing that was kept by another.
async function play(browser, name) {
  const page = await browser.newPage({
    locale: name === "chinese" ? "zh-CN" : "en-GB",
    viewport: { width: 1180, height: 800 },
  });
  page.setDefaultTimeout(WAIT_MS);
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (said) => /Content Security Policy|TrustedHTML/.test(said.text()) && wrong.push(said.text()));
  page.on(
    "request",
    (one) => /^https?:/.test(one.url()) && !one.url().startsWith(url) && wrong.push(`asks ${one.url()}`),
  );
  try {
    await page.goto(url);
    await scenarios[name](page);
    assert.deepEqual(wrong, []);
  } finally {
    if (process.env.NORIA_SCREENSHOTS)
      await page.screenshot({ path: `${process.env.NORIA_SCREENSHOTS}/${name}.png`, fullPage: true });
    await page.close();
  }
}

// Look at a model, once its form is there.
async function open(page, model) {
  await page.goto(`${url}/#${model}`);
  await page.locator("h1", { hasText: model }).waitFor();
}

function button(page, label) {
  return page.getByRole("button", { name: label, exact: true });
}

function request(page, path) {
  return page.waitForRequest((one) => new URL(one.url()).pathname === path);
}

function about(page, model) {
  return page.evaluate(async (path) => (await fetch(path)).json(), `/models/${model}`);
}

async function answerOf(page, model) {
  const asked = page.waitForResponse((one) => one.url().endsWith(`/predict/${model}`));
  await button(page, "Ask").click();
  return (await (await asked).json()).predictions[0];
}

async function stroke(page, canvas, points) {
  const box = await canvas.boundingBox();
  const places = points.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
  await page.mouse.move(...places[0]);
  await page.mouse.down();
  for (const place of places.slice(1)) await page.mouse.move(...place, { steps: 5 });
  await page.mouse.up();
}

// Press Tab until what has the focus is an element of this kind, with this text.
async function tabTo(page, kind, text = "") {
  for (let count = 0; count < 60; count += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(
      ([kind, text]) => document.activeElement.matches(kind) && document.activeElement.textContent.includes(text),
      [kind, text],
    );
    if (found) return;
  }
  assert.fail(`Tab reaches no ${kind} ${text}`);
}

function sizeOfPng(base64) {
  const file = Buffer.from(base64, "base64");
  return [file.readUInt32BE(16), file.readUInt32BE(20)];
}

// Return a picture of a red and a blue square.
async function squares(page) {
  const data = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [64, 48];
    const context = canvas.getContext("2d");
    for (const [colour, left] of [
      ["red", 8],
      ["blue", 36],
    ]) {
      context.fillStyle = colour;
      context.fillRect(left, 12, 16, 20);
    }
    return canvas.toDataURL("image/png");
  });
  return Buffer.from(data.split(",")[1], "base64");
}

function hostileSchema() {
  const column = { type: ["string", "null"], examples: [PAYLOAD] };
  const facts = {
    modality: "table",
    columns: { [PAYLOAD]: { kind: "category", categories: ["'$(touch x)'", PAYLOAD] } },
  };
  return {
    type: "object",
    properties: { [PAYLOAD]: { type: "object", properties: { [PAYLOAD]: column }, "x-noria": facts } },
    required: [PAYLOAD],
  };
}

await run();
