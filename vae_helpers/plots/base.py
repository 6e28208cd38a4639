"""What all figures share: style, display, and their size in a stored notebook."""

import functools
import io
import threading

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

STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # else every title measures its axes again at each draw
    "figure.dpi": DPI,
    "font.size": 10,
    "legend.frameon": False,
}
_one_at_a_time = threading.RLock()  # the settings are the process's, and callbacks have threads


def styled(plot):
    """A function that makes a figure, with the style of the series while it does."""
    @functools.wraps(plot)
    def drawn(*arguments, **named):
        with _one_at_a_time, matplotlib.rc_context(STYLE):
            return plot(*arguments, **named)

    return drawn


def png(fig):
    """The figure as PNG bytes.

    A figure that moves in place (see `freeze_layout`) keeps its axes and labels, which take most
    of the time of a drawing. Over them come its titles, its legends, and `artists_of`, which are
    all that a redraw may change (besides limits, after which all is drawn anew).
    """
    canvas = fig.canvas if isinstance(fig.canvas, FigureCanvasAgg) else FigureCanvasAgg(fig)
    if hasattr(fig, "titles"):
        _draw_moving(fig, canvas)
    else:
        canvas.draw()
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.save(buffer, "png", compress_level=1)  # it goes no farther than the page
    return buffer.getvalue()


def _draw_moving(fig, canvas):
    legends = [axes.get_legend() for axes in fig.axes if axes.get_legend()]
    moving = sorted([*_artists(fig.artists_of), *fig.titles, *legends],
                    key=lambda artist: artist.get_zorder())
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
    """Lay the figure out once, before data arrive: a redraw then costs half as much.

    For a figure that is given back as `fig` to move its artists in place; it has all of them in
    `artists_of`.
    """
    fig.titles = [axes.set_title(axes.get_title("left"), loc="left") for axes in fig.axes]
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
