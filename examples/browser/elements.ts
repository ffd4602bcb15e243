/** Elements of the page by their ids. */
export function byId(id: string): HTMLElement;
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T;
export function byId(id: string, kind: new () => HTMLElement = HTMLElement): HTMLElement {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

export function setText(id: string, text: string): void {
  byId(id).textContent = text;
}

/** Replaces the children of a list. */
export function listItems(id: string, texts: readonly string[]): void {
  byId(id).replaceChildren(...texts.map((text) => withText('li', text)));
}

export function withText(name: string, text: string): HTMLElement {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}
