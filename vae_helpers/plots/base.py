"""The style of all figures, their display, and their compression in stored notebooks."""

import functools
import io
import re
import threading

import matplotlib
import numpy as np
from IPython.display import display
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image, ImageDraw, ImageFont, ImageOps

DPI = 100
# Ten colours after Paul Tol's muted scheme. Figures also label digits with numerals, so that
# nobody needs to tell colours apart.
DIGIT_COLOURS = np.array([
    "#332288", "#CC6677", "#117733", "#88CCEE", "#AA4499",
    "#999933", "#44AA99", "#882255", "#DDAA33", "#777777",
])
TWO_LINES = " \n "  # reserves the space of a title that is set later
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito

NOTE = "A still picture: its controls work in JupyterLab."
NOTE_HEIGHT = 24  # pixels below the picture

STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # automatic placement would slow down every redraw
    "figure.dpi": DPI,
    "font.size": 10,
    "legend.frameon": False,
}
_one_at_a_time = threading.RLock()  # rcParams are global, and callbacks run on threads


def styled(plot):
    """Decorator for functions that make a figure: they run with the style of the series."""
    @functools.wraps(plot)
    def drawn(*arguments, **named):
        with _one_at_a_time, matplotlib.rc_context(STYLE):
            return plot(*arguments, **named)

    return drawn


def png(fig):
    """The figure as PNG bytes.

    A figure that is updated in place (see `freeze_layout`) keeps a picture of its axes and labels,
    which take most of the drawing time. Only the titles, the legends and the artists in
    `artists_of` are drawn again. If the limits of an axis have changed, everything is drawn again.
    """
    canvas = fig.canvas if isinstance(fig.canvas, FigureCanvasAgg) else FigureCanvasAgg(fig)
    if hasattr(fig, "titles"):
        _draw_moving(fig, canvas)
    else:
        canvas.draw()
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.save(buffer, "png", compress_level=1)  # fast: the picture is not stored
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
    """Iterate over the artists in nested dictionaries, lists and tuples; skip other objects."""
    if isinstance(kept, Artist):
        yield kept
    elif isinstance(kept, (dict, list, tuple)):
        for part in kept.values() if isinstance(kept, dict) else kept:
            yield from _artists(part)


def small(picture):
    """The PNG bytes `picture` reduced to 256 colours, a third of the size, to be stored."""
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def show(fig, alt):
    """Display a figure; `alt` is its alternative text and, with marked numbers, its plain text."""
    plain = re.sub(r"\d[\d.,]*(?<=\d)", r"⟨\g<0>⟩", alt)  # nbval must not compare what is measured
    bundle = {"image/png": small(png(fig)), "text/plain": plain}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


def display_bundle(widget, fig, note=True):
    """What a live widget displays; with `fig` its picture, too, for pages without widgets.

    It is the same with ipywidgets 7. With `note` a line says where the controls work.
    """
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    data = {"text/plain": repr(widget), "application/vnd.jupyter.widget-view+json": view}
    if fig is None:
        return data, {}
    told = {"alt": fig.caption} | ({"note": NOTE_HEIGHT} if note else {})
    picture = _with_note(png(fig)) if note else png(fig)
    return data | {"image/png": small(picture)}, {"image/png": told}


def _with_note(picture):
    image, buffer = Image.open(io.BytesIO(picture)), io.BytesIO()
    noted = ImageOps.expand(image, (0, 0, 0, NOTE_HEIGHT), "white")  # left, top, right, bottom
    ImageDraw.Draw(noted).text((8, image.height + 4), NOTE, "#595959", ImageFont.load_default(12))
    noted.save(buffer, "png")
    return buffer.getvalue()


def freeze_layout(fig):
    """Fix the layout of `fig` before data arrive, which halves the time of a redraw.

    For figures that are updated in place, whose moving artists are all in `fig.artists_of`.
    """
    fig.titles = [axes.set_title(axes.get_title("left"), loc="left") for axes in fig.axes]
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
