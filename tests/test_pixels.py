"""What images of each mode mean in 8 bits, against NumPy's arithmetic on the values that were written."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netspace.errors import DataError
from netspace.pixels import FRAMES, MOST_PIXELS, TRANSPARENT, eight_bit, fit, prepared, read_image

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (6, 5)).astype(np.uint16)
COLOUR = RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(values: np.ndarray, bits: int, *, order: str = "<", white_is_zero: bool = False) -> bytes:
    """A grey TIFF of one strip, written by hand: 12 bits packed most significant first, or 16."""
    height, width = values.shape
    if bits == 12:
        rows = ["".join(f"{value:012b}" for value in row) for row in values.tolist()]
        padded = [row + "0" * (-len(row) % 8) for row in rows]
        strip = b"".join(int(row, 2).to_bytes(len(row) // 8, "big") for row in padded)
    else:
        strip = values.astype(f"{order}u2").tobytes()
    photometric = 0 if white_is_zero else 1
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (277, 1), (278, height)]
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags += [(273, start), (279, len(strip))]
    tags.sort()
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, 4, 1) + struct.pack(f"{order}I", value)
        if tag in (273, 279)
        else struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
        for tag, value in tags
    )
    return header + struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0) + strip


@pytest.mark.parametrize(
    "content",
    [
        encoded(Image.fromarray(DEEP), "PNG"),
        encoded(Image.fromarray(DEEP), "TIFF"),
        encoded(Image.fromarray(DEEP), "PPM"),
        tiff(DEEP, 16),
        tiff(DEEP, 16, order=">"),
    ],
    ids=["png", "tiff", "pgm", "little-endian", "big-endian"],
)
def test_sixteen_bits_are_scaled_whatever_their_byte_order(content):
    found = read_image(content).image
    assert found.mode == "L"
    assert np.array_equal(np.asarray(found), np.floor(DEEP / 65535 * 255 + 0.5))


def test_twelve_bits_are_scaled_by_their_own_depth():
    values = (DEEP >> 4).astype(np.uint16)
    found = np.asarray(read_image(tiff(values, 12)).image)
    assert np.array_equal(found, np.floor(values / 4095 * 255 + 0.5))


def test_white_may_be_zero():
    found = np.asarray(read_image(tiff(DEEP, 16, white_is_zero=True)).image)
    assert np.array_equal(found, 255 - np.floor(DEEP / 65535 * 255 + 0.5))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        *(("1", "L"), ("L", "L"), ("LA", "L"), ("P", "RGB"), ("PA", "RGB"), ("RGB", "RGB"), ("RGBA", "RGB")),
        *(("RGBa", "RGB"), ("RGBX", "RGB"), ("CMYK", "RGB"), ("YCbCr", "RGB"), ("HSV", "RGB")),
        *(("I;16", "L"), ("I;16L", "L"), ("I;16B", "L"), ("I;16N", "L")),
    ],
)
def test_every_mode_becomes_grey_or_colour_of_8_bits(mode, expected):
    assert eight_bit(Image.new(mode, (3, 2))).mode == expected


@pytest.mark.parametrize("mode", ["I", "F", "LAB", "La"])
def test_modes_without_a_known_range_are_refused_by_name(mode):
    with pytest.raises(DataError, match=f"pixels of mode {mode} are "):
        eight_bit(Image.new(mode, (3, 2)))


def test_32_bit_integers_of_a_file_are_refused_too():
    with pytest.raises(DataError, match="mode I are 32-bit integers, whose range is not known"):
        read_image(encoded(Image.fromarray(DEEP.astype(np.int32) * 1000), "TIFF"))


@pytest.mark.parametrize("background", [0, 128, 255])
def test_transparent_pixels_show_the_background(background):
    alpha = RNG.integers(0, 256, (6, 5, 1), dtype=np.uint8)
    found = read_image(encoded(Image.fromarray(np.dstack([COLOUR, alpha]), "RGBA"), "PNG"), background)
    blended = (COLOUR * (alpha / 255) + background * (1 - alpha / 255)).round()
    assert np.abs(np.asarray(found.image).astype(int) - blended).max() <= 1
    assert found.remarks == (TRANSPARENT,)


def test_a_transparent_palette_entry_grey_or_colour_shows_the_background():
    palette = Image.fromarray(COLOUR).quantize(4)
    clear = int(np.asarray(palette)[0, 0])
    grey = Image.fromarray(np.full((6, 5), 7, np.uint8))
    for image, options in ((palette, {"transparency": clear}), (grey, {"transparency": 7})):
        found = read_image(encoded(image, "PNG", **options))
        assert found.remarks == (TRANSPARENT,)
        assert np.asarray(found.image)[0, 0].min() == 255
    assert read_image(encoded(grey.convert("LA"), "PNG")).remarks == ()


def test_opaque_images_keep_every_bit():
    opaque = np.dstack([COLOUR, np.full((6, 5, 1), 255, np.uint8)])
    assert np.array_equal(prepared(Image.fromarray(opaque, "RGBA"), 5, 3), prepared(Image.fromarray(COLOUR), 5, 3))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_images_are_turned_as_their_exif_data_say(orientation, kind):
    upright = Image.fromarray(COLOUR)
    # how a camera held so would have stored it: Exif 2.32, "Orientation"
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.rotate(180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.rotate(90, expand=True).transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        6: upright.rotate(90, expand=True),
        7: upright.rotate(-90, expand=True).transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        8: upright.rotate(-90, expand=True),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(np.asarray(read_image(encoded(stored, kind, exif=exif, **options)).image), COLOUR)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG"])
def test_of_several_frames_the_first_is_taken_and_that_is_remarked(kind):
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    found = read_image(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert found.remarks == (FRAMES,)
    assert np.asarray(found.image.convert("L")).max() == 10


def test_images_of_hostile_size_are_refused_before_they_are_decoded():
    # a PNG of 60,000 x 60,000 pixels, of which nothing but the header is there: decoding would say that it is truncated
    whole = encoded(Image.new("1", (8, 8)), "PNG")
    header = struct.pack(">II", 60_000, 60_000) + whole[24:29]
    content = whole[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + whole[33:]
    with pytest.raises(DataError, match=f"at most {MOST_PIXELS:,} are read"):
        read_image(content)


def test_an_image_that_would_become_huge_when_its_shorter_side_is_resized_is_refused():
    with pytest.raises(
        DataError, match=f"{8929 * 224 * 224:,} pixels once its shorter side is resized to 224; at most"
    ):
        fit(Image.new("L", (8929, 1)), 224)


@pytest.mark.parametrize("content", [b"", b"no image", encoded(Image.fromarray(COLOUR), "PNG")[:60]], ids=len)
def test_what_cannot_be_read_is_refused_in_a_line(content):
    with pytest.raises(DataError) as caught:
        read_image(content)
    assert "\n" not in str(caught.value)
    assert Path(__file__).name not in str(caught.value)
