// The photograph, the part of it that the model saw, and where the model saw a class.
import { byId, make, show } from "./dom.js";

const [photograph, crop, caption, choice] = ["photograph", "crop", "caption", "crop-choice"].map(byId);
const [heat, maps, mapChoice, mapWords] = ["heat", "maps", "map-choice", "map-words"].map(byId);
const [toggle, strength] = ["show-crop", "strength"].map(byId);

// Pixels of a side of the drawn map: so many look smooth at any size of the photograph.
const DRAWN = 224;
// As the service draws a map in its own PNG: transparent at 0 and below, then yellow to red.
const [WEAK, STRONG] = [
  [255, 220, 0],
  [200, 0, 0],
];

toggle.addEventListener("change", () => show(crop, toggle.checked));
strength.addEventListener("input", fade);

/** Show a file. The part that the model saw is outlined when the browser knows the image's size. */
export async function showPicture({ file, url }, preprocessing) {
  for (const element of [crop, choice, heat, maps]) show(element, false);
  show(photograph);
  photograph.alt = file.name;
  photograph.src = url;
  caption.textContent = file.name;
  try {
    await photograph.decode();
  } catch {
    if (photograph.src === url) {
      show(photograph, false);
      caption.textContent = `${file.name}: this browser cannot show it`;
    }
    return;
  }
  if (photograph.src !== url) return;
  const { naturalWidth: width, naturalHeight: height } = photograph;
  caption.textContent = `${file.name}, ${width} × ${height} pixels`;
  const part = preprocessing && partOf(preprocessing, width, height);
  if (!part) return;
  place(crop, part, { width, height });
  show(crop, toggle.checked);
  show(choice);
}

/** Put an element over a part of an image, both in the image's pixels. */
function place(element, part, image) {
  const share = (pixels, whole) => `${((100 * pixels) / whole).toFixed(3)}%`;
  element.style.left = share(part.x, image.width);
  element.style.top = share(part.y, image.height);
  element.style.width = share(part.width, image.width);
  element.style.height = share(part.height, image.height);
}

/**
 * The part of an image that a model's preprocessing keeps, in the image's pixels: right to one
 * pixel of the model's input, since sizes are not rounded here. Null for a mode that is not known.
 */
export function partOf({ resize_mode: mode, resize_size: resize, crop_size: kept }, width, height) {
  // Pixels of the image to one pixel of the model's input.
  const [across, down] = [width / resize.width, height / resize.height];
  const steps = {
    shortest_side: Array(2).fill(Math.min(across, down)),
    longest_side: Array(2).fill(Math.max(across, down)),
    squash: [across, down],
  }[mode];
  if (!steps) return null;
  const [partWidth, partHeight] = [Math.min(width, kept.width * steps[0]), Math.min(height, kept.height * steps[1])];
  return { x: (width - partWidth) / 2, y: (height - partHeight) / 2, width: partWidth, height: partHeight };
}

/** Show an explanation: one map at a time, over the photograph. */
export function showMaps(explanation) {
  place(heat, explanation.crop, explanation.image);
  mapChoice.replaceChildren(
    mapChoice.firstElementChild,
    ...explanation.predictions.map((prediction, index) => radio(prediction, index === 0, () => draw(prediction))),
  );
  draw(explanation.predictions[0]);
  show(maps);
}

function radio({ label }, checked, onChoice) {
  const input = make("input", { type: "radio", name: "map", checked });
  input.addEventListener("change", onChoice);
  return make("label", {}, input, ` ${label}`);
}

/** Draw where a class was seen, and say it. */
function draw({ label, logit, map, check }) {
  const values = map.values.flat();
  const largest = Math.max(...values);
  const small = make("canvas", { width: map.width, height: map.height });
  const image = new ImageData(map.width, map.height);
  values.forEach((value, index) => image.data.set(colour(largest > 0 ? value / largest : 0), 4 * index));
  small.getContext("2d").putImageData(image, 0, 0);
  Object.assign(heat, { width: DRAWN, height: DRAWN });
  const context = heat.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, DRAWN, DRAWN);
  const where = largest > 0 ? `strongest ${placeOf(values.indexOf(largest), map)}` : "nowhere";
  heat.setAttribute("aria-label", `Heat map of ${label}: ${where}`);
  mapWords.textContent = `The evidence for ${label} is ${where}. ${reason(largest > 0, logit, check)}`;
  fade();
  show(heat);
}

/** Red, green, blue and opacity of a share of the largest value. */
function colour(share) {
  if (share <= 0) return [0, 0, 0, 0];
  return [...WEAK.map((weak, channel) => weak + share * (STRONG[channel] - weak)), 255 * share];
}

/** Where in a map a cell is, in words. */
function placeOf(index, { width, height }) {
  const third = (position, length) => Math.floor((3 * (position + 0.5)) / length);
  const row = ["top", "middle", "bottom"][third(Math.floor(index / width), height)];
  const column = ["left", "centre", "right"][third(index % width, width)];
  return row === "middle" && column === "centre" ? "in the centre" : `at the ${row} ${column}`;
}

function reason(isSomewhere, logit, check) {
  if (!check) return isSomewhere ? "Covering that place lowers the confidence most." : "Covering no place lowers the confidence.";
  return `Its logit, ${logit.toFixed(3)}, is the mean of this map plus the bias: ${check.mean_plus_bias.toFixed(3)}.`;
}

function fade() {
  heat.style.opacity = strength.value / 100;
}
