// The explorer's numbers: the network, the codes and the drawn ink. This file uses no DOM.

const SIDE = 28; // a digit is 28 × 28 pixels
const BOX = 20; // its ink is scaled to a box of 20 × 20 of them
const INK = 280; // the pad has a finer grid of 280 × 280
const PEN = 14; // radius of the pen, in pixels of the pad
const NEIGHBOURS = 15;
const FAR = 0.5; // half a standard deviation of the prior

// Bytes come from Python as DataViews at any offset; a Float32Array needs an aligned one.
const copy = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);

/** A network's dense layers, from its widths and its packed parameters. */
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

/** Dense layers with a ReLU between them. */
function forward(layers, x) {
  for (const { inputs, outputs, weight, bias } of layers) {
    const y = new Float64Array(outputs);
    const last = layers.at(-1).weight === weight;
    for (let j = 0, w = 0; j < outputs; j++) {
      let sum = bias[j];
      for (let i = 0; i < inputs; i++, w++) sum += weight[w] * x[i];
      y[j] = last ? sum : Math.max(sum, 0);
    }
    x = y;
  }
  return x;
}

/** Each pixel's probability at the point z: the decoder's logits through a sigmoid. */
export const decode = (layers, z) => forward(layers, z).map((logit) => 1 / (1 + Math.exp(-logit)));

/** The posterior of an image, pixels from 0 to 1: {mean, logvar}, the halves of one output. */
export function encode(layers, image) {
  const both = [...forward(layers, image)];
  const logvar = both.splice(both.length / 2);
  return { mean: both, logvar };
}

function median(values) {
  const sorted = Float64Array.from(values).sort(); // typed arrays sort as numbers
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of each digit's codes, {digit: [z1, z2, …]}; a digit without codes has none. */
export function centres(codes, labels) {
  const latent = codes.length / labels.length;
  const found = {};
  for (const digit of new Set(labels)) {
    const own = (k) => (_, i) => i % latent === k && labels[(i - k) / latent] === digit;
    found[digit] = Array.from({ length: latent }, (_, k) => median(codes.filter(own(k))));
  }
  return found;
}

/**
 * The most frequent digit among the nearest codes, and its number of them: {digit, votes, asked}.
 * If several digits are equally frequent, the one with the nearest code wins. In the plane, the
 * digit is null if most of these codes are farther away than FAR, so that a single outlier makes no
 * region. In more dimensions all codes are far apart, so no distance is required.
 */
export function region(codes, labels, point) {
  const [asked, latent] = [Math.min(NEIGHBOURS, labels.length), point.length];
  const nearest = []; // [squared distance, digit], sorted
  for (let i = 0; i < labels.length; i++) {
    let distance = 0;
    for (let k = 0; k < latent; k++) distance += (codes[latent * i + k] - point[k]) ** 2;
    if (nearest.length === asked && distance >= nearest[asked - 1][0]) continue;
    let place = nearest.length;
    while (place > 0 && nearest[place - 1][0] > distance) place--;
    nearest.splice(place, 0, [distance, labels[i]]);
    nearest.length = Math.min(nearest.length, asked);
  }
  if (latent === 2 && nearest[asked >> 1][0] > FAR ** 2) return { digit: null, votes: 0, asked };
  const votes = new Map();
  for (const [, digit] of nearest) votes.set(digit, (votes.get(digit) ?? 0) + 1);
  const [digit, most] = [...votes].reduce((best, next) => (next[1] > best[1] ? next : best));
  return { digit, votes: most, asked };
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const hundredths = (value) => Math.round(100 * value) / 100;
const minus = (text) => String(text).replace("-", "−");
const twoPlaces = (value) => minus(hundredths(value).toFixed(2));

/** The caption: where the point is, and whose region that is. */
export function describe(point, { digit, votes, asked }) {
  if (point.length !== 2) {
    return `z lies near digit ${digit} (${votes} of the ${asked} nearest codes).`;
  }
  const where = digit === null
    ? "far from all codes"
    : `in the region of digit ${digit} (${votes} of the ${asked} nearest codes)`;
  return `z = (${point.map(twoPlaces).join(", ")}): ${where}.`;
}

/** A straight stroke of the pen into `ink` [INK, INK], from one [x, y] to another. */
export function stroke(ink, [x1, y1], [x2, y2]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const span = (a, b) => [
    Math.max(Math.floor(Math.min(a, b) - PEN), 0),
    Math.min(Math.ceil(Math.max(a, b) + PEN), INK - 1),
  ];
  const [[left, right], [top, bottom]] = [span(x1, x2), span(y1, y2)];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const along = ((x + 0.5 - x1) * dx + (y + 0.5 - y1) * dy) / (dx * dx + dy * dy || 1);
      const t = clamp(along, 0, 1); // the nearest point of the stroke
      const [awayX, awayY] = [x + 0.5 - x1 - t * dx, y + 0.5 - y1 - t * dy];
      if (awayX * awayX + awayY * awayY <= PEN * PEN) ink[INK * y + x] = 1;
    }
  }
}

