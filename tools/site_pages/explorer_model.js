
// From here on: the model that stands in for a kernel, and the explorers of this page.

const packed = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Half-precision numbers, two bytes each and the lower first, as float32. */
function readHalves(bytes) {
  const halves = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 2 }, (_, i) => {
    const half = halves.getUint16(2 * i, true);
    const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
    if (exponent === 0) return (sign * fraction) / 2 ** 24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/**
 * A model with what a view needs: get, set, on, off; nobody has to be told of changes. Encoder
 * and images are kept for those explorers alone that have them.
 */
function makeModel({ encoder_widths = [], encoder_float16 = "", images = "", ...kept }) {
  const { codes, labels, weights_float16, ...state } = kept;
  for (const [name, text] of Object.entries({ codes, labels, images })) {
    state[name] = new DataView(packed(text).buffer);
  }
  state.weights = new DataView(readHalves(packed(weights_float16)).buffer);
  state.encoder = new DataView(readHalves(packed(encoder_float16)).buffer);
  state.encoder_widths = encoder_widths;
  const listeners = new Map();
  return {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      listeners.get(`change:${name}`)?.forEach((listener) => listener());
    },
    save_changes() {},
    on: (event, listener) => listeners.set(event, [...(listeners.get(event) ?? []), listener]),
    off: (event, gone) => listeners.set(event, listeners.get(event).filter((one) => one !== gone)),
  };
}

for (const place of document.querySelectorAll(".live-explorer")) {
  const model = makeModel(JSON.parse(place.querySelector("script").textContent));
  const el = document.createElement("div");
  render({ model, el });
  place.querySelector("img").replaceWith(el); // the still picture stays where this fails
}
