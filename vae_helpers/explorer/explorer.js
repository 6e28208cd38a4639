// The latent-plane explorer: pure functions first, then drawing, then the view.

const SIDE = 28; // a digit is 28 × 28 pixels
const NEIGHBOURS = 15;
const FAR = 0.5; // half a standard deviation of the prior
const SIZE = 440; // width and height of the plane's canvas in CSS pixels, unless shrunk
const [LEFT, TOP, SPAN] = [46, 12, 382]; // where the plane lies on it
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// Bytes come from Python as DataViews, which may start anywhere; float32 may not.
const copy = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);

/** The decoder's layers, from its widths and its packed parameters. */
export function readLayers(widths, bytes) {
  const values = new Float32Array(copy(bytes));
  let start = 0;
  return widths.slice(1).map((outputs, i) => {
    const inputs = widths[i];
    const weight = values.subarray(start, (start += inputs * outputs)); // [outputs, inputs]
    const bias = values.subarray(start, (start += outputs));
    return { inputs, outputs, weight, bias };
  });
}

/** Each pixel's probability at the point z: dense layers, ReLU between them, then a sigmoid. */
export function decode(layers, z) {
  let x = z;
  for (const { inputs, outputs, weight, bias } of layers) {
    const y = new Float64Array(outputs);
    const last = layers.at(-1).weight === weight;
    for (let j = 0, w = 0; j < outputs; j++) {
      let sum = bias[j];
      for (let i = 0; i < inputs; i++, w++) sum += weight[w] * x[i];
      y[j] = last ? 1 / (1 + Math.exp(-sum)) : Math.max(sum, 0);
    }
    x = y;
  }
  return x;
}

