"""The QR code of a key URI as inline SVG: it holds the secret, so it is never an address that a cache could keep."""

import io

from markupsafe import Markup


def qr_picture(uri: str) -> Markup:
    """Return the picture; its colours come from the page's stylesheet."""
    import segno  # here: few requests need it

    buffer = io.BytesIO()
    # Dark on light in both schemes: many phones do not read an inverted code.
    picture = segno.make(uri, error="m", micro=False)
    picture.save(buffer, kind="svg", xmldecl=False, border=4, dark="#000", light="#fff", svgclass="qr", omitsize=True)
    return Markup(buffer.getvalue().decode())  # noqa: S704  segno's own markup; the address is in it as modules only
