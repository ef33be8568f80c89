// A client for browsers and Node 18 or later; nothing but fetch.

/** The service refused: `code` is from its table of errors, `requestId` is in its log. */
export class ClassifierError extends Error {
  constructor(status, code, message, requestId) {
    super(message);
    Object.assign(this, { name: "ClassifierError", status, code, requestId });
  }
}

/**
 * Classify one image.
 *
 * @param {string} url of the service
 * @param {Blob} image a File of a form, or new Blob([bytes])
 * @param {{topK?: number, apiKey?: string, seconds?: number, attempts?: number}} options
 * @returns {Promise<{label: string, confidence: number, predictions: object[]}>}
 */
export async function classify(url, image, options = {}) {
  const { topK, apiKey, seconds = 5, attempts = 5 } = options;
  const headers = { "X-Deadline-Ms": String(Math.round(1000 * seconds)) };
  if (apiKey) headers.Authorization = `Bearer ${apiKey}`;
  const body = new FormData();
  body.append("image", image);
  if (topK) body.append("top_k", String(topK));
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(`${url}/classify`, { method: "POST", headers, body });
    if (response.ok) return response.json();
    if (response.status !== 503 || attempt === attempts) throw await errorOf(response);
    const wait = Number(response.headers.get("Retry-After") ?? 1);
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
  }
}

async function errorOf(response) {
  const requestId = response.headers.get("X-Request-ID");
  const text = await response.text();
  try {
    const { code, message } = JSON.parse(text).error;
    return new ClassifierError(response.status, code, message, requestId);
  } catch {
    // From a proxy, not from the service.
    return new ClassifierError(response.status, "", text, requestId);
  }
}
