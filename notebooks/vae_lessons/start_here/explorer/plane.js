// The latent plane: drawing it, and moving its point by pointer and keys.

const SIZE = 440; // width and height of the plane's canvas in CSS pixels, unless shrunk
const [LEFT, TOP, SPAN] = [46, 12, 382]; // position and size of the plane on the canvas
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// Conversion between coordinates of the plane and of its canvas.
const toX = (z1, extent) => LEFT + ((z1 + extent) / (2 * extent)) * SPAN;
const toY = (z2, extent) => TOP + ((extent - z2) / (2 * extent)) * SPAN;
const toPlane = (x, y, extent) => [
  ((x - LEFT) / SPAN) * 2 * extent - extent,
  extent - ((y - TOP) / SPAN) * 2 * extent,
];

/** Moves positions apart that are nearer than `gap`, so that numerals do not overlap. */
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

/** The static parts, drawn once: codes, numerals and axes. */
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

  // Some colours are too pale for text, so each is the frame of a dark numeral on white.
  const inside = (place, start) => clamp(place, start, start + SPAN);
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

/** The line between two codes, with the letters A and B at its ends. */
function drawLine(pen, [a, b]) {
  const way = new Path2D(`M${a} L${b}`);
  for (const [colour, width] of [["white", 5], ["#0072b2", 2.5]]) {
    Object.assign(pen, { strokeStyle: colour, lineWidth: width });
    pen.stroke(way);
  }
  Object.assign(pen, { font: "bold 13px sans-serif", textAlign: "center", textBaseline: "middle" });
  [[a, "A"], [b, "B"]].forEach(([[x, y], letter]) => {
    pen.fillStyle = "#0072b2";
    pen.fillRect(x - 9, y - 9, 18, 18);
    pen.fillStyle = "white";
    pen.fillText(letter, x, y + 1);
  });
}

/**
 * Draws the backdrop with cross-hairs through the point, and a ring large enough for a numeral.
 * A point outside the plane is drawn at its edge. line: the codes of A and B, or null.
 */
function drawPlane(canvas, backdrop, point, line, extent) {
  const pen = canvas.getContext("2d");
  const place = ([z1, z2]) => [
    toX(clamp(z1, -extent, extent), extent), toY(clamp(z2, -extent, extent), extent),
  ];
  const [x, y] = place(point);
  const cross = new Path2D(`M${LEFT} ${y}h${SPAN} M${x} ${TOP}v${SPAN}`);
  const ring = new Path2D();
  ring.arc(x, y, 13, 0, 7);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(backdrop, 0, 0);
  pen.scale(canvas.width / SIZE, canvas.height / SIZE);
  if (line) drawLine(pen, line.map(place));
  for (const [path, colour, width] of [
    [cross, "rgb(0 0 0 / 60%)", 1], [ring, "white", 6], [ring, "black", 2.5],
  ]) {
    Object.assign(pen, { strokeStyle: colour, lineWidth: width });
    pen.stroke(path);
  }
}

/** The plane as a part of the explorer. It calls `steer` to move the point. */
function makePlane({ id, network, extent, colours, steer, point }) {
  const node = element(`
    <canvas class="explorer-plane" tabindex="0" role="application" aria-label="Latent plane"
      aria-describedby="${id}-caption ${id}-keys"></canvas>`);
  let backdrop;

  function drag(event) {
    const shrunk = SIZE / node.clientWidth;
    steer(toPlane(event.offsetX * shrunk, event.offsetY * shrunk, extent));
  }
  onDrag(node, drag, drag);

  function target({ key, shiftKey, altKey }) {
    const step = shiftKey ? 0.5 : altKey ? 0.01 : 0.1;
    if (ARROWS[key]) return point().map((value, k) => value + step * ARROWS[key][k]);
    if (key === "Home") return [0, 0];
    return network.middles[key] ?? null;
  }
  node.addEventListener("keydown", (event) => {
    const wanted = event.ctrlKey || event.metaKey ? null : target(event);
    if (wanted === null) return;
    event.preventDefault(); // keeps the page from scrolling
    event.stopPropagation(); // keeps JupyterLab from using the arrow keys
    steer(wanted);
  });

  return {
    node,
    load() {
      backdrop = null;
    },
    draw(place, line) {
      const pixels = Math.round(SIZE * window.devicePixelRatio);
      if (!backdrop || node.width !== pixels) {
        backdrop = drawBackdrop({ ...network, colours, extent }, pixels / SIZE);
        node.width = node.height = pixels;
      }
      drawPlane(node, backdrop, place, line, extent);
    },
    help: `Drag the point, or click the plane and use the
        keys: arrows (Shift: further, Alt: finer), Home for the middle, 0–9 for a digit’s
        centre.`,
  };
}
