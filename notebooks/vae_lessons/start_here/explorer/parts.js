// The explorer's other parts: sliders for other numbers of latents, the pad, the path from A to B.

const element = (html) => {
  const around = document.createElement("div");
  around.innerHTML = html;
  return around.firstElementChild;
};

/** The digit's pixels, ink dark on white. */
function drawDigit(canvas, pixels) {
  const picture = new ImageData(canvas.width, canvas.height);
  const { data } = picture;
  for (let i = 0, place = 0; i < pixels.length; i++) {
    const grey = 255 * (1 - pixels[i]);
    for (let colour = 0; colour < 3; colour++) data[place++] = grey;
    data[place++] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** Calls `start` when a pointer is pressed on the canvas, and `go` while it is dragged. */
function onDrag(canvas, start, go) {
  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    start(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) go(event);
  });
}

/** Keeps the keys that native inputs handle from JupyterLab, which would use them first. */
function keepKeys(node) {
  node.addEventListener("keydown", (event) => {
    const own = /^(Arrow\w+|Home|End|Page\w+|\d| )$/.test(event.key);
    if (own && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  });
}

/** One slider per dimension. */
function makeSliders({ id, network, latent, point, move, steer }) {
  const slider = (k) => `
    <label class="explorer-slider"><span>z<sub>${k + 1}</sub></span>
      <input type="range" min="-3" max="3" step="0.1" aria-label="z${k + 1}"
        aria-describedby="${id}-keys"><span aria-hidden="true"></span></label>`;
  const node = element(`
    <div class="explorer-sliders ${latent > 10 ? "explorer-many" : ""}" role="group"
      aria-label="Latent code">
      ${Array.from({ length: latent }, (_, k) => slider(k)).join("")}
      <button type="button">All to 0</button>
    </div>`);
  const inputs = [...node.querySelectorAll("input")];
  const readouts = [...node.querySelectorAll("[aria-hidden]")]; // for the eye: the sliders announce it

  keepKeys(node);
  node.addEventListener("keydown", ({ key }) => {
    if (network.middles[key]) steer(network.middles[key]);
  });
  node.addEventListener("input", ({ target }) => {
    const moved = inputs.indexOf(target);
    move(point().map((value, k) => (k === moved ? Number(target.value) : value)));
  });
  node.querySelector("button").addEventListener("click", () => move(point().map(() => 0)));

  return {
    node,
    load() {},
    draw(place) {
      place.forEach((value, k) => {
        inputs[k].value = value; // clipped to the slider's range; the number is exact
        inputs[k].setAttribute("aria-valuetext", twoPlaces(value));
        readouts[k].textContent = twoPlaces(value);
      });
    },
    help: `Move a slider, by the keys too: arrows, Page Up and Page Down (further), Home and End
        (all the way), 0–9 for a digit’s centre.`,
  };
}

/** The drawing pad. Its drawing is encoded again whenever the pen moves. */
function makePad({ id, network, point, move }) {
  const node = element(`
    <div class="explorer-part" role="group" aria-labelledby="${id}-draw">
      <p class="explorer-title" id="${id}-draw">Draw a digit</p>
      <div class="explorer-row">
        <canvas class="explorer-pad" width="${INK}" height="${INK}" tabindex="0"
          role="application" aria-label="Drawing pad" aria-describedby="${id}-pen-keys"></canvas>
        <div>
          <canvas class="explorer-seen" width="${SIDE}" height="${SIDE}" role="img"
            aria-label="Your digit as the encoder sees it"></canvas>
          <p class="explorer-keys">As the encoder sees it: 28 × 28, centred.</p>
          <button type="button">Clear</button>
        </div>
      </div>
      <p class="explorer-keys" id="${id}-pen-keys">Draw on the pad, or click it and use the keys:
        arrows move the pen (Shift: further), Space puts it down and lifts it, Delete clears.</p>
      <p class="explorer-keys explorer-pen" aria-live="polite"></p>
    </div>`);
  const [pad, seen] = node.querySelectorAll("canvas");
  const status = node.querySelector(".explorer-pen");
  const ink = new Uint8Array(INK * INK);
  const start = [INK / 2, INK / 2];
  let [pen, down] = [start, false];

  function draw() {
    drawDigit(pad, ink);
    const brush = pad.getContext("2d");
    if (!ink.includes(1)) {
      Object.assign(brush, { font: "20px sans-serif", textAlign: "center", fillStyle: "#666" });
      brush.fillText("Draw here", INK / 2, INK / 4);
    }
    if (pad !== document.activeElement) return;
    for (const [colour, width] of [["white", 6], ["#d55e00", down ? 4 : 2]]) {
      Object.assign(brush, { strokeStyle: colour, lineWidth: width });
      brush.beginPath();
      brush.arc(...pen, PEN, 0, 7);
      brush.stroke();
    }
  }

  /** Moves the pen to a position, drawing a stroke if the pen is down. */
  function take(place, inked = down) {
    const [from, to] = [pen, place.map((value) => clamp(value, 0, INK))];
    pen = to;
    if (inked) stroke(ink, from, to);
    draw();
    if (inked) land();
  }

  function land() {
    node.digit = toDigit(ink); // for tests
    drawDigit(seen, node.digit);
    move(encode(network.encoder, node.digit).mean, "Your drawing landed here. ");
  }

  function clear() {
    ink.fill(0);
    [pen, down] = [start, false];
    drawDigit(seen, new Float64Array(SIDE * SIDE));
    draw();
  }

  function wipe() {
    clear();
    move(point()); // removes the text about the drawing
  }

  function tell(news) {
    const [column, row] = pen.map((value) => Math.round((SIDE * value) / INK));
    const where = `${column} across and ${row} down of ${SIDE}`;
    status.textContent = `${news}Pen ${down ? "down" : "up"}, ${where}.`;
  }

  const at = ({ offsetX, offsetY }) =>
    [offsetX, offsetY].map((value) => (value * INK) / pad.clientWidth);
  onDrag(pad, (event) => {
    [pen, down] = [at(event), false];
    status.textContent = "";
    take(pen, true);
  }, (event) => take(at(event), true));

  pad.addEventListener("keydown", (event) => {
    const { key, shiftKey } = event;
    if (event.ctrlKey || event.metaKey) return;
    if (ARROWS[key]) {
      const step = shiftKey ? INK / 7 : INK / 28;
      take([pen[0] + step * ARROWS[key][0], pen[1] - step * ARROWS[key][1]]);
    } else if (key === " ") {
      down = !down;
      take(pen);
    } else if (key === "Delete" || key === "Backspace") {
      wipe();
    } else return;
    event.preventDefault();
    event.stopPropagation();
    tell(ink.includes(1) ? "" : "The pad is empty. ");
  });
  pad.addEventListener("focus", draw);
  pad.addEventListener("blur", draw);
  node.querySelector("button").addEventListener("click", () => {
    wipe();
    status.textContent = "The pad is empty.";
  });

  clear();
  return { node };
}

/** The straight line between the codes of two of the stored digits. */
function makeWay({ id, network, images, labels, move }) {
  const choice = (end, i) => `
    <label><input type="radio" name="${id}-${end}"
        aria-label="${labels[i]}, digit ${i + 1} of ${images.length}">
      <canvas width="${SIDE}" height="${SIDE}"></canvas></label>`;
  const row = (end) => `
    <div class="explorer-choices" role="radiogroup" aria-label="${end}"><b>${end}</b>
      <div>${images.map((_, i) => choice(end, i)).join("")}</div></div>`;
  const node = element(`
    <div class="explorer-part" role="group" aria-labelledby="${id}-way">
      <p class="explorer-title" id="${id}-way">Go from one digit to another</p>
      ${row("A")}${row("B")}
      <label class="explorer-slider"><b>A</b><input type="range" min="0" max="1" step="0.02"
        value="0" aria-label="t, from A to B"><b>B</b></label>
      <p class="explorer-keys"></p>
    </div>`);
  const t = node.querySelector("[type=range]");
  const radios = [...node.querySelectorAll("[type=radio]")];
  const chosen = [0, 1];

  function go() {
    const way = chosen.map((i) => encode(network.encoder, images[i]).mean);
    const far = Number(t.value);
    const point = way[0].map((value, k) => (1 - far) * value + far * way[1][k]);
    const text = `t = ${far.toFixed(2)}`;
    t.setAttribute("aria-valuetext", text);
    node.querySelector("p:last-child").textContent = text;
    move(point, `${text} from A to B. `, way);
  }

  radios.forEach((radio, place) => {
    const [end, i] = [Math.floor(place / images.length), place % images.length];
    drawDigit(radio.nextElementSibling, images[i]);
    radio.checked = i === chosen[end];
    radio.addEventListener("change", () => {
      chosen[end] = i;
      t.value = end; // shows the digit that has just been chosen
      go();
    });
  });
  t.addEventListener("input", go);
  keepKeys(node);
  return { node };
}
