"""One image brought to what a network takes: training, prediction and packages all prepare images by this."""

import io
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from netspace.errors import DataError

BACKGROUND = 255
"""What shows through transparent pixels unless something else is asked for: white, on the scale of 0 to 255."""

MOST_PIXELS = 89_478_485
"""Pixels that an image may have, as it is stored and when its shorter side is resized; Pillow warns above as many."""

FRAMES = "several frames, of which the first is used"
TRANSPARENT = "transparent pixels, which show the background"
"""What may be remarked of an image that was read."""

_SIXTEEN = {"I;16", "I;16L", "I;16B", "I;16N"}
_SIXTEEN_IN_32 = {"PNG", "PPM"}  # formats whose 16-bit images Pillow gives as mode I, on the scale of 0 to 65535
_ALPHA = {"LA", "PA", "RGBA", "RGBa"}
_GREY = {"1", "L"}
_COLOUR = {"P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"}
_WHY_NOT = {
    "I": "32-bit integers, whose range is not known",
    "F": "floating-point numbers, whose range is not known",
    "LAB": "Lab colours, which need a colour profile",
}

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation of Exif 2.32, tag 0x0112."""

_TIFF_BITS, _TIFF_PHOTOMETRIC = 258, 262  # tags of TIFF 6.0


class ReadImage(NamedTuple):
    """An image that was read.

    Attributes:
        image: upright, of mode L or RGB.
        remarks: `FRAMES` or `TRANSPARENT`, if they hold.
    """

    image: Image.Image
    remarks: tuple[str, ...]


def read_image(content: bytes, background: int = BACKGROUND) -> ReadImage:
    """Decode an encoded image: the first of its frames, turned as its Exif orientation says, 8 bits a channel.

    Args:
        content: the file's bytes.
        background: as for `eight_bit`.

    Raises:
        DataError: it cannot be decoded, has more than `MOST_PIXELS`, or is of a mode that `eight_bit` rejects. The
            message is the reason alone.
    """
    try:
        image = Image.open(io.BytesIO(content))
        _check_pixels(image.width * image.height)
        frames = _has_frames(image)
        image.load()
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
        flat = eight_bit(image, background)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{error}; at most {MOST_PIXELS:,} are read") from None
    except UnidentifiedImageError:
        raise DataError("empty" if not content else "not an image that Pillow can read") from None
    except (OSError, EOFError, SyntaxError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise DataError(str(error) or type(error).__name__) from None
    except ValueError as error:
        raise error if isinstance(error, DataError) else DataError(str(error)) from None
    remarks = (*([FRAMES] if frames else []), *([TRANSPARENT] if _is_transparent(image) else []))
    return ReadImage(flat if turn is None else flat.transpose(turn), remarks)


def eight_bit(image: Image.Image, background: int = BACKGROUND) -> Image.Image:
    """Return the image with 8 bits a channel, as mode L or RGB, its pixels scaled by the depth that they have.

    | mode of Pillow | read as |
    |---|---|
    | 1, L | grey |
    | I;16 (either byte order), I of PNG and PGM | grey, 0 .. 65535 (of a 12-bit TIFF 0 .. 4095) scaled to 0 .. 255 |
    | LA | grey, composited on the background |
    | P, RGB, RGBX, CMYK, YCbCr, HSV | colour |
    | PA, RGBA, RGBa, and what has a transparent colour or palette | as without alpha, composited on the background |
    | I of other formats, F, LAB, La | rejected |

    Args:
        image: decoded.
        background: the grey that shows through transparent pixels, 0 .. 255.

    Raises:
        DataError: the mode is one of those that are rejected.
    """
    mode = image.mode
    if mode in _SIXTEEN or (mode == "I" and image.format in _SIXTEEN_IN_32):
        return _scaled(image, background)
    if mode in _ALPHA or (mode in _GREY | _COLOUR and "transparency" in image.info):
        plain = Image.new("RGBA", image.size, (background, background, background, 255))
        return Image.alpha_composite(plain, image.convert("RGBA")).convert("L" if mode in {"LA", *_GREY} else "RGB")
    if mode in _GREY:
        return image.convert("L")
    if mode in _COLOUR:
        return image.convert("RGB")
    raise DataError(
        f"pixels of mode {mode} are {_WHY_NOT.get(mode, 'not read')}; valid: 8 or 16 bits of grey, 8 of colour"
    )


def prepared(image: Image.Image, resolution: int, channels: int, background: int = BACKGROUND) -> NDArray[np.uint8]:
    """Return the pixels of an image, uint8 (resolution, resolution, channels).

    Args:
        image: decoded, of any mode and size.
        resolution: height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        background: as for `eight_bit`.

    Raises:
        DataError: the image is of a mode that `eight_bit` rejects, or too long for its width.
    """
    pixels = fit(eight_bit(image, background).convert("L" if channels == 1 else "RGB"), resolution)
    return pixels.reshape(resolution, resolution, channels)


def fit(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Return the image size x size: its shorter side resized (bicubic), the centre cropped.

    Raises:
        DataError: resized, it would have more than `MOST_PIXELS`.
    """
    if image.size != (size, size):
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        _check_pixels(width * height, f" once its shorter side is resized to {size}")
        left, top = (width - size) // 2, (height - size) // 2
        image = image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + size, top + size))
    return np.asarray(image, dtype=np.uint8)


def _scaled(image: Image.Image, background: int) -> Image.Image:
    """Return grey of more than 8 bits as 8 bits, rounded."""
    tags = getattr(image, "tag_v2", {})
    top = 2 ** int(tags.get(_TIFF_BITS, (16,))[0]) - 1
    values = np.minimum(np.asarray(image).astype(np.uint32), top)
    grey = (values * 255 + top // 2) // top
    if tags.get(_TIFF_PHOTOMETRIC) == 0:  # white is 0
        grey = 255 - grey
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = background
    return Image.fromarray(grey.astype(np.uint8))


def _is_transparent(image: Image.Image) -> bool:
    if image.mode in _SIXTEEN:
        return "transparency" in image.info
    if image.mode not in _ALPHA and "transparency" not in image.info:
        return False
    lowest = image.convert("RGBA").getchannel("A").getextrema()[0]
    return isinstance(lowest, (int, float)) and lowest < 255


def _has_frames(image: Image.Image) -> bool:
    # what follows a sound first frame may be broken
    with suppress(OSError, EOFError, SyntaxError, ValueError, LookupError):
        return bool(getattr(image, "is_animated", False))
    return False


def _check_pixels(pixels: int, when: str = "") -> None:
    if pixels > MOST_PIXELS:
        raise DataError(f"it has {pixels:,} pixels{when}; at most {MOST_PIXELS:,} are read")
