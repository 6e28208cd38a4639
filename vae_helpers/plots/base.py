"""What all figures share: style, display, and their size in a stored notebook."""

import io

import matplotlib
import numpy as np
from IPython.display import display
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

DPI = 100
# Ten colours after Paul Tol's muted scheme; digits also carry numerals, never colour alone.
DIGIT_COLOURS = np.array([
    "#332288", "#CC6677", "#117733", "#88CCEE", "#AA4499",
    "#999933", "#44AA99", "#882255", "#DDAA33", "#777777",
])
TWO_LINES = " \n "  # keeps the room for a title that is written later
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito

matplotlib.rcParams.update({
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # else every title measures its axes again at each draw
    "figure.dpi": DPI,
    "font.size": 10,
    "legend.frameon": False,
})


def png(fig):
    """The figure as PNG bytes.

    Axes and labels take most of the time of a drawing and hardly ever move. So they are
    drawn once and kept; over them come the figure's titles, its legends, and `artists_of`,
    which are all that a redraw may change (besides limits, after which all is drawn anew).
    """
    canvas = fig.canvas if isinstance(fig.canvas, FigureCanvasAgg) else FigureCanvasAgg(fig)
    moving = sorted(_moving(fig), key=lambda artist: artist.get_zorder())
    limits = [(*axes.get_xlim(), *axes.get_ylim()) for axes in fig.axes]
    kept_limits, background = getattr(fig, "background", (None, None))
    if kept_limits == limits:
        canvas.restore_region(background)
    else:
        shown = [artist.get_visible() for artist in moving]
        for artist in moving:
            artist.set_visible(False)
        canvas.draw()
        fig.background = limits, canvas.copy_from_bbox(fig.bbox)
        for artist, visible in zip(moving, shown):
            artist.set_visible(visible)
    for artist in moving:
        artist.draw(canvas.get_renderer())
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.save(buffer, "png", compress_level=1)  # a slider's picture goes no farther than the page
    return buffer.getvalue()


def _moving(fig):
    """The artists that a redraw may change."""
    yield from _artists(fig.artists_of)
    for axes in fig.axes:
        yield axes._left_title  # matplotlib has no public way to ask for it
        if axes.get_legend():
            yield axes.get_legend()


def _artists(kept):
    """Every artist in nested dictionaries, lists and tuples, among them other things."""
    if isinstance(kept, Artist):
        yield kept
    elif isinstance(kept, (dict, list, tuple)):
        for part in kept.values() if isinstance(kept, dict) else kept:
            yield from _artists(part)


def small(picture):
    """The same picture in 256 colours: a third of the bytes, for stored notebooks."""
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def show(fig, alt):
    """Display a figure with its alternative text, which also stands in where no image can."""
    bundle = {"image/png": small(png(fig)), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


def with_picture(bundle, fig):
    """A widget's display bundle with a picture beside it, for pages without a kernel."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    return data | {"image/png": small(png(fig))}, metadata | {"image/png": {"alt": fig.caption}}


def freeze_layout(fig):
    """Lay the figure out once, before data arrive: a redraw then costs half as much."""
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
