/** Light or dark: as the system says, or as the visitor chose. */
import { byId } from './elements.js';

const THEMES = ['system', 'light', 'dark'] as const;
const STORED = 'rephase-theme';

/** Calls `onChange` whenever colours change. */
export function followTheme(onChange: () => void): void {
  const button = byId('theme', HTMLButtonElement);
  const apply = (theme: (typeof THEMES)[number]) => {
    document.documentElement.dataset.theme = theme;
    button.setAttribute('aria-label', `Colours: ${theme === 'system' ? 'as the system' : theme}`);
    button.textContent = { system: '◐', light: '☀', dark: '☾' }[theme];
    onChange();
  };
  let theme = THEMES.find((known) => known === localStorage.getItem(STORED)) ?? 'system';
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem(STORED, theme);
    apply(theme);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
  apply(theme);
}
