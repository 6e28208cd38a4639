// Accessible names for the sliders and the picture of the box that this empty widget is put into.
//
// ipywidgets 8.1 pictures cannot be given alternative text, so it is given here; what a picture
// shows stands in the text below it, which follows the controls. A slider's label and its handle
// are drawn side by side and joined by nothing, and it announces a rounded value, or an option's
// index. This puts right what a screen reader hears: the label as the name, the readout as the
// value.

const ALT = "Figure: the text below says what it shows";

function name(slider) {
  const text = (part) => slider.querySelector(part)?.textContent.trim() ?? "";
  const handles = slider.querySelectorAll(".noUi-handle");
  handles.forEach((handle, i) => {
    const end = handles.length > 1 ? [", from", ", to"][i] : "";
    const wanted = {
      "aria-label": text(".widget-label") + end,
      "aria-valuetext": text(".widget-readout"),
    };
    for (const [key, value] of Object.entries(wanted)) {
      if (value && handle.getAttribute(key) !== value) handle.setAttribute(key, value);
    }
  });
}

function render({ el }) {
  el.hidden = true;
  let box;
  const nameAll = () => {
    box.querySelectorAll(".widget-slider").forEach(name);
    box.querySelectorAll("img.widget-image").forEach((picture) => (picture.alt = ALT));
  };
  const observer = new MutationObserver(nameAll);
  let frame = requestAnimationFrame(function start() {
    box = el.closest(".widget-box");
    if (!box) {
      frame = requestAnimationFrame(start); // not on the page yet
      return;
    }
    nameAll();
    const attributeFilter = ["aria-valuetext"];
    observer.observe(box, { subtree: true, childList: true, characterData: true, attributeFilter });
  });
  return () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
  };
}

export default { render };
