// Accessible names for the sliders in the box that contains this empty widget.
//
// The label of an ipywidgets slider is not connected to its handle, and a screen reader announces a
// rounded value or the index of an option. This widget makes the label the accessible name, and the
// readout the announced value.

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
  const nameAll = () => box.querySelectorAll(".widget-slider").forEach(name);
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
