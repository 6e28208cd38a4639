"""A page of the site in two windows, with all that is folded opened."""

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}


def unfold(page):
    """Open all that is folded, and load pictures that wait until they are near."""
    page.evaluate(
        """async () => {
            document.querySelectorAll("details").forEach((one) => (one.open = true));
            const pictures = [...document.images];
            pictures.forEach((picture) => (picture.loading = "eager"));
            await Promise.all(pictures.map((picture) => picture.decode()));
        }"""
    )


def overflow(page):
    """By how many pixels the page, or its column of text, scrolls sideways."""
    return page.evaluate(
        """() => ["html", ".content"].map((name) => document.querySelector(name))
            .reduce((sum, one) => sum + one.scrollWidth - one.clientWidth, 0)"""
    )
