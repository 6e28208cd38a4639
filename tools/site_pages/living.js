
// From here on: the views of this page, drawn from frames that tools/keep_frames.py wrote.

const VERSION = 1;
const arrived = new Map(); // {file: what to do with its text}
window.vaeFrames = (file, text) => arrived.get(file)(text);

/** The content of a file of frames: a script, since a page opened from a folder may fetch nothing. */
async function load(file) {
  const text = await new Promise((resolve, reject) => {
    arrived.set(file, resolve);
    const script = document.createElement("script");
    Object.assign(script, { src: `_static/frames/${file}.js`, onerror: reject });
    document.head.append(script);
  });
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const content = JSON.parse(await new Response(stream).text());
  if (content.version !== VERSION) throw new Error(`frames of version ${content.version}`);
  return content;
}

/** A slider with its label and value, or a group of buttons; [element, get, set], set by number. */
function makeControl({ label, kind, options, present }, name, changed) {
  if (kind === "slider") {
    const [row, input, shown] = ["label", "input", "output"].map((tag) => document.createElement(tag));
    Object.assign(input, { type: "range", min: 0, max: options.length - 1, step: 1, value: present });
    const tell = () => {
      shown.textContent = options[input.value];
      input.setAttribute("aria-valuetext", options[input.value]);
    };
    input.addEventListener("input", () => (tell(), changed()));
    row.append(Object.assign(document.createElement("span"), { textContent: label }), input, shown);
    tell();
    return [row, () => Number(input.value), (number) => ((input.value = number), tell())];
  }
  const group = document.createElement("fieldset");
  group.append(Object.assign(document.createElement("legend"), { textContent: label }));
  const buttons = options.map((option, number) => {
    const [row, input] = ["label", "input"].map((tag) => document.createElement(tag));
    Object.assign(input, { type: "radio", name: `${name}-${label}`, checked: number === present });
    input.addEventListener("change", changed);
    row.append(input, ` ${option}`);
    group.append(row);
    return input;
  });
  const get = () => buttons.findIndex((button) => button.checked);
  return [group, get, (number) => (buttons[number].checked = true)];
}

async function bringToLife(figure) {
  const { file, view } = JSON.parse(figure.querySelector("script").textContent);
  const content = await load(file);
  const { size, controls, commands, frames, captions } = content;
  const still = figure.querySelector("img");
  const caption = figure.querySelector("figcaption");
  const canvas = makeCanvas(size);
  const here = Object.assign(document.createElement("a"), { textContent: "Link to this position" });
  const show = () => {
    const numbers = made.map(([, get]) => get());
    const number = numbers.reduce((sum, one, i) => sum * controls[i].options.length + one, 0);
    const position = controls.map(({ label, options }, i) => [label, options[numbers[i]]]);
    here.href = `#${new URLSearchParams([["view", view], ...position])}`;
    caption.replaceChildren(captions[number] ?? "This position could not be drawn.", " ", here);
    canvas.show((frames[number] ?? []).map((command) => commands[command]));
  };
  const made = controls.map((control) => makeControl(control, view, show));
  const follow = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (wanted.get("view") !== view) return;
    controls.forEach(({ label, options }, i) => {
      const number = options.indexOf(wanted.get(label));
      if (number >= 0) made[i][2](number);
    });
    show();
  };
  const form = Object.assign(document.createElement("form"), { className: "controls" });
  form.append(...made.map(([element]) => element));
  figure.prepend(form);
  still.replaceWith(canvas);
  show();
  follow();
  addEventListener("hashchange", follow);
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    bringToLife(target).catch((error) => console.info(`A view stays still: ${error.message}`));
  }
}, { rootMargin: "1000px" });
for (const figure of document.querySelectorAll(".living")) near.observe(figure);

/** Show the view that the address names. */
function find() {
  const figure = document.getElementById(
    `view-${new URLSearchParams(location.hash.slice(1)).get("view")}`);
  if (!figure) return;
  for (let at = figure; at; at = at.parentElement) if (at.matches("details")) at.open = true;
  figure.scrollIntoView();
}
addEventListener("hashchange", find);
find();
