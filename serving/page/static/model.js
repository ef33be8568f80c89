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
function facts({ architecture, precision, opset, preprocessing, weights, verification, comparison, ...spec }) {
  const { source, pad_colour, ...steps } = preprocessing;
  const pads = steps.resize_mode === "longest_side" && { pad_colour };
  return [
    ["Architecture", `${architecture}, ${precision}, ONNX opset ${opset}`],
    ["Weights", weights.pretrained ? weights.source : `${weights.source} (not trained)`],
    ["Licence", weights.licence ?? "not known"],
    ["SHA-256 of the weights", weights.sha256 ?? "none"],
    ["Preprocessing", inWords({ ...steps, ...pads })],
    ["Source of the preprocessing", source],
    ["Confidences", confidences(spec)],
    ["Explained by", explained(spec.explanation)],
    ["Compared with PyTorch", verified(verification)],
    ...(comparison ? [["Compared with fp32", compared(comparison)]] : []),
  ];
}

function confidences({ activation, multi_label: several, temperature, thresholds }) {
  const least = thresholds.length && Math.min(...thresholds);
  return [
    several ? `${activation}, of each class for itself` : activation,
    temperature === 1 ? "not calibrated" : `calibrated with the temperature ${temperature.toFixed(2)}`,
    thresholds.length ? `decided from ${percent(least)} on${thresholds.length > 1 ? " or more, by class" : ""}` : "no threshold",
  ].join(", ");
}

function explained({ class_activation: exact, reason }) {
  if (!exact) return `occlusion: ${reason}`;
  return `class activation maps; at conversion their sums differed from the logits by at most ${exact.max_difference.toExponential(1)}`;
}

function verified({ max_abs_diff: difference, limit, top1_agreement: agreement, inputs }) {
  return (
    `probabilities differ by at most ${difference.toExponential(1)} (${limit.toExponential(1)} is let through), ` +
    `the same class for ${percent(agreement)} of ${counted(inputs, "input")}`
  );
}

/** What a model of lower precision is beside fp32, and what it was not shown to be. */
function compared({ photographs, agreement, labelled, top_1: right, top_1_fp32: fp32Right, speed_up: times, processor, shortcomings }) {
  return [
    `the same class for ${percent(agreement)} of ${counted(photographs, "photograph")}`,
    right !== null && `right for ${percent(right)} of ${labelled} (fp32: ${percent(fp32Right)})`,
    `${times.toFixed(2)} times as fast on ${processor}`,
    shortcomings.length && `saved although it may be ${shortcomings.join(" and ")}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** A JSON object as "resize size 256 × 256, crop size 224 × 224"; what is null is left out. */
function inWords(value) {
  if (typeof value !== "object") return String(value).replaceAll("_", " ");
  if (Array.isArray(value)) return value.map(inWords).join(" ");
  if (Object.keys(value).join() === "height,width") return `${value.height} × ${value.width}`;
  return Object.entries(value)
    .filter(([, each]) => each !== null)
    .map(([name, each]) => `${name.replaceAll("_", " ")} ${inWords(each)}`)
    .join(", ");
}
