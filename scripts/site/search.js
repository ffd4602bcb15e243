/** Finds sections of the pages that have all words of what is typed, those first that have them in their heading. */
const input = document.querySelector('input[type=search]');
const found = document.querySelector('#found');
let entries;

/** Narrow screens show the text first. */
if (matchMedia('(max-width: 820px)').matches) document.querySelector('.menu details').open = false;

input.addEventListener('input', async () => {
  entries ??= await (await fetch('search.json')).json();
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = ({ heading, title, text }) => {
    const [head, all] = [heading, `${title} ${heading} ${text}`].map((part) => part.toLowerCase());
    if (!words.every((word) => all.includes(word))) return 0;
    return 1 + words.filter((word) => head.includes(word)).length;
  };
  const matches =
    words.length === 0 ? [] : entries.map((entry) => ({ entry, at: rank(entry) })).filter(({ at }) => at > 0);
  matches.sort((a, b) => b.at - a.at);
  found.hidden = words.length === 0;
  found.replaceChildren(
    ...matches.slice(0, 12).map(({ entry }) => {
      const link = document.createElement('a');
      link.href = `${entry.page}#${entry.anchor}`;
      link.textContent = entry.heading === entry.title ? entry.title : `${entry.title}: ${entry.heading}`;
      const item = document.createElement('li');
      item.append(link);
      return item;
    }),
  );
  if (matches.length === 0) found.textContent = 'Nothing has all of these words.';
});
input.form.addEventListener('submit', (event) => {
  event.preventDefault();
  found.querySelector('a')?.click();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') found.hidden = true;
  if (event.key !== '/' || event.target.matches('input')) return;
  event.preventDefault();
  input.focus();
});
