#!/usr/bin/env python3
"""The latency of the explorer, from a key or a pointer's move to the drawn canvas.

    python benchmarks/explorer_latency.py [--quick]

Opens the explorer (decoder 2 → 128 → 256 → 784, encoder in reverse, 10,000 codes) in JupyterLab in
Chromium, moves its point by keys and by pointer, draws on its pad, and prints milliseconds. A
drawing is centred, encoded and decoded at every move. A move ends when pixels of its canvases have
been read back, which makes the browser finish drawing them. Two times are measured, from

* the browser's time stamp of the event. For a pointer this includes the wait for the next frame,
  since Chromium delivers pointer moves once per frame, just before it paints;
* the arrival of the event at the page, which measures only the work of the explorer.
"""

import numpy as np
import report
from in_browser import PACKAGES, jupyter, run

MOVES = 100
CELL = """
from vae_helpers import data, evaluation, models, training
from vae_lessons.start_here.explorer import Explorer

digits = data.load_mnist()
model = models.VAE(latent=2, hidden=(256, 128), seed=0)
trainer = training.Trainer(model, digits.train_images, seed=0)
for _ in range(200):
    trainer.step()
codes = evaluation.posterior_means(model, digits.test_images)
Explorer(model, codes, digits.test_labels, digits.test_images[:10])
"""
# Listeners of the same element run in the order in which they were added, so the second listener
# here runs after the explorer has drawn. The first one, in the capture phase, runs before that.
LISTEN = """() => {
    const canvas = (name) => document.querySelector(`.explorer-${name}`);
    const point = ["plane", "digit"].map(canvas);
    const drawing = ["pad", "seen", "plane", "digit"].map(canvas);
    window.moves = {};
    for (const [name, kind, canvases] of [
        ["key", "keydown", point], ["pointer", "pointermove", point],
        ["drawing", "pointermove", drawing],
    ]) {
        let began;
        moves[name] = [];
        window.addEventListener(kind, () => { began = performance.now(); }, true);
        canvases[0].addEventListener(kind, (event) => {
            if (kind === "pointermove" && event.buttons === 0) return;
            for (const one of canvases) one.getContext("2d").getImageData(9, 9, 1, 1);
            const now = performance.now();
            moves[name].push([now - event.timeStamp, now - began]);
        });
    }
}"""
CLOSE_FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def move(page, moves):
    """Make `moves` key presses, pointer moves and pen moves, each in a separate frame."""
    page.locator(".explorer-plane").focus()
    for turn in range(moves):
        page.keyboard.press(["ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"][turn // 7 % 4])
        page.evaluate(CLOSE_FRAME)
    for place in (".explorer-plane", ".explorer-pad"):
        page.locator(place).scroll_into_view_if_needed()
        box = page.locator(place).bounding_box()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        for turn in np.linspace(0, 6 * np.pi, moves):
            x = box["x"] + box["width"] * (0.5 + 0.3 * np.cos(turn))
            y = box["y"] + box["height"] * (0.5 + 0.3 * np.sin(0.7 * turn))
            page.mouse.move(x, y)
            page.evaluate(CLOSE_FRAME)
        page.mouse.up()


def measure(moves):
    """{kind: [moves, 2]}: milliseconds since the event's time stamp, and since its handling."""
    with jupyter(latency=[CELL]) as (browser, server):
        lab = run(browser, server, "latency.ipynb")
        lab.settle()
        lab.page.evaluate(LISTEN)
        move(lab.page, moves)
        times = lab.page.evaluate("() => moves")
        lab.close()
    return {kind: np.array(pairs) for kind, pairs in times.items()}


def main():
    options = report.options(__doc__)
    with report.Section("explorer_latency.py", PACKAGES, options.quick) as section:
        rows = []
        for kind, times in measure(5 if options.quick else MOVES).items():
            figures = [f"{v:.2f}" for column in times.T for v in report.quantiles(column)]
            rows.append([kind, len(times), *figures])
        columns = [f"{what}, {part}" for part in ("to drawn", "work") for what in
                   ("median", "p95", "largest")]
        section.add(report.table(["ms", "moves", *columns], rows))


if __name__ == "__main__":
    main()
