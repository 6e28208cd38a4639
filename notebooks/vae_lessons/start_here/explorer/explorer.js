// The view: it assembles the parts. Only this file uses the widget's model.

function render({ model, el }) {
  const [extent, colours] = [model.get("extent"), model.get("colours")];
  const id = `explorer-${Math.random().toString(36).slice(2)}`; // a page may show it twice
  const latent = model.get("widths")[0];
  const point = () => model.get("point");
  const network = {}; // layers, encoder, codes, labels, middles: the current ones
  let told = {}; // the text about a point, besides its coordinates

  // The digit is drawn at once; the kernel, if there is one, is informed once per frame.
  let frame = 0;
  function move(place, text, line) {
    told = { place: String(place), text, line };
    if (told.place === String(point())) draw();
    else model.set("point", place);
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      model.save_changes();
    });
  }
  const inside = (value) => hundredths(clamp(value, -extent, extent));
  const steer = (place) => move(place.map(inside));

  const shared = { id, network, latent, extent, colours, point, move, steer };
  const where = (latent === 2 ? makePlane : makeSliders)(shared);
  const root = document.createElement("div");
  root.className = "explorer";
  root.innerHTML = `
    <div class="explorer-side">
      <canvas class="explorer-digit" width="${SIDE}" height="${SIDE}" role="img"
        aria-label="Digit decoded at the point" aria-describedby="${id}-caption"></canvas>
      <p class="explorer-caption" id="${id}-caption" aria-live="polite"></p>
      <p class="explorer-keys" id="${id}-keys">${where.help}</p>
    </div>`;
  const digit = root.querySelector("canvas");
  const caption = root.querySelector(".explorer-caption");
  root.prepend(where.node);

  function load() {
    network.layers = readLayers(model.get("widths"), model.get("weights"));
    network.encoder = readLayers(model.get("encoder_widths"), model.get("encoder"));
    network.codes = new Float32Array(copy(model.get("codes")));
    network.labels = new Uint8Array(copy(model.get("labels")));
    network.middles = centres(network.codes, network.labels);
    told = {};
    where.load();
    draw();
  }

  function draw() {
    const place = point();
    const { text = "", line = null } = told.place === String(place) ? told : {};
    const probabilities = decode(network.layers, place);
    drawDigit(digit, probabilities);
    where.draw(place, line);
    caption.textContent = text + describe(place, region(network.codes, network.labels, place));
    root.shown = { point: place, probabilities }; // for tests and for the curious
  }

  const heard = { "change:point": draw, "change:weights": load, "change:codes": load };
  for (const [event, listener] of Object.entries(heard)) model.on(event, listener);
  el.append(root);
  load();
  const bytes = new Uint8Array(copy(model.get("images")));
  const images = Array.from({ length: bytes.length / SIDE ** 2 }, (_, i) =>
    Float64Array.from(bytes.subarray(SIDE ** 2 * i, SIDE ** 2 * (i + 1)), (ink) => ink / 255));
  if (images.length > 0) {
    root.classList.add("explorer-grown");
    root.append(makePad(shared).node, makeWay({ ...shared, images, labels: network.labels }).node);
  }
  return () => {
    for (const [event, listener] of Object.entries(heard)) model.off(event, listener);
  };
}

export default { render };
