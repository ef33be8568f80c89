// Several images: sent in groups that the service takes, shown as cards.
import { byId, make, show } from "./dom.js";
import { ask, formOf } from "./service.js";
import { counted, percent, wordsFor } from "./words.js";

// Fewer than the service's own defaults allow; a group that it still refuses is halved.
const GROUP_IMAGES = 16;
const GROUP_BYTES = 15e6;
const TOO_MUCH = ["body_too_large", "invalid_parameter"];

/** Items in groups that are small enough for one request. */
export function groupsOf(items) {
  const groups = [];
  let bytes = 0;
  for (const item of items) {
    const last = groups.at(-1);
    bytes += item.file.size;
    if (last && last.length < GROUP_IMAGES && bytes <= GROUP_BYTES) {
      last.push(item);
    } else {
      groups.push([item]);
      bytes = item.file.size;
    }
  }
  return groups;
}

/** Classify a group of items: sets `answer` or `error` of each, and `times`. */
export async function classifyGroup(items, parameters, options) {
  const body = formOf("images", items, parameters);
  try {
    const { answer, times } = await ask("classify_batch", { ...options, body });
    items.forEach((item, index) => {
      const { error, ...prediction } = answer.results[index];
      Object.assign(item, error ? { error } : { answer: prediction }, { times, seconds: answer.processing_time });
    });
  } catch (error) {
    if (!TOO_MUCH.includes(error.code)) throw error;
    if (items.length === 1) {
      items[0].error = error;
      return;
    }
    const middle = Math.ceil(items.length / 2);
    await classifyGroup(items.slice(0, middle), parameters, options);
    await classifyGroup(items.slice(middle), parameters, options);
  }
}

/** Show items as cards; `onChoice` is called with the one that a user chooses. */
export function showGrid(items, onChoice) {
  byId("batch-title").textContent = counted(items.length, "image");
  byId("grid").replaceChildren(...items.map((item) => card(item, onChoice)));
  show(byId("batch"));
}

function card(item, onChoice) {
  item.words = make("span", { className: "words" }, "…");
  const picture = make("img", { src: item.url, alt: "", loading: "lazy", decoding: "async" });
  picture.addEventListener("error", () => show(picture, false));
  const name = make("span", { className: "name" }, item.file.name);
  item.card = make("button", { type: "button", className: "card" }, picture, item.words, name);
  item.card.setAttribute("aria-pressed", "false");
  item.card.addEventListener("click", () => onChoice(item));
  return make("li", {}, item.card);
}

/** Write on a card what came of its image. */
export function finishCard({ card: button, words, answer, error }) {
  button.classList.toggle("failed", Boolean(error));
  words.textContent = error ? wordsFor(error.code)[0] : `${answer.label}, ${percent(answer.confidence)}`;
  if (answer?.reason) words.append(make("span", { className: "undecided" }, "No decision"));
}

/** Mark the card that is shown in full. */
export function markCard(items, chosen) {
  for (const item of items) item.card?.setAttribute("aria-pressed", String(item === chosen));
}
