"""Small raw files in the very formats of the real ones, made from a seed."""

import hashlib
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from astropy.io import fits

WHEEL = "sdss_mangadap-4.5.0-py3-none-any.whl"
LIBRARY = "mangadap/data/spectral_templates/miles"
PARAMETERS = f"{LIBRARY}/paramsMILES_v9.1.txt"
INDICES = "mangadap/data/absorption_indices/extindx.par"

WAVELENGTHS = 3540.5 + 0.9 * np.arange(4300)

LINES = {
    "CN1": (4142.125, 4177.125),
    "CN2": (4142.125, 4177.125),
    "Ca4227": (4222.250, 4234.750),
    "G4300": (4281.375, 4316.375),
    "Fe4383": (4369.125, 4420.375),
    "Ca4455": (4452.125, 4474.625),
    "Fe4531": (4514.250, 4559.250),
    "C24668": (4634.000, 4720.250),
    "Hb": (4847.875, 4876.625),
    "Fe5015": (4977.750, 5054.000),
    "Mg1": (5069.125, 5134.125),
    "Mg2": (5154.125, 5196.625),
    "Mgb": (5160.125, 5192.625),
    "Fe5270": (5245.650, 5285.650),
    "Fe5335": (5312.125, 5352.125),
    "Fe5406": (5387.500, 5415.000),
    "Fe5709": (5696.625, 5720.375),
    "Fe5782": (5776.625, 5796.625),
    "NaD": (5876.875, 5909.375),
    "TiO1": (5936.625, 5994.125),
    "TiO2": (6189.625, 6272.125),
    "HDeltaA": (4083.500, 4122.250),
    "HGammaA": (4319.750, 4363.500),
    "HDeltaF": (4091.000, 4112.250),
    "HGammaF": (4331.250, 4352.250),
    "CaHK": (3899.5, 4003.5),
}
"""Central bands in Å by index, in the order of the file (numbers 1–26)."""

METAL_LINES = ("CaHK", "Mgb", "Fe5015")
"""The bands whose depth follows [Fe/H] in the spectra made here."""

# Segments of a digital clock: top, upper left, upper right, middle, and so on down.
_SEGMENTS = {
    "t": (slice(4, 7), slice(8, 20)),
    "ul": (slice(4, 15), slice(8, 11)),
    "ur": (slice(4, 15), slice(17, 20)),
    "m": (slice(13, 16), slice(8, 20)),
    "ll": (slice(13, 24), slice(8, 11)),
    "lr": (slice(13, 24), slice(17, 20)),
    "b": (slice(21, 24), slice(8, 20)),
}
_CLOCK = {
    2: "t ur m ll b",
    3: "t ur m lr b",
    4: "ul ur m lr",
    5: "t ul m lr b",
    6: "t ul m ll lr b",
    7: "t ur lr",
    8: "t ul ur m ll lr b",
    9: "t ul ur m lr b",
}


