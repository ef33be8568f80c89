// What the page says: errors by code, numbers as people read them.

/** Title and advice for every error of the service, and for those that it cannot tell. */
const ERRORS = {
  invalid_request: ["The service cannot read this", "Is the file empty, or not an image?"],
  unauthorized: ["This service needs an API key", "Enter a key above. Whoever runs the service has it."],
  wrong_key: ["The service does not know this key", "Enter another one above."],
  not_found: ["This service has no such route", "It may be an older version than this page."],
  method_not_allowed: ["The service refuses this kind of request", "It may be an older version than this page."],
  header_timeout: ["The request was too slow", "Is the connection weak? Try again."],
  body_timeout: ["The upload was too slow", "Try again with a smaller image, or over a better connection."],
  body_too_large: ["The file has too many bytes", "Save it smaller, or send fewer images at a time."],
  image_too_large: ["The image has too many pixels", "Save it with fewer pixels: the model sees only a small version."],
  unsupported_media_type: ["The service does not take this kind of content", "It takes JPEG, PNG, WebP, AVIF and GIF."],
  unsupported_image: ["This is not an image that the service takes", "It takes JPEG, PNG, WebP, AVIF and GIF."],
  corrupt_image: ["The image is damaged", "It ends too early, or its bytes were changed. Try the original file."],
  extreme_aspect_ratio: ["The image is too long and narrow", "Cut it to the part that matters."],
  invalid_parameter: ["The service refuses these settings", "How many classes to show must be a whole number from 1 on."],
  header_too_large: ["The request's header is too large", "Is the key right?"],
  internal_error: ["The service has a defect", "Its log has the cause. Try again, or report the request id."],
  inference_failed: ["The model failed on this image", "The service's log has the cause. Report the request id."],
  overloaded: ["The service is too busy", "Many images are waiting. Try again in a moment."],
  model_unavailable: ["The model cannot classify now", "It may be loading or shutting down. Try again in a moment."],
  deadline_exceeded: ["The answer took too long", "The service is busy or slow. Try again in a moment."],
  unreachable: ["The service cannot be reached", "Is it running, and is this device connected to it?"],
  unreadable: ["Your browser cannot read this file", "Is it a folder, or was it moved or changed?"],
  no_file: ["That is not an image file", "Save the image and choose the file. The service fetches no addresses."],
  unknown: ["Something before the service refused this", "A proxy may stand between this page and the service."],
};

/** Title and advice for an error's code. */
export const wordsFor = (code) => ERRORS[code] ?? ERRORS.unknown;

/** 0.9007 → "90.1 %"; what rounds to nothing is "< 0.1 %". */
export function percent(share) {
  return share > 0 && share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

/** Milliseconds, with a decimal where it matters. */
export const milliseconds = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** "1 image", "3 images". */
export const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
