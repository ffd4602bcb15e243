/** A support that is drawn by hand: each line with the pointer on the image becomes an outline. */
import { byId } from './elements.js';
import type { Picture } from './picture.js';
import type { Outline } from './settings.js';

/** Corners are at least so many pixels apart. */
const DISTANCE = 3;

export class Drawing {
  /** The line that is being drawn. */
  #line: Outline['points'] = [];
  #isOn = false;

  /** `onLine` gets each finished outline, `onMove` is called when there is more of it to see. */
  constructor(picture: Picture, onLine: (outline: Outline) => void, onMove: () => void) {
    const { canvas } = picture;
    canvas.addEventListener('pointerdown', (event) => {
      if (!this.#isOn) return;
      canvas.setPointerCapture(event.pointerId);
      this.#line = [picture.pixelAt(event)];
    });
    canvas.addEventListener('pointermove', (event) => {
      if (this.#line.length === 0) return;
      // A browser joins the moves between two frames, and some cannot say which they were.
      const moves = (event as Partial<PointerEvent>).getCoalescedEvents?.() ?? [];
      for (const move of moves.length > 0 ? moves : [event]) {
        const [last, point] = [this.#line.at(-1)!, picture.pixelAt(move)];
        if (Math.hypot(point[0] - last[0], point[1] - last[1]) >= DISTANCE) this.#line.push(point);
      }
      onMove();
    });
    canvas.addEventListener('pointerup', () => {
      const points = this.#line;
      this.#line = [];
      if (points.length > 2) onLine({ cuts: cuts(), points });
      else onMove();
    });
  }

  set isOn(isOn: boolean) {
    this.#isOn = isOn;
    byId('object').classList.toggle('drawable', isOn);
  }

  /** Draws these outlines, and the one that is being drawn. */
  draw(context: CanvasRenderingContext2D, outlines: readonly Outline[]): void {
    context.lineWidth = Math.max(1, context.canvas.width / 250);
    for (const { cuts: isCut, points } of [...outlines, { cuts: cuts(), points: this.#line }]) {
      context.strokeStyle = isCut ? '#3b82f6' : '#f97316';
      context.beginPath();
      for (const [row, column] of points) context.lineTo(column, row);
      context.closePath();
      context.stroke();
    }
  }
}

/** Whether a line cuts out what is in it. */
function cuts(): boolean {
  return byId('pen-cut', HTMLInputElement).checked;
}