def write_mnist(
    folder: Path, *, train: int = 40, test: int = 10, seed: int = 0
) -> dict[str, str]:
    """Write the four IDX files of MNIST and return the sha256 of each by its name.

    There are `train` and `test` images of every digit, in random order: zero is a ring,
    one a vertical bar, the others as on a digital clock, all with noise and shifted by
    up to one pixel. torchvision looks for them in ``root/MNIST/raw``.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    digests = {}
    for part, count in (("train", train), ("t10k", test)):
        labels = rng.permutation(np.repeat(np.arange(10), count)).astype(np.uint8)
        images = np.stack([_image(label, rng) for label in labels])
        for name, magic, array in (
            (f"{part}-images-idx3-ubyte", 0x803, images),
            (f"{part}-labels-idx1-ubyte", 0x801, labels),
        ):
            header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
            digests[name] = _write(folder / name, header + array.tobytes())
    return digests


def _image(digit: int, rng: np.random.Generator) -> np.ndarray:
    image = np.zeros((28, 28))
    if digit == 0:
        rows, columns = np.mgrid[:28, :28] - 13.5
        image[np.abs(np.hypot(rows, columns) - 8) < 1.5] = 220
    elif digit == 1:
        image[5:23, 13:16] = 220
    else:
        for segment in _CLOCK[int(digit)].split():
            image[_SEGMENTS[segment]] = 220
    image = np.roll(image, rng.integers(-1, 2, size=2), axis=(0, 1))
    image[2:26, 2:26] += rng.normal(0, 20, size=(24, 24))
    return image.clip(0, 255).astype(np.uint8)


def write_miles(
    folder: Path,
    *,
    stars: int = 60,
    seed: int = 0,
    short_spectrum: int | None = None,
    shifted_spectrum: int | None = None,
    damaged_spectrum: int | None = None,
    infinite_spectrum: int | None = None,
    missing_spectrum: int | None = None,
    metallicity_text: tuple[int, str] | None = None,
) -> dict[str, str]:
    """Write a wheel like that of ``sdss-mangadap`` and return its sha256 by its name.

    It holds `stars` spectra with a metallicity, numbered 1, 2, … and, in place of the
    last, 221, whose number is misprinted as ``022.``. Three more have no metallicity
    (``--``), and number 970, under ``omit/``, ends in zeros. The bands `METAL_LINES`
    are the deeper, the higher [Fe/H] is.

    Faults are injected by the number of the star: a spectrum of 4,299 samples, one that
    starts a step late, one cut off in its middle, one with an infinite flux, one that
    is missing, and any text in place of a metallicity.
    """
    rng = np.random.default_rng(seed)
    numbers = [*range(1, stars), 221, *range(301, 304), 970]
    metallicity = rng.uniform(-2.5, 0.5, size=len(numbers)).round(2)
    texts = {n: f"{value:.2f}" for n, value in zip(numbers, metallicity, strict=True)}
    texts |= {301: "--", 302: "--", 303: "--"}
    if metallicity_text is not None:
        texts |= [metallicity_text]
    members = {PARAMETERS: _parameters(texts).encode(), INDICES: _indices().encode()}
    for number, value in zip(numbers, metallicity, strict=True):
        flux = _flux(value, rng)
        if number == 970:
            flux[-270:] = 0
        if number == short_spectrum:
            flux = flux[:-1]
        if number == infinite_spectrum:
            flux[100] = np.inf
        content = _fits(flux, 3541.4 if number == shifted_spectrum else 3540.5)
        if number == damaged_spectrum:
            content = content[: len(content) // 2]
        place = "omit/" if number == 970 else ""
        if number != missing_spectrum:
            name = f"{LIBRARY}/{place}MILES_res2.50_star_m{number:04}V.fits"
            members[name] = content
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            # Without a date of its own, so that equal seeds give equal bytes.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    folder.mkdir(parents=True, exist_ok=True)
    return {WHEEL: _write(folder / WHEEL, packed.getvalue())}


def _flux(metallicity: float, rng: np.random.Generator) -> np.ndarray:
    flux = 1 + 0.1 * rng.uniform(-1, 1) * (WAVELENGTHS - 5500) / 2000
    flux += rng.normal(0, 0.005, size=flux.size)
    for line in METAL_LINES:
        left, right = LINES[line]
        distance = (WAVELENGTHS - (left + right) / 2) / (right - left)
        flux -= 0.2 * (metallicity + 3) / 3.5 * np.exp(-8 * distance**2)
    return flux


def _fits(flux: np.ndarray, start: float) -> bytes:
    hdu = fits.PrimaryHDU(flux)
    hdu.header["CRPIX1"] = 1
    hdu.header["CRVAL1"] = start
    hdu.header["CDELT1"] = 0.9
    packed = io.BytesIO()
    hdu.writeto(packed)
    return packed.getvalue()


def _parameters(texts: dict[int, str]) -> str:
    rows = [
        "Name                  MILES   CaT   SpT            Teff   log g   [Fe/H]",
        "                      s????",
        " -" * 40,
    ]
    # The real table is not in the order of the numbers either.
    for number, text in sorted(texts.items(), key=lambda row: row[0] * 7 % 13):
        name = "NGC 6791, st. 12" if number % 2 else f"HD{number:06}"
        printed = "022." if number == 221 else f"{number:04}"
        rows.append(
            f"{name:<23}{printed:<6}{'':7}{'G1V, var':<13}"
            f"{5650:>7}{4.4:>7.2f}{text:>9}   111"
        )
    return "\n".join(rows) + "\n"


def _indices() -> str:
    sides = "{ 4080.125  4117.625 }  { 4244.125  4284.125 }"
    rows = [
        "# Indices of absorption lines",
        "typedef struct {",
        "    int index;",
        "    char name[9];",
        "    double primary[2];",
        "} DAPABI;",
        "",
    ]
    for number, (name, (left, right)) in enumerate(LINES.items(), 1):
        band = f"{{ {left:<8}  {right:<8} }}"
        rows.append(f"DAPABI {number:>2}  {name:<9}  {band}  {sides}  air  ang  0")
    band = "{ 8484.0    8513.0   }"
    rows.append(f"DAPABI 27  CaII1      {band}  {sides}  air  ang  1")
    return "\n".join(rows) + "\n"


def _write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()
