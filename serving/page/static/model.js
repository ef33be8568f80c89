// What the service runs: the footer, and the model's story.
import { byId, make, show } from "./dom.js";
import { ask } from "./service.js";
import { counted, percent } from "./words.js";

/** Read /health into the footer; a model that cannot classify is said above everything. */
export async function showHealth() {
  const { answer } = await ask("health", { alsoGood: 503 });
  const { architecture, precision, device, model, reason, pretrained } = answer;
  byId("model-line").textContent = [architecture, precision].filter(Boolean).join(", ");
  byId("footer-line").textContent = model ? `${model}, ${architecture}, ${precision}, on ${device}` : "No model is loaded";
  const notice = byId("notice");
  show(notice, Boolean(reason) || pretrained === false);
  notice.textContent = reason ? `The model cannot classify now: ${reason}` : "This model has random weights: its answers mean nothing.";
}

/** Read /model into the story; its description, or null where a key is needed for it. */
export async function showModel() {
  let spec;
  try {
    spec = (await ask("model")).answer;
  } catch {
    return null;
  }
  byId("facts").replaceChildren(...facts(spec).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  byId("labels-summary").textContent = counted(spec.labels.length, "label");
  byId("labels").replaceChildren(...spec.labels.map((label) => make("li", {}, label)));
  show(byId("story"));
  return spec;
}

/** Names and values: what is known of the model, in words. */
function facts({ architecture, precision, opset, preprocessing, weights, verification, comparison }) {
  const { max_abs_diff: difference, limit, top1_agreement: agreement, inputs } = verification;
  return [
    ["Architecture", `${architecture}, ${precision}, ONNX opset ${opset}`],
    ["Weights", weights.pretrained ? weights.source : `${weights.source} (not trained)`],
    ["Licence", weights.licence ?? "not known"],
    ["SHA-256 of the weights", weights.sha256 ?? "none"],
    ["Preprocessing", inWords(preprocessing)],
    [
      "Compared with PyTorch",
      `probabilities differ by at most ${difference.toExponential(1)} (${limit.toExponential(1)} is let through), ` +
        `the same class for ${percent(agreement)} of ${counted(inputs, "input")}`,
    ],
    ...(comparison ? [["Compared with fp32", inWords(comparison)]] : []),
  ];
}

/** A JSON object as "resize size 256 × 256, crop size 224 × 224"; what is null is left out. */
function inWords(value) {
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.map(inWords).join(" ");
  if (Object.keys(value).join() === "height,width") return `${value.height} × ${value.width}`;
  return Object.entries(value)
    .filter(([, each]) => each !== null)
    .map(([name, each]) => `${name.replaceAll("_", " ")} ${inWords(each)}`)
    .join(", ");
}