function median(values) {
  const sorted = Float64Array.from(values).sort(); // typed arrays sort as numbers
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of each digit's codes, {digit: [z1, z2]}; a digit without codes has none. */
export function centres(codes, labels) {
  const found = {};
  for (const digit of new Set(labels)) {
    const axis = (k) => median(codes.filter((_, i) => i % 2 === k && labels[i >> 1] === digit));
    found[digit] = [axis(0), axis(1)];
  }
  return found;
}

/**
 * The digit of most of the nearest codes, and how many of them it has: {digit, votes, asked}.
 * Among equals the one that is met first on the way out wins. The digit is null where most of
 * those codes are further away than FAR, so that a single stray code makes no region.
 */
export function region(codes, labels, [z1, z2]) {
  const asked = Math.min(NEIGHBOURS, labels.length);
  const nearest = []; // [squared distance, digit], sorted
  for (let i = 0; i < labels.length; i++) {
    const distance = (codes[2 * i] - z1) ** 2 + (codes[2 * i + 1] - z2) ** 2;
    if (nearest.length === asked && distance >= nearest[asked - 1][0]) continue;
    let place = nearest.length;
    while (place > 0 && nearest[place - 1][0] > distance) place--;
    nearest.splice(place, 0, [distance, labels[i]]);
    nearest.length = Math.min(nearest.length, asked);
  }
  if (nearest[asked >> 1][0] > FAR ** 2) return { digit: null, votes: 0, asked };
  const votes = new Map();
  for (const [, digit] of nearest) votes.set(digit, (votes.get(digit) ?? 0) + 1);
  const [digit, most] = [...votes].reduce((best, next) => (next[1] > best[1] ? next : best));
  return { digit, votes: most, asked };
}

const hundredths = (value) => Math.round(100 * value) / 100;
const minus = (text) => String(text).replace("-", "−");

/** The caption: where the point is, and whose region that is. */
export function describe([z1, z2], { digit, votes, asked }) {
  const [a, b] = [z1, z2].map((value) => minus(hundredths(value).toFixed(2)));
  const where = digit === null
    ? "far from all codes"
    : `in the region of digit ${digit} (${votes} of the ${asked} nearest codes)`;
  return `z = (${a}, ${b}): ${where}.`;
}

// From the plane to its canvas and back.
const toX = (z1, extent) => LEFT + ((z1 + extent) / (2 * extent)) * SPAN;
const toY = (z2, extent) => TOP + ((extent - z2) / (2 * extent)) * SPAN;
const toPlane = (x, y, extent) => [
  ((x - LEFT) / SPAN) * 2 * extent - extent,
  extent - ((y - TOP) / SPAN) * 2 * extent,
];

/** Moves places that are nearer than `gap` to each other, so that no numeral hides another. */
function pushApart(places, gap) {
  for (let round = 0; round < 50; round++) {
    for (const a of places) {
      for (const b of places) {
        const distance = Math.hypot(b[0] - a[0], b[1] - a[1]);
        if (distance === 0 || distance >= gap) continue;
        const shift = (gap - distance) / distance / 2;
        [0, 1].forEach((k) => (b[k] += shift * (b[k] - a[k])));
      }
    }
  }
}

/** All that does not move, drawn once: codes, numerals and axes. */
function drawBackdrop({ codes, labels, middles, colours, extent }, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.round(SIZE * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.textAlign = "center";
  pen.textBaseline = "middle";

  pen.save();
  pen.rect(LEFT, TOP, SPAN, SPAN);
  pen.clip();
  pen.globalAlpha = 0.6;
  labels.forEach((digit, i) => {
    pen.fillStyle = colours[digit];
    pen.beginPath();
    pen.arc(toX(codes[2 * i], extent), toY(codes[2 * i + 1], extent), 1.7, 0, 7);
    pen.fill();
  });
  pen.restore();

  // Some of the colours are too pale for letters: they frame a dark numeral on white.
  const inside = (place, start) => Math.min(Math.max(place, start), start + SPAN);
  const places = Object.entries(middles).map(
    ([digit, [z1, z2]]) => [inside(toX(z1, extent), LEFT), inside(toY(z2, extent), TOP), digit],
  );
  pushApart(places, 22);
  Object.assign(pen, { font: "bold 14px sans-serif", lineWidth: 3 });
  for (const [x, y, digit] of places) {
    Object.assign(pen, { fillStyle: "white", strokeStyle: colours[digit] });
    pen.beginPath();
    pen.arc(x, y, 9, 0, 7);
    pen.fill();
    pen.stroke();
    pen.fillStyle = "#222";
    pen.fillText(digit, x, y + 1);
  }

  Object.assign(pen, { font: "13px sans-serif", fillStyle: "#333" });
  Object.assign(pen, { strokeStyle: "#666", lineWidth: 1 });
  pen.stroke(new Path2D(`M${LEFT} ${TOP}v${SPAN}h${SPAN}`));
  for (let tick = -extent; tick <= extent; tick += 2) {
    const [x, y] = [toX(tick, extent), toY(tick, extent)];
    pen.stroke(new Path2D(`M${x} ${TOP + SPAN}v5 M${LEFT} ${y}h-5`));
    pen.fillText(minus(tick), x, TOP + SPAN + 15);
    pen.fillText(minus(tick), LEFT - 16, y);
  }
  pen.fillText("z₁", LEFT + SPAN / 2, TOP + SPAN + 34);
  pen.fillText("z₂", 13, TOP + SPAN / 2);
  return canvas;
}

/** The backdrop with cross-hairs through the point, and a ring wide enough for a numeral. */
function drawPlane(canvas, backdrop, [z1, z2], extent) {
  const pen = canvas.getContext("2d");
  const [x, y] = [toX(z1, extent), toY(z2, extent)];
  const cross = new Path2D(`M${LEFT} ${y}h${SPAN} M${x} ${TOP}v${SPAN}`);
  const ring = new Path2D();
  ring.arc(x, y, 13, 0, 7);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(backdrop, 0, 0);
  pen.scale(canvas.width / SIZE, canvas.height / SIZE);
  for (const [path, colour, width] of [
    [cross, "rgb(0 0 0 / 60%)", 1], [ring, "white", 6], [ring, "black", 2.5],
  ]) {
    Object.assign(pen, { strokeStyle: colour, lineWidth: width });
    pen.stroke(path);
  }
}

/** The digit's pixels, ink dark on white. */
function drawDigit(canvas, probabilities) {
  const picture = new ImageData(SIDE, SIDE);
  probabilities.forEach((p, i) => {
    picture.data.fill(255 * (1 - p), 4 * i, 4 * i + 3);
    picture.data[4 * i + 3] = 255;
  });
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

function render({ model, el }) {
  const [extent, colours] = [model.get("extent"), model.get("colours")];
  const id = `explorer-${Math.random().toString(36).slice(2)}`; // a page may show it twice

  const root = document.createElement("div");
  root.className = "explorer";
  root.innerHTML = `
    <canvas class="explorer-plane" tabindex="0" role="application" aria-label="Latent plane"
      aria-describedby="${id}-caption ${id}-keys"></canvas>
    <div class="explorer-side">
      <canvas class="explorer-digit" width="${SIDE}" height="${SIDE}" role="img"
        aria-label="Digit decoded at the point" aria-describedby="${id}-caption"></canvas>
      <p class="explorer-caption" id="${id}-caption" aria-live="polite"></p>
      <p class="explorer-keys" id="${id}-keys">Drag the point, or click the plane and use the
        keys: arrows (Shift: further, Alt: finer), Home for the middle, 0–9 for a digit’s
        centre.</p>
    </div>`;
  const [plane, digit] = root.querySelectorAll("canvas");
  const caption = root.querySelector(".explorer-caption");
  let layers, codes, labels, middles, backdrop;

  function load() {
    layers = readLayers(model.get("widths"), model.get("weights"));
    codes = new Float32Array(copy(model.get("codes")));
    labels = new Uint8Array(copy(model.get("labels")));
    middles = centres(codes, labels);
    backdrop = null;
    draw();
  }

  function draw() {
    const point = model.get("point");
    const pixels = Math.round(SIZE * window.devicePixelRatio);
    if (!backdrop || plane.width !== pixels) {
      backdrop = drawBackdrop({ codes, labels, middles, colours, extent }, pixels / SIZE);
      plane.width = plane.height = pixels;
    }
    const probabilities = decode(layers, point);
    drawDigit(digit, probabilities);
    drawPlane(plane, backdrop, point, extent);
    caption.textContent = describe(point, region(codes, labels, point));
    root.shown = { point, probabilities }; // for tests and for the curious
  }

  // The picture follows at once; the kernel, if there is one, hears of it once a frame.
  let frame = 0;
  function move(point) {
    const inside = (value) => hundredths(Math.min(Math.max(value, -extent), extent));
    model.set("point", point.map(inside));
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      model.save_changes();
    });
  }

  function drag(event) {
    const shrunk = SIZE / plane.clientWidth;
    move(toPlane(event.offsetX * shrunk, event.offsetY * shrunk, extent));
  }
  plane.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    plane.setPointerCapture(event.pointerId);
    plane.focus({ preventScroll: true });
    drag(event);
  });
  plane.addEventListener("pointermove", (event) => {
    if (plane.hasPointerCapture(event.pointerId)) drag(event);
  });

  function target({ key, shiftKey, altKey }) {
    const point = model.get("point");
    const step = shiftKey ? 0.5 : altKey ? 0.01 : 0.1;
    if (ARROWS[key]) return point.map((value, k) => value + step * ARROWS[key][k]);
    if (key === "Home") return [0, 0];
    return middles[key] ?? null;
  }
  plane.addEventListener("keydown", (event) => {
    const point = event.ctrlKey || event.metaKey ? null : target(event);
    if (point === null) return;
    event.preventDefault(); // or the page scrolls
    event.stopPropagation(); // or JupyterLab may take the arrows for its own commands
    move(point);
  });

  const heard = { "change:point": draw, "change:weights": load, "change:codes": load };
  for (const [event, listener] of Object.entries(heard)) model.on(event, listener);
  el.append(root);
  load();
  return () => {
    for (const [event, listener] of Object.entries(heard)) model.off(event, listener);
  };
}

export default { render };
