// Elements, made without a line of HTML: nothing that a file or a model is called can be markup.

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/** An element with properties and children; strings become text. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Show an element if a condition holds. */
export function show(element, condition = true) {
  element.hidden = !condition;
}

/** A box with a name on it, as wide as a share of 0…1 says. */
export function bar(share, className = "bar") {
  const fill = make("i");
  fill.style.width = `${(100 * share).toFixed(2)}%`;
  const outer = make("span", { className }, fill);
  outer.setAttribute("aria-hidden", "true");
  return outer;
}
