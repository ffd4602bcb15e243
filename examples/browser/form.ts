/** The settings as a form: its fields have their names, and the chain is a list that grows and shrinks. */
import type { Algorithm } from 'rephase';
import { ALGORITHMS, KEYS, chainText, readSetting, settingText, type Link, type Settings } from './settings.js';
import { byId } from './elements.js';

export class Form {
  readonly #form = byId('settings', HTMLFormElement);
  readonly #chain = byId('chain', HTMLOListElement);
  #settings: Settings;
  /** The recipe that was chosen last. */
  #chosen = '';

  /** `onChange` gets the new settings, and which of them has changed. */
  constructor(settings: Settings, onChange: (settings: Settings, key: keyof Settings) => void) {
    this.#settings = settings;
    this.#write();
    const changed = (key: keyof Settings, value: unknown) => {
      this.#settings = { ...this.#settings, [key]: value };
      this.#reveal();
      onChange(this.#settings, key);
    };
    this.#form.addEventListener('submit', (event) => event.preventDefault());
    this.#form.addEventListener('change', ({ target }) => {
      const field = target as HTMLInputElement | HTMLSelectElement;
      if (!field.reportValidity()) return;
      if (this.#chain.contains(field)) return changed('chain', this.#readChain());
      const key = KEYS.find((known) => known === field.name);
      if (key) changed(key, readSetting(key, field.value));
    });
    byId('add-link', HTMLButtonElement).addEventListener('click', () => {
      this.#addLink({ algorithm: 'er', beta: 0.7, iterations: 50 });
      changed('chain', this.#readChain());
    });
    this.#chain.addEventListener('click', ({ target }) => {
      if (!(target instanceof HTMLElement) || !target.matches('.remove')) return;
      if (this.#chain.children.length > 1) target.closest('li')!.remove();
      changed('chain', this.#readChain());
    });
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** Takes settings that did not come from the form. */
  set(settings: Settings): void {
    this.#settings = settings;
    this.#write();
  }

  /** Shows the recipe that was chosen. */
  set chosen(recipe: string) {
    this.#chosen = recipe;
    this.#reveal();
  }

  #write(): void {
    for (const field of this.#form.elements) {
      if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) continue;
      const key = KEYS.find((known) => known === field.name);
      if (!key) continue;
      const text = settingText(this.#settings, key);
      if (field instanceof HTMLSelectElement) choose(field, text);
      else field.value = text;
    }
    this.#chain.replaceChildren();
    this.#settings.chain.forEach((link) => this.#addLink(link));
    this.#reveal();
  }

  /** Shows the fields that have an effect. */
  #reveal(): void {
    const { support, recipe, chain, repeat } = this.#settings;
    byId('rectangle').hidden = support !== 'rectangle';
    byId('drawing').hidden = support !== 'drawn';
    for (const id of ['chain-editor', 'starts-row']) byId(id).hidden = recipe !== 'own';
    const own = repeat === 1 ? chainText(chain) : `(${chainText(chain)})*${repeat}`;
    byId('chain-text').textContent = recipe === 'own' ? own : this.#chosen;
    for (const item of this.#chain.children) {
      const algorithm = item.querySelector('select')!.value as Algorithm;
      (item.querySelector('.beta') as HTMLInputElement).disabled = !ALGORITHMS[algorithm].beta;
    }
  }

  #addLink({ algorithm, beta, iterations }: Link): void {
    const item = byId('link', HTMLTemplateElement).content.cloneNode(true) as DocumentFragment;
    const select = item.querySelector('select')!;
    for (const [name, { title }] of Object.entries(ALGORITHMS)) select.add(new Option(title, name));
    select.value = algorithm;
    item.querySelector<HTMLInputElement>('.beta')!.value = String(beta);
    item.querySelector<HTMLInputElement>('.iterations')!.value = String(iterations);
    this.#chain.append(item);
  }

  #readChain(): Link[] {
    return Array.from(this.#chain.children, (item) => ({
      algorithm: item.querySelector('select')!.value as Algorithm,
      beta: item.querySelector<HTMLInputElement>('.beta')!.valueAsNumber,
      iterations: item.querySelector<HTMLInputElement>('.iterations')!.valueAsNumber,
    }));
  }
}

/** A link may have values that the menu does not. */
function choose(field: HTMLSelectElement, text: string): void {
  if (![...field.options].some(({ value }) => value === text)) field.add(new Option(text, text));
  field.value = text;
}
