// Classify an image in Node 18 or later: node examples/node.mjs URL IMAGE
// CLASSIFIER_API_KEY=… in the environment where the service wants a key.

import { readFile } from "node:fs/promises";

import { ClassifierError, classify } from "./classifier.mjs";

const [url, path] = process.argv.slice(2);
const image = new Blob([await readFile(path)]);
try {
  const answer = await classify(url, image, { topK: 3, apiKey: process.env.CLASSIFIER_API_KEY });
  for (const { label, confidence } of answer.predictions) {
    console.log(`${path}: ${label} ${confidence.toFixed(3)}`);
  }
} catch (error) {
  if (!(error instanceof ClassifierError)) throw error;
  console.error(`${path}: ${error.status} ${error.code}: ${error.message} (${error.requestId})`);
  process.exitCode = 1;
}
