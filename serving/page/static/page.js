// The page: images come in by choice, drop, paste or camera; answers and errors go out.
import { showClasses, showCode, showTimes } from "./answer.js";
import { byId, show } from "./dom.js";
import { classifyGroup, finishCard, groupsOf, markCard, showGrid } from "./grid.js";
import { showHealth, showModel } from "./model.js";
import { showMaps, showPicture } from "./picture.js";
import { ServiceError, ask, formOf, hasKey, useKey } from "./service.js";
import { counted, percent, wordsFor } from "./words.js";

const [status, topK, threshold, keyForm, key] = ["status", "top-k", "threshold", "key-form", "key"].map(byId);

// That one explanation takes.
const MOST_MAPS = 20;

let items = [];
let chosen = null;
let running = new AbortController();
let spec;

/** Classify files, whatever was shown before. */
async function take(files) {
  for (const { url } of items) URL.revokeObjectURL(url);
  items = [...files].map((file) => ({ file, url: URL.createObjectURL(file) }));
  await classify();
}

/** Classify the items; a run that another one overtakes says nothing more. */
async function classify() {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  for (const id of ["error", "result", "batch"]) show(byId(id), false);
  show(keyForm, false);
  for (const item of items) Object.assign(item, { answer: null, error: null, why: null });
  status.textContent = `Classifying ${counted(items.length, "image")} …`;
  try {
    await Promise.all(items.map(readable));
    await (items.length === 1 ? classifyOne(items[0], signal) : classifySeveral(signal));
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
}

async function readable({ file }) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new ServiceError("unreadable", file.name);
  }
}

async function classifyOne(item, signal) {
  const body = formOf("image", [item], parameters());
  const { answer, times } = await ask("classify", { body, signal, onWait });
  Object.assign(item, { answer, times, seconds: answer.processing_time });
  choose(item);
}

async function classifySeveral(signal) {
  showGrid(items, chooseFromGrid);
  let done = 0;
  for (const group of groupsOf(items)) {
    await classifyGroup(group, parameters(), { signal, onWait });
    group.forEach(finishCard);
    done += group.length;
    status.textContent = `${done} of ${counted(items.length, "image")} classified`;
  }
  choose(items.find(({ answer }) => answer) ?? items[0]);
}

/** Show an item in full. */
function choose(item) {
  chosen = item;
  markCard(items, item);
  show(byId("error"), false);
  show(byId("result"), Boolean(item.answer));
  if (item.error) return say(item.error);
  if (!item.answer) return;
  showClasses(item.answer);
  showTimes(item.times, item.seconds);
  showCode(items.map(({ file }) => file.name), parameters());
  describe().then((spec) => showPicture(item, spec?.preprocessing));
  const { label, confidence } = item.answer;
  status.textContent = `${item.file.name}: ${label}, ${percent(confidence)}`;
}

/** Show an item, which a long grid may have moved off the screen. */
function chooseFromGrid(item) {
  choose(item);
  byId(item.error ? "error" : "result").scrollIntoView({ block: "nearest" });
}

/** What is asked for beside the images, by name; without the fields that are empty. */
function parameters() {
  return { ...(topK.value && { top_k: topK.value }), ...(threshold.value && { threshold: threshold.value }) };
}

/** Ask why, and show it if the same image is still shown. */
async function explain(item) {
  const { signal } = running;
  status.textContent = `Looking where the model saw it …`;
  const body = formOf("image", [item], topK.value && { top_k: Math.min(topK.value, MOST_MAPS) });
  try {
    item.why ??= (await ask("explain", { body, signal, onWait })).answer;
    if (item === chosen) showMaps(item.why);
    status.textContent = "";
  } catch (error) {
    status.textContent = "";
    if (!signal.aborted) say(error);
  }
}

/** The model's description, asked for again as long as it is not given. */
async function describe() {
  spec ??= await showModel();
  // A service that tells neither is older than this page.
  show(byId("threshold-choice"), spec?.thresholds !== undefined);
  show(byId("why"), spec?.explanation !== undefined);
  return spec;
}

function onWait(seconds) {
  status.textContent = `The service is busy. Trying again in ${counted(seconds, "second")} …`;
}

/** Say what went wrong, and ask for the key where it is missing. */
function fail(error) {
  status.textContent = "";
  show(byId("batch"), false);
  say(error);
  if (error.code === "unauthorized") {
    show(keyForm);
    key.focus();
  }
}

function say({ code, message, requestId }) {
  const [title, advice] = wordsFor(code === "unauthorized" && hasKey() ? "wrong_key" : code);
  byId("error-title").textContent = title;
  byId("error-advice").textContent = advice;
  byId("error-message").textContent = [message, requestId && `Request id ${requestId}`].filter(Boolean).join(" · ");
  show(byId("error"));
}

/** Files that were dropped or pasted; an address or text is none. */
function takeTransfer(transfer) {
  if (transfer.files.length) take(transfer.files);
  else fail(new ServiceError("no_file"));
}

for (const id of ["files", "camera"]) {
  byId(id).addEventListener("change", ({ target }) => {
    if (target.files.length) take([...target.files]);
    target.value = "";
  });
}

for (const field of [topK, threshold]) {
  field.addEventListener("change", () => items.length && classify());
}

byId("explain").addEventListener("click", () => explain(chosen));

keyForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  useKey(key.value);
  key.value = "";
  await describe();
  if (items.length) await classify();
});

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  byId("drop").classList.add("over");
});
for (const end of ["dragleave", "drop"]) {
  document.addEventListener(end, () => byId("drop").classList.remove("over"));
}
document.addEventListener("drop", (event) => {
  event.preventDefault();
  takeTransfer(event.dataTransfer);
});
document.addEventListener("paste", (event) => {
  if (![key, topK, threshold].includes(event.target)) takeTransfer(event.clipboardData);
});

showHealth().catch(fail);
describe();
