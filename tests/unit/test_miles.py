"""The stars, read back from a small wheel of known content."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split

from spectral_relevance.data import Dataset
from spectral_relevance.errors import UserError
from spectral_relevance.replication.datasets.miles import line_bands, miles
from tiny_data import LIBRARY, LINES, METAL_LINES, PARAMETERS, WHEEL, write_miles

STARS = 30


def _read(folder: Path, files: dict[str, str], **changed) -> Dataset:
    settings = {
        "first_wavelength": 3545.0,
        "last_wavelength": 7402.4,
        "test_fraction": 0.2,
        "seed": 42,
    }
    return miles(wheel=folder / WHEEL, sha256=files[WHEEL], **(settings | changed))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("miles")
    return folder, write_miles(folder, stars=STARS, seed=1)


def test_shapes_window_and_normalisation(tiny):
    data = _read(*tiny)
    assert data.x_train.shape == (24, 4287) and data.x_test.shape == (6, 4287)
    assert data.x_train.dtype == data.y_train.dtype == np.float32
    assert data.features[0] == "3545.0" and data.features[-1] == "7402.4"
    assert len(set(data.features)) == 4287
    x, y = np.vstack([data.x_train, data.x_test]), np.r_[data.y_train, data.y_test]
    assert (x.max(axis=1) == 1).all()
    assert np.abs(y).max() == 1
    assert np.isnan(data.truth).all() and not data.is_classification


def _stars(folder: Path) -> list[tuple[bytes, float]]:
    """Spectra and metallicities by number: the text split at its words, not columns."""
    stars = {}
    with zipfile.ZipFile(folder / WHEEL) as archive:
        for line in archive.read(PARAMETERS).decode().splitlines()[3:]:
            number = line[23:].split()[0].replace("022.", "0221")
            text = line.split()[-2]
            if text == "--" or number == "0970":
                continue
            member = f"{LIBRARY}/MILES_res2.50_star_m{number}V.fits"
            flux = fits.getdata(io.BytesIO(archive.read(member)))[5:4292]
            spectrum = (flux / flux.max()).astype(np.float32)
            stars[number] = (spectrum.tobytes(), float(text))
    return [star for _, star in sorted(stars.items())]


def test_every_spectrum_is_joined_with_its_own_metallicity(tiny):
    expected = dict(_stars(tiny[0]))
    assert len(expected) == STARS
    data = _read(*tiny)
    assert data.target_scale == max(map(abs, expected.values()))
    spectra = np.vstack([data.x_train, data.x_test])
    values = np.r_[data.y_train, data.y_test] * data.target_scale
    found = {x.tobytes(): y for x, y in zip(spectra, values, strict=True)}
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_split_is_of_the_stars_in_the_order_of_their_numbers(tiny):
    _, expected = train_test_split(_stars(tiny[0]), test_size=0.2, random_state=42)
    assert [x.tobytes() for x in _read(*tiny).x_test] == [x for x, _ in expected]


def test_metallicity_can_be_learnt_from_the_metal_lines(tiny):
    # What the tests of the workflow build on.
    data = _read(*tiny)
    wavelengths = data.features.astype(float)
    inside = np.zeros(wavelengths.size, dtype=bool)
    for line in METAL_LINES:
        left, right = LINES[line]
        inside |= (wavelengths >= left) & (wavelengths <= right)
    model = RidgeCV().fit(data.x_train[:, inside], data.y_train)
    assert model.score(data.x_test[:, inside], data.y_test) > 0.9


def test_the_split_follows_the_seed(tiny):
    first, again, other = _read(*tiny), _read(*tiny), _read(*tiny, seed=43)
    np.testing.assert_array_equal(first.x_test, again.x_test)
    assert not np.array_equal(first.y_test, other.y_test)


def test_a_narrower_window(tiny):
    data = _read(*tiny, first_wavelength=3899.6, last_wavelength=3900.5)
    assert data.features.tolist() == ["3899.6", "3900.5"]


@pytest.mark.parametrize(
    ("first", "last"), [(3500.0, 7402.4), (3545.0, 7500.0), (5000.0, 4000.0)]
)
def test_a_window_outside_the_spectra(tiny, first, last):
    with pytest.raises(UserError, match=f"3540.5–7409.6 Å, found {first}–{last}"):
        _read(*tiny, first_wavelength=first, last_wavelength=last)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"short_spectrum": 7}, r"m0007V\.fits: expected 4300 samples.*\(4299,\)"),
        ({"shifted_spectrum": 7}, r"m0007V\.fits: .* found .* at 3541\.4–7410\.5 Å"),
        ({"damaged_spectrum": 7}, r"m0007V\.fits: expected a FITS spectrum"),
        ({"infinite_spectrum": 7}, r"m0007V\.fits: expected finite .* at 3630\.5 Å"),
        ({"missing_spectrum": 7}, r"expected .*m0007V\.fits, found none"),
        (
            {"metallicity_text": (8, "solar")},
            r"v9\.1\.txt, line 10 \(HD000008\): expected \[Fe/H\].*found 'solar'",
        ),
        ({"metallicity_text": (8, "nan")}, r"line 10 .*found 'nan'"),
    ],
)
def test_faults_are_named(tmp_path, fault, message):
    files = write_miles(tmp_path, stars=9, **fault)
    with pytest.raises(UserError, match=message):
        _read(tmp_path, files)


def test_what_is_no_archive(tmp_path):
    (tmp_path / WHEEL).write_bytes(b"<html>404</html>")
    files = {WHEEL: hashlib.sha256(b"<html>404</html>").hexdigest()}
    with pytest.raises(UserError, match="expected a zip archive"):
        _read(tmp_path, files)
    with pytest.raises(UserError, match="expected sha256"):
        _read(tmp_path, {WHEEL: "0" * 64})


def test_line_bands(tiny):
    folder, files = tiny
    bands = line_bands(wheel=folder / WHEEL, sha256=files[WHEEL])
    assert list(bands.columns) == ["index", "left", "right"]
    assert len(bands) == 26
    found = {name: (left, right) for name, left, right in bands.to_numpy().tolist()}
    assert found == LINES
