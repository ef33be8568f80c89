// Requests to the service: the key, retries, errors, and where the time went.

// Requests of a busy service before the page gives up.
const ATTEMPTS = 4;

let key = "";

/** Send this key from now on. It is in this variable only. */
export function useKey(value) {
  key = value.trim();
}

/** Whether a key was entered. */
export const hasKey = () => key !== "";

/** A refusal: `code` is one of the service's table of errors, or one of the page's own. */
export class ServiceError extends Error {
  constructor(code, message = "", requestId = null, retryAfter = 1) {
    super(message);
    Object.assign(this, { code, requestId, retryAfter });
  }
}

/**
 * Ask the service; a busy one again, when it says.
 *
 * @param {string} path relative to the page
 * @param {{body?: FormData, signal?: AbortSignal, onWait?: (seconds: number) => void,
 *   alsoGood?: number}} options `alsoGood`: a status whose body is an answer, though it is an error's
 * @returns {Promise<{answer: object, times: object}>} its answer, and milliseconds by stage
 */
export async function ask(path, { body, signal, onWait, alsoGood } = {}) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await askOnce(path, body, signal, alsoGood);
    } catch (error) {
      if (error.code !== "overloaded" || attempt === ATTEMPTS) throw error;
      onWait?.(error.retryAfter);
      await pause(error.retryAfter, signal);
    }
  }
}

async function askOnce(path, body, signal, alsoGood) {
  const method = body ? "POST" : "GET";
  const started = performance.now();
  let response, text;
  try {
    response = await fetch(path, { method, body, headers: credentials(), signal });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("unreachable", error.message);
  }
  const times = timesOf(response.headers.get("Server-Timing"), performance.now() - started);
  const answer = parsed(text);
  if (answer && (response.ok || response.status === alsoGood)) return { answer, times };
  throw refusal(response, answer);
}

function credentials() {
  if (!key) return {};
  if (!/^[\x20-\x7e]+$/.test(key)) throw new ServiceError("unauthorized", "A key has ASCII characters only.");
  return { Authorization: `Bearer ${key}` };
}

function refusal(response, answer) {
  const unknown = { code: "unknown", message: `Status ${response.status}` };
  const { code, message } = answer?.error?.code ? answer.error : unknown;
  const retryAfter = Number(response.headers.get("Retry-After")) || 1;
  return new ServiceError(code, message, response.headers.get("X-Request-ID"), retryAfter);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The stages of a `Server-Timing` header, and `network`: what the service does not account for. */
export function timesOf(header, elapsed) {
  const times = {};
  for (const entry of (header ?? "").split(",")) {
    const [name, ...parameters] = entry.split(";").map((part) => part.trim());
    const duration = parameters.find((parameter) => parameter.startsWith("dur="));
    if (duration) times[name] = Number(duration.slice("dur=".length));
  }
  return { ...times, elapsed };
}

/** A form of some items' files and of parameters. */
export function formOf(field, items, parameters) {
  const form = new FormData();
  for (const { file } of items) form.append(field, file);
  for (const [name, value] of Object.entries(parameters)) form.append(name, value);
  return form;
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
