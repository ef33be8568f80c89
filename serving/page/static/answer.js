// What the model said: the classes, the decision, the time, and how to ask without this page.
import { bar, byId, make, show } from "./dom.js";
import { hasKey } from "./service.js";
import { milliseconds, percent } from "./words.js";

const STAGES = [
  ["receive", "Receiving the upload"],
  ["decode", "Decoding the image"],
  ["transform", "Resizing and cropping"],
  ["queue", "Waiting for a batch"],
  ["inference", "Inference"],
  ["rest", "Everything else in the service"],
  ["network", "Network and browser"],
];

/** Show an image's classes as bars. */
export function showClasses(prediction) {
  byId("result-title").textContent = prediction.label;
  showDecision(prediction);
  byId("bars").replaceChildren(
    ...prediction.predictions.map(({ label, confidence }) =>
      make(
        "li",
        {},
        make("span", { className: "label" }, label),
        make("span", { className: "figure" }, percent(confidence)),
        bar(confidence),
      ),
    ),
  );
}

/** Models with thresholds decide; others only rank. */
function showDecision({ decision, reason }) {
  const line = byId("decision");
  show(line, decision !== undefined);
  line.textContent = reason ? `No decision: ${reason}` : `Decision: ${[decision].flat().join(", ")}`;
}

/** Show where the time of a request went. */
export function showTimes(times, seconds) {
  const parts = partsOf(times, seconds);
  const whole = parts.reduce((sum, [, , duration]) => sum + duration, 0);
  byId("split").replaceChildren(
    ...parts.map(([name, , duration]) => {
      const part = make("i", { className: name });
      part.style.flexGrow = duration / whole;
      return part;
    }),
  );
  const rows = parts.map(([name, words, duration]) => row(words, duration, name));
  byId("stages").replaceChildren(...rows, row("Together", whole, "whole"));
  show(byId("times"));
}

/** The stages that are known: name, words and milliseconds. */
function partsOf(times, seconds) {
  const total = Math.min(times.total ?? 1000 * seconds, times.elapsed);
  const named = STAGES.reduce((sum, [name]) => sum + (times[name] ?? 0), 0);
  const all = { ...times, rest: Math.max(0, total - named), network: times.elapsed - total };
  return STAGES.filter(([name]) => name in all).map(([name, words]) => [name, words, all[name]]);
}

function row(words, duration, className) {
  const heading = make("th", { scope: "row" }, make("i", { className }), words);
  return make("tr", {}, heading, make("td", {}, milliseconds(duration)));
}

/** Show the lines that ask the same of a terminal and of Python. */
export function showCode(names, parameters) {
  const several = names.length > 1;
  const url = new URL(several ? "classify_batch" : "classify", location.href).href;
  byId("curl").textContent = curl(url, several ? "images" : "image", names, parameters);
  byId("python").textContent = python(url, names, parameters);
}

function curl(url, field, names, parameters) {
  const key = hasKey() ? ['-H "Authorization: Bearer $CLASSIFIER_API_KEY"'] : [];
  const images = names.map((name) => `-F ${quoted(`${field}=@${/[;,"\\]/.test(name) ? escaped(name) : name}`)}`);
  const others = Object.entries(parameters).map(([name, value]) => `-F ${name}=${value}`);
  return ["curl", ...key, ...images, ...others, quoted(url)].join(" ");
}

// Inside a form curl takes ; and , as its own.
const escaped = (name) => `"${name.replace(/["\\]/g, "\\$&")}"`;

// For a shell.
const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function python(url, names, parameters) {
  const key = hasKey() ? ', headers={"X-API-Key": os.environ["CLASSIFIER_API_KEY"]}' : "";
  const data = Object.entries(parameters).map(([name, value]) => `"${name}": ${value}`);
  const ask = (files) => `print(httpx.post("${url}", files=${files}, data={${data.join(", ")}}${key}).json())`;
  const literals = names.map((name) => JSON.stringify(name));
  const head = hasKey() ? ["import os", "", "import httpx", ""] : ["import httpx", ""];
  const lines =
    names.length === 1
      ? [`with open(${literals[0]}, "rb") as image:`, `    ${ask('{"image": image}')}`]
      : [`names = [${literals.join(", ")}]`, 'images = [("images", open(name, "rb")) for name in names]', ask("images")];
  return [...head, ...lines].join("\n");
}
