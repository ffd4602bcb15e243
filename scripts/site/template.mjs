/** One page of the site as HTML. */

/** @typedef {{ name: string, links: { href: string, title: string, isHere: boolean }[] }} Section */

/** @param {{ title: string, content: string, menu: Section[], repository: string }} page */
export function pageOf({ title, content, menu, repository }) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)} – rephase</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
<script type="module" src="search.js"></script>
</head>
<body>
<a class="skip" href="#content">To the text</a>
<header>
<a class="name" href="index.html">rephase</a>
<form role="search"><input type="search" placeholder="Search" aria-label="Search these pages" aria-controls="found" autocomplete="off"></form>
<nav aria-label="Elsewhere"><a href="demo/">Try it</a> <a href="${repository}">Source</a></nav>
</header>
<ul id="found" aria-label="Found" hidden></ul>
<div class="columns">
<nav class="menu" aria-label="Pages">
<details open><summary>Pages</summary>
${menu.map(sectionOf).join('\n')}
</details>
</nav>
<main id="content">
${content}
</main>
</div>
</body>
</html>
`;
}

/** @param {Section} section */
function sectionOf({ name, links }) {
  const items = links.map(
    ({ href, title, isHere }) =>
      `<li><a href="${href}"${isHere ? ' aria-current="page"' : ''}>${escaped(title)}</a></li>`,
  );
  return `<h2>${name}</h2>\n<ul>\n${items.join('\n')}\n</ul>`;
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
