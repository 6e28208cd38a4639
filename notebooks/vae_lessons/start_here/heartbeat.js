// Tells the kernel, every two seconds, that some page still shows this widget.
//
// The clock is a worker's: a page in the background may be given a timer once a minute only.

const CLOCK = "setInterval(() => postMessage(0), 2000)";

function render({ model, el }) {
  el.hidden = true;
  const address = URL.createObjectURL(new Blob([CLOCK], { type: "text/javascript" }));
  const clock = new Worker(address);
  const beat = () => model.send("here");
  clock.onmessage = beat;
  beat();
  return () => {
    clock.terminate();
    URL.revokeObjectURL(address);
  };
}

export default { render };
