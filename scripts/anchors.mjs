/** The anchors that GitHub gives to headings, which the checks of links and the site share. */

/**
 * Lower case, spaces as hyphens, no punctuation; numbered when repeated, for which `taken` has those before.
 * @param {string} heading as Markdown
 * @param {Set<string>} taken
 */
export function anchorOf(heading, taken) {
  const text = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim()
    .toLowerCase();
  const name = text.replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '').replaceAll(' ', '-');
  let unique = name;
  for (let count = 1; taken.has(unique); count++) unique = `${name}-${count}`;
  taken.add(unique);
  return unique;
}
