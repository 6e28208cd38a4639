// The picture of a view: frames that the page holds are drawn here, the others by the kernel.
//
// A frame is a list of commands as `frames.py` writes them, in tenths of a pixel.

const UNITS = 10;
const ALT = "Figure: the text below says what it shows";

/** The colours and the line that `paint` uses; parsing a colour takes as long as a small shape. */
function take(context, style) {
  if (style.fill) context.fillStyle = style.fill;
  if (!style.stroke) return;
  Object.assign(context, { strokeStyle: style.stroke, lineWidth: style.line });
  Object.assign(context, { lineCap: style.cap, lineJoin: style.join });
  context.setLineDash(style.dash ?? []);
  context.lineDashOffset = style.offset ?? 0;
}

/** Fill, hatch and outline a path. */
function paint(context, style, path) {
  if (style.fill) context.fill(path);
  if (style.hatch) hatch(context, style.hatch, path);
  if (style.stroke) context.stroke(path);
}

function hatch(context, { d, tile, stroke, line }, path) {
  const lines = new Path2D(d);
  context.save();
  context.clip(path);
  Object.assign(context, { strokeStyle: stroke, fillStyle: stroke, lineWidth: line });
  for (let x = 0; x < context.canvas.figure[0] * UNITS; x += tile) {
    for (let y = context.canvas.figure[1] * UNITS - tile; y > -tile; y -= tile) {
      context.save();
      context.translate(x, y);
      context.stroke(lines);
      context.fill(lines);
      context.restore();
    }
  }
  context.restore();
}

/** The pixels of a picture as a canvas of the same size. */
function pixels({ palette, pixels, width }) {
  const colours = palette.map((colour) => parseInt(colour.slice(1), 16));
  const data = new DataView(new ArrayBuffer(4 * pixels.length));
  for (let i = 0; i < pixels.length; i++) data.setUint32(4 * i, colours[pixels.charCodeAt(i) - 48]);
  const canvas = new OffscreenCanvas(width, pixels.length / width);
  const picture = new ImageData(new Uint8ClampedArray(data.buffer), width);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}

/** Draw one command; what it prepares is kept in the command. */
function obey(context, command, glyphs) {
  if (command.glyph) {
    if (!glyphs.has(command.glyph)) glyphs.set(command.glyph, new Path2D(command.d));
    return;
  }
  const { clip, at, kinds, rows, letters, matrix } = command;
  context.save();
  const box = clip ?? kinds?.[0].clip;
  if (box) {
    context.beginPath();
    context.rect(...box);
    context.clip();
  }
  if (matrix) {
    command.canvas ??= pixels(command);
    context.transform(...matrix);
    // As matplotlib: pixels stay squares where they are enlarged, and are averaged otherwise.
    const { a, b } = context.getTransform();
    context.imageSmoothingEnabled = Math.hypot(a, b) < 3;
    context.imageSmoothingQuality = "high";
    context.drawImage(command.canvas, 0, 0);
  } else if (letters) {
    context.fillStyle = command.fill;
    context.translate(...at);
    context.rotate((-command.angle * Math.PI) / 180);
    context.scale(command.size[0], -command.size[1]);
    for (const [glyph, left, up, scale] of letters) {
      context.save();
      context.translate(left, up);
      context.scale(scale, scale);
      context.fill(glyphs.get(glyph));
      context.restore();
    }
  } else if (kinds) {
    command.paths ??= kinds.map((kind) => new Path2D(kind.d));
    for (let i = 0; i < rows.length; i += 3) {
      const [kind, x, y] = [rows[i], rows[i + 1], rows[i + 2]];
      if (kind !== rows[i - 3]) take(context, kinds[kind]);
      context.translate(x, y);
      paint(context, kinds[kind], command.paths[kind]);
      context.translate(-x, -y);
    }
  } else {
    command.path ??= new Path2D(command.d);
    take(context, command);
    for (let i = 0; i < (at?.length ?? 2); i += 2) {
      const [x, y] = at ? [at[i], at[i + 1]] : [0, 0];
      context.translate(x, y);
      paint(context, command, command.path);
      context.translate(-x, -y);
    }
  }
  context.restore();
}

/** A canvas of a figure [width, height], which keeps its frame when its place is resized. */
function makeCanvas(figure) {
  const canvas = document.createElement("canvas");
  const glyphs = new Map();
  let frame = [];
  canvas.figure = figure;
  Object.assign(canvas.style, { display: "block", width: `${figure[0]}px`, maxWidth: "100%" });
  canvas.style.aspectRatio = figure.join(" / ");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", ALT);
  canvas.show = (commands) => {
    frame = commands;
    const wide = Math.round((canvas.clientWidth || figure[0]) * devicePixelRatio);
    const scale = wide / figure[0];
    if (canvas.width !== wide) {
      Object.assign(canvas, { width: wide, height: Math.round(figure[1] * scale) });
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale / UNITS, 0, 0, scale / UNITS, 0, 0);
    for (const command of frame) obey(context, command, glyphs);
  };
  new ResizeObserver(() => canvas.show(frame)).observe(canvas);
  return canvas;
}

/** Where a control stands among its options, as `place` in picture.py has it. */
function place(control) {
  const [index, min, step, base] = ["index", "min", "step", "base"].map((name) => control.get(name));
  if (index !== undefined) return index;
  const value = control.get("value");
  if (step == null) return value;
  return Math.round(((base ? Math.log(value) / Math.log(base) : value) - min) / step * 1000) / 1000;
}

/** The widget of `Picture` in picture.py. */
function widget() {
  let commands = [];
  let frames = new Map();

  function initialize({ model }) {
    model.on("msg:custom", (message) => {
      if (message.forget) {
        [commands, frames] = [[], new Map()];
        return;
      }
      const { at, caption, size } = message;
      commands.push(...message.new.map(JSON.parse));
      frames.set(at, { caption, size, commands: message.frame.map((i) => commands[i]) });
    });
    model.send({ loaded: true }); // frames that were sent to another page are sent again
  }

  async function render({ model, el }) {
    const image = Object.assign(document.createElement("img"), { alt: ALT });
    image.style.maxWidth = "100%";
    const caption = document.createElement("div");
    caption.className = "vae-caption";
    el.append(image, caption);
    const names = model.get("controls").map((name) => name.replace("IPY_MODEL_", ""));
    const controls = await Promise.all(names.map((id) => model.widget_manager.get_model(id)));
    const held = () => frames.get(JSON.stringify(controls.map(place)));
    let canvas = null;
    const drawHeld = () => {
      const frame = held();
      if (!frame) return;
      if (!canvas) image.after((canvas = makeCanvas(frame.size)));
      [image.hidden, canvas.hidden] = [true, false];
      canvas.show(frame.commands);
      caption.textContent = frame.caption;
    };
    // The answer to an earlier move may come when the page has drawn a later one.
    const drawn = () => canvas && !canvas.hidden && held();
    const tell = () => drawn() || (caption.textContent = model.get("caption"));
    const drawAnswer = () => {
      if (drawn()) return;
      URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(new Blob([model.get("png")]));
      tell();
      image.hidden = false;
      if (canvas) canvas.hidden = true;
    };
    for (const control of controls) control.on("change:value change:index", drawHeld);
    model.on("change:png", drawAnswer);
    model.on("change:caption", tell);
    drawAnswer();
    return () => {
      for (const control of controls) control.off("change:value change:index", drawHeld);
      URL.revokeObjectURL(image.src);
    };
  }
  return { initialize, render };
}

export default widget;