/** Where the ink begins, ends and has its centre of mass, along the columns and the rows. */
function measure(ink) {
  const [columns, rows] = [new Uint32Array(INK), new Uint32Array(INK)];
  for (let y = 0, i = 0; y < INK; y++) {
    for (let x = 0; x < INK; x++, i++) {
      columns[x] += ink[i];
      rows[y] += ink[i];
    }
  }
  return [columns, rows].map((counts) => ({
    first: counts.findIndex((count) => count > 0),
    last: counts.findLastIndex((count) => count > 0),
    middle: counts.reduce((sum, count, i) => sum + count * (i + 0.5), 0)
      / counts.reduce((sum, count) => sum + count, 0),
  }));
}

/**
 * The drawing as a digit like MNIST's, [784] from 0 to 1; null if there is no ink. The ink is
 * scaled to fit the box, where each pixel is the fraction of its area with ink. It is then moved
 * by whole pixels until its centre of mass is in pixel 14 of the rows and the columns, as in
 * LeCun et al. 1998, section III.A (the packaged digits agree to half a pixel).
 */
export function toDigit(ink) {
  const [across, down] = measure(ink);
  if (across.first < 0) return null;
  const length = ({ first, last }) => last - first + 1;
  const scale = BOX / Math.max(length(across), length(down));
  // A pixel of ink lies in one pixel of the digit, or is divided between two in each direction.
  const cut = ({ first, last, middle }) => {
    const shift = Math.round(SIDE / 2 + 0.5 - (middle - first) * scale);
    const [pixels, beyond] = [new Int32Array(INK), new Float64Array(INK)];
    for (let i = first; i <= last; i++) {
      const place = (i - first) * scale + shift;
      pixels[i] = Math.floor(place);
      beyond[i] = Math.max(place + scale - pixels[i] - 1, 0);
    }
    return [pixels, beyond];
  };
  const [[columns, right], [rows, below]] = [cut(across), cut(down)];
  const digit = new Float64Array(SIDE * SIDE);
  const add = (row, column, share) => {
    if (row >= 0 && row < SIDE && column >= 0 && column < SIDE) digit[SIDE * row + column] += share;
  };
  for (let y = down.first; y <= down.last; y++) {
    for (let x = across.first; x <= across.last; x++) {
      if (!ink[INK * y + x]) continue;
      const [left, above] = [scale - right[x], scale - below[y]];
      add(rows[y], columns[x], left * above);
      add(rows[y], columns[x] + 1, right[x] * above);
      add(rows[y] + 1, columns[x], left * below[y]);
      add(rows[y] + 1, columns[x] + 1, right[x] * below[y]);
    }
  }
  return digit.map((share) => Math.min(share, 1)); // the sum of shares may be 1 + 1e-15
}
