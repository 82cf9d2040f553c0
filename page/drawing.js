// Small parts of the page: elements, numbers with units, tiles and their lines.

export const $ = (id) => document.getElementById(id);

export function make(tag, className, content = []) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...[content].flat());
  return element;
}

export const bits = (value) => scaled(value, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);
export const perSecond = (value, what = '') => scaled(value, [`${what}/s`, `k${what && ` ${what}`}/s`, `M${what && ` ${what}`}/s`]);

function scaled(value, units) {
  if (!Number.isFinite(value)) return '–';
  let unit = 0;
  while (value >= 1000 && unit + 1 < units.length) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

const lines = new Set();

/** Redraws what does not change any more: the scheme, or the width, did. */
export const redraw = () => lines.forEach((line) => line.draw());

/** The last minute of a figure as a line; a gap where it is unknown. */
export class Sparkline {
  constructor(canvas) {
    this.canvas = canvas;
    this.values = [];
    lines.add(this);
  }

  push(value) {
    this.values.push(Number.isFinite(value) ? value : null);
    if (this.values.length > 60) this.values.shift();
    this.draw();
  }

  draw() {
    const { canvas } = this;
    if (!canvas.isConnected) return lines.delete(this);
    const width = (canvas.width = Math.round(canvas.clientWidth * devicePixelRatio));
    const height = (canvas.height = Math.round(canvas.clientHeight * devicePixelRatio));
    const pen = canvas.getContext('2d');
    const style = getComputedStyle(canvas);
    const top = Math.max(1e-9, ...this.values) * 1.1;
    pen.lineWidth = 1.5 * devicePixelRatio;
    pen.lineJoin = 'round';
    pen.strokeStyle = style.getPropertyValue('--line');
    pen.beginPath();
    pen.moveTo(0, height - pen.lineWidth / 2);
    pen.lineTo(width, height - pen.lineWidth / 2);
    pen.stroke();
    pen.strokeStyle = style.getPropertyValue('--accent');
    pen.beginPath();
    let drawing = false;
    this.values.forEach((value, index) => {
      const x = ((60 - this.values.length + index) / 59) * width;
      const y = height - pen.lineWidth - ((value ?? 0) / top) * (height - 2 * pen.lineWidth);
      if (value !== null) pen[drawing ? 'lineTo' : 'moveTo'](x, y);
      drawing = value !== null;
    });
    pen.stroke();
  }
}

/** Figures with a name, a value and, where it is given, a line. A tile appears with its first value. */
export class Tiles {
  constructor(box, whenEmpty) {
    Object.assign(this, { box, whenEmpty, tiles: new Map() });
    this.clear();
  }

  clear() {
    this.tiles.clear();
    this.box.replaceChildren(make('p', 'dim', this.whenEmpty));
  }

  /** `drawn` is the number behind the text. */
  show(name, text, drawn) {
    let tile = this.tiles.get(name);
    if (!tile) {
      const value = make('dd', 'tile-value');
      const element = make('div', 'tile', [make('dt', 'tile-name', name), value]);
      tile = { value };
      if (this.tiles.size === 0) this.box.replaceChildren();
      this.box.append(element);
      if (drawn !== undefined) {
        const canvas = make('canvas', 'spark');
        canvas.setAttribute('aria-hidden', 'true');
        element.append(make('dd', '', canvas));
        tile.spark = new Sparkline(canvas);
      }
      this.tiles.set(name, tile);
    }
    if (tile.value.textContent !== text) tile.value.textContent = text;
    tile.spark?.push(drawn);
  }
}
