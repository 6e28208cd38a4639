"""A figure as commands that a page draws on a canvas, without a kernel.

`Recorder` is a matplotlib renderer that writes down what it is asked to draw, and `picture.js`
draws that. Commands are in tenths of a pixel, with y downwards.
"""

import json

import numpy as np
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_hex
from matplotlib.font_manager import findfont, get_font
from matplotlib.image import AxesImage
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

UNITS = 10  # in a pixel
SHADES = 31  # steps from black to white in a picture
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
ENDS = {"butt": "butt", "projecting": "square", "round": "round"}


def commands(fig):
    """The commands that draw `fig`, each a line of JSON.

    What looks the same in two figures is the same command in both, so many frames of a view take
    little more than what differs between them. Raises NotImplementedError for clipping by a curve,
    which no figure uses.
    """
    for picture in fig.findobj(AxesImage):
        picture.set_interpolation("none")  # recorded pixel by pixel; the page scales it
    recorder = Recorder(fig)
    fig.draw(recorder)
    return [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in recorder.found]


def outline(path, transform, **how):
    """A path as the text that SVG and canvas know, in whole numbers."""
    parts = []
    for numbers, code in path.iter_segments(transform, **how):
        text = " ".join(map(str, np.rint(numbers).astype(int).tolist()))
        parts.append("Z" if code == Path.CLOSEPOLY else LETTERS[code] + text)
    return "".join(parts)


class Recorder(RendererBase):
    """Appends a command to `found` for each thing that a figure draws."""

    def __init__(self, fig):
        super().__init__()
        self.found, self._known = [], set()
        self._size, self._dpi = (fig.bbox.width, fig.bbox.height), fig.dpi
        self._text = RendererAgg(*map(int, self._size), fig.dpi)  # its letters have the same widths
        self._page = Affine2D().scale(UNITS, -UNITS).translate(0, UNITS * self._size[1])
        self._collected = None

    def get_canvas_width_height(self):
        return self._size

    def points_to_pixels(self, points):
        return points * self._dpi / 72

    def get_text_width_height_descent(self, s, prop, ismath):
        return self._text.get_text_width_height_descent(s, prop, ismath)

    def option_scale_image(self):
        return True

    def draw_path(self, gc, path, transform, rgbFace=None):
        style = self._style(gc, gc.get_rgb(), rgbFace)
        if self._collected is not None:
            place = transform.transform((0, 0))
            shape = outline(path, transform + Affine2D().translate(*-place).scale(UNITS, -UNITS))
            self._collected.append((style | {"d": shape}, self._place(place)))
            return
        whole = (-9, -9, *np.add(self._size, 9)) if rgbFace is None else None
        snapped = path.cleaned(  # to whole pixels, as Agg does it
            transform, clip=whole, snap=gc.get_snap(), curves=True, sketch=gc.get_sketch_params(),
            stroke_width=self.points_to_pixels(gc.get_linewidth()))
        self.found.append(style | {"d": outline(snapped, self._page)})

    def draw_markers(self, gc, marker_path, marker_trans, path, trans, rgbFace=None):
        shape = outline(marker_path, marker_trans + Affine2D().scale(UNITS, -UNITS))
        places = [self._place(numbers[-2:]) for numbers, _ in path.iter_segments(trans)]
        self.found.append(
            self._style(gc, gc.get_rgb(), rgbFace) | {"d": shape, "at": sum(places, [])})

    def draw_path_collection(self, *arguments, **named):
        self._collected = []
        super().draw_path_collection(*arguments, **named)  # calls draw_path for each
        collected, self._collected = self._collected, None
        kinds, rows = [], []
        for kind, place in collected:
            if kind not in kinds:
                kinds.append(kind)
            rows += [kinds.index(kind), *place]
        if kinds:
            self.found.append({"kinds": kinds, "rows": rows})

    def draw_image(self, gc, x, y, im, transform=None):
        height, width = im.shape[:2]
        shades = np.rint(im / 255 * SHADES).reshape(-1, 4)  # [height * width, 4]
        colours, pixels = np.unique(shades, axis=0, return_inverse=True)
        place = Affine2D().scale(1 / width, 1 / height) + transform
        place = (place + Affine2D().translate(x, y) + self._page).get_matrix()
        self.found.append(self._style(gc) | {
            "palette": [to_hex(colour / SHADES, keep_alpha=True) for colour in colours],
            "pixels": "".join(chr(48 + pixel) for pixel in pixels.ravel()), "width": width,
            "matrix": np.round(place[:2].T, 2).ravel().tolist()})

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        if ismath:
            letters, glyphs, _ = text_to_path.get_glyphs_mathtext(prop, s)
        else:
            font = get_font(findfont(prop))
            font.set_size(text_to_path.FONT_SCALE, text_to_path.DPI)
            letters, glyphs, _ = text_to_path.get_glyphs_with_font(font, s)
        names = {glyph: str(glyph) for glyph in glyphs}
        for glyph, name in names.items():
            if name not in self._known:
                self._known.add(name)
                self.found.append({"glyph": name, "d": outline(Path(*glyphs[glyph]), None)})
        size = self.points_to_pixels(prop.get_size_in_points()) / text_to_path.FONT_SCALE
        # Agg's letters stand on whole pixels, which makes a line a little longer or shorter.
        width, wanted = (one.get_text_width_height_descent(s, prop, ismath)[0]
                         for one in (text_to_path, self._text))
        stretch = wanted / self.points_to_pixels(width) if width else 1
        letters = [[names[glyph], *np.round([left, up, scale], 2).tolist()]
                   for glyph, left, up, scale in letters]
        self.found.append(self._style(gc, None, gc.get_rgb()) | {
            "letters": letters, "at": [UNITS * round(float(v)) for v in (x, y)],
            "size": np.round([UNITS * size * stretch, UNITS * size], 3).tolist(), "angle": angle})

    def _place(self, point):
        """A point of the figure on the page."""
        return np.rint(self._page.transform(point)).astype(int).tolist()

    def _style(self, gc, line=None, face=None):
        """Colours, line and clipping of a command, without what is as a canvas has it anyway."""
        if gc.get_clip_path()[0]:
            raise NotImplementedError("a page clips by rectangles only")
        alpha, style = gc.get_alpha(), {}

        def colour(rgb):
            return to_hex((*rgb[:3], alpha if gc.get_forced_alpha() or len(rgb) == 3 else rgb[3]),
                          keep_alpha=True).removesuffix("ff")

        if face is not None:
            style["fill"] = colour(face)
        width = UNITS * self.points_to_pixels(gc.get_linewidth())
        if line is not None and width:
            offset, dashes = gc.get_dashes()
            dot = UNITS * self.points_to_pixels(1)
            style |= {"stroke": colour(line), "line": round(width), "cap": ENDS[gc.get_capstyle()],
                      "join": gc.get_joinstyle()}
            if dashes is not None:
                style |= {"dash": [round(dot * length, 3) for length in dashes],
                          "offset": round(dot * offset, 3)}
        if gc.get_hatch():
            tile = round(UNITS * self._dpi)
            style["hatch"] = {
                "d": outline(gc.get_hatch_path(), Affine2D().scale(tile)), "tile": tile,
                "stroke": colour(gc.get_hatch_color()),
                "line": round(UNITS * self.points_to_pixels(gc.get_hatch_linewidth()))}
        box = gc.get_clip_rectangle()
        if box is not None:
            corners = np.rint(self._page.transform(box.get_points()) / UNITS) * UNITS
            (left, low), (right, high) = corners.astype(int).tolist()
            style["clip"] = [left, high, right - left, low - high]
        return style
