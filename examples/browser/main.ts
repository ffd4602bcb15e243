/** The page: what the visitor does goes to the worker as commands, and what comes back is shown. */
import { Drawing } from './drawing.js';
import { byId, withText } from './elements.js';
import { Form } from './form.js';
import { supportOf } from './outlines.js';
import type { Command, Reply, Source, State } from './protocol.js';
import { download } from './save.js';
import { fromLink, toLink, type Outline, type Settings } from './settings.js';
import { Stage, revealSettings } from './stage.js';
import { followTheme } from './theme.js';

const worker = new Worker(new URL('./worker/worker.ts', import.meta.url), { type: 'module' });
const send = (command: Command) => worker.postMessage(command);

const form = new Form(fromLink(location.hash), (settings, key) => {
  follow(settings);
  if (key === 'pace') return send({ kind: 'pace', pace: settings.pace });
  open(key === 'example' ? { example: settings.example } : source);
});
const stage = new Stage((views) => send({ kind: 'views', views }));
const drawing = new Drawing(
  stage.object,
  (outline) => setOutlines([...form.settings.outlines, outline]),
  () => stage.drawFrame(),
);
const file = byId('file', HTMLInputElement);
const fileKind = byId('as', HTMLSelectElement);

/** What is open, and what has been asked for. */
let source: Source = { example: form.settings.example };
let wanted: Source = source;
let state: State = 'opening';

worker.onmessage = ({ data }: MessageEvent<Reply>) => receive(data);
worker.onerror = (event) => tell('failure', event.message || 'the worker cannot be loaded');
follow(form.settings);
open(source);
followTheme(() => stage.draw());

function receive(reply: Reply): void {
  switch (reply.kind) {
    case 'opened':
      source = wanted;
      revealSettings(reply, 'example' in source);
      if (stage.open(reply)) send({ kind: 'views', views: stage.views });
      return;
    case 'frame':
      stage.add(reply);
      requestAnimationFrame(() => {
        stage.drawFrame();
        send({ kind: 'shown' });
      });
      return;
    case 'findings':
      return stage.showFindings(reply);
    case 'chosen':
      form.chosen = reply.recipe;
      return;
    case 'place':
      return stage.showPlace(reply);
    case 'state':
      return showState(reply.state);
    case 'notice':
      return tell('notices', reply.text);
    case 'failed':
      return tell('failure', reply.text);
    case 'file':
      return download(reply.name, new Blob([reply.bytes]));
  }
}

function open(asked: Source, begins = true): void {
  wanted = asked;
  byId('notices').replaceChildren();
  byId('failure').replaceChildren();
  send({ kind: 'open', source: asked, settings: form.settings, views: stage.views, begins });
}

function openFile(opened: File | undefined): void {
  if (opened) open({ file: opened, as: fileKind.value as 'auto' });
}

/** Does what settings ask of the page itself. */
function follow(settings: Settings): void {
  history.replaceState(null, '', `${location.pathname}${location.search}${toLink(settings)}`);
  const isDrawn = settings.support === 'drawn';
  drawing.isOn = isDrawn;
  stage.overlay = isDrawn ? (context) => drawing.draw(context, form.settings.outlines) : undefined;
}

function setOutlines(outlines: Outline[]): void {
  form.set({ ...form.settings, outlines });
  follow(form.settings);
  if (!stage.problem) return;
  const support = supportOf(outlines, stage.problem.shape);
  // Nothing would be left of the image.
  if (!support.includes(1)) return;
  stage.support = support;
  send({ kind: 'support', support });
}

const STATES: Record<State, string> = { opening: 'Opening …', running: 'Pause', paused: 'Resume', finished: 'Go on' };

function showState(now: State): void {
  state = now;
  document.body.dataset.state = now;
  for (const id of ['play', 'step', 'kernel', 'stop']) byId(id, HTMLButtonElement).disabled = now === 'opening';
  byId('play').textContent = now === 'paused' && !stage.hasBegun ? 'Start' : STATES[now];
}

function tell(where: 'notices' | 'failure', text: string): void {
  byId(where).append(withText('p', text));
}

byId('play').addEventListener('click', () => send({ kind: state === 'running' ? 'pause' : 'resume' }));
for (const kind of ['step', 'kernel'] as const) byId(kind).addEventListener('click', () => send({ kind }));
byId('stop').addEventListener('click', () => open(source, false));

file.addEventListener('change', () => {
  openFile(file.files?.[0]);
  // The same file may be chosen again.
  file.value = '';
});
fileKind.addEventListener('change', () => {
  if ('file' in source) openFile(source.file);
});
byId('leave').addEventListener('click', () => {
  form.set({ ...form.settings, example: 'photograph' });
  follow(form.settings);
  open({ example: 'photograph' });
});
byId('erase').addEventListener('click', () => {
  form.set({ ...form.settings, outlines: [] });
  follow(form.settings);
  open(source);
});

let entered = 0;
document.addEventListener('dragenter', () => document.body.classList.toggle('dragging', ++entered > 0));
document.addEventListener('dragleave', () => document.body.classList.toggle('dragging', --entered > 0));
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  entered = 0;
  document.body.classList.remove('dragging');
  openFile(event.dataTransfer?.files[0]);
});

/** One key each, where no field takes it. */
const SHORTCUTS: Record<string, string> = { ' ': 'play', '.': 'step', ',': 'kernel' };
document.addEventListener('keydown', (event) => {
  const isField = event.target instanceof Element && event.target.matches('input, select, button, summary, label');
  const id = SHORTCUTS[event.key];
  if (isField || !id || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  byId(id).click();
});

byId('save-image').addEventListener('click', () =>
  stage.object.canvas.toBlob((blob) => blob && download('image.png', blob)),
);
byId('save-array').addEventListener('click', () => send({ kind: 'save' }));
byId('save-settings').addEventListener('click', () => {
  const text = `${JSON.stringify(form.settings, null, 2)}\n`;
  download('settings.json', new Blob([text], { type: 'application/json' }));
});
byId('share').addEventListener('click', () => {
  navigator.clipboard.writeText(location.href).then(
    () => tell('notices', 'The link is copied.'),
    () => tell('notices', `The link: ${location.href}`),
  );
});
window.addEventListener('hashchange', () => {
  form.set(fromLink(location.hash));
  follow(form.settings);
  open({ example: form.settings.example });
});
