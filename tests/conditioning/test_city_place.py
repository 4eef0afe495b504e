"""A city's place tokens: scales, the paper's two, the null, and places given in degrees."""

from dataclasses import asdict

import pytest
import torch

from gpslift.conditioning.azimuth import positional_encoding
from gpslift.conditioning.city_place import GOLDEN, CityPlaceEncoder
from gpslift.conditioning.gps import plane_waves
from gpslift.conditioning.place import null_place
from gpslift.errors import UserError
from gpslift.geo.cities import load_city

CPU = torch.device("cpu")
PARIS = load_city("paris")
LOUVRE = {"latitude": 48.8606, "longitude": 2.3376}


def encoder(**options: object) -> CityPlaceEncoder:
    torch.manual_seed(0)
    return CityPlaceEncoder(width=16, city=asdict(PARIS), **options)  # type: ignore[arg-type]


def test_one_token_a_scale_or_the_papers_two() -> None:
    for made, tokens in ((encoder(scales=5), 5), (encoder(encoder="paper"), 2)):
        place = made.complete(LOUVRE, 3, CPU)
        assert made(place).shape == (3, tokens, 16)
        assert made.tokens == tokens and made.pooled_width == 16
        torch.testing.assert_close(made.pool(made(place)), made(place).mean(1))


def test_wavelengths_go_from_the_city_to_the_street() -> None:
    made = encoder()
    assert made.wavelengths[0] == pytest.approx(max(PARIS.extent_m)) and made.wavelengths[-1] == pytest.approx(20)


def test_a_step_of_five_metres_changes_the_finest_token_most() -> None:
    made = encoder()
    place = {"east_m": torch.tensor([1000.0, 1005.0]), "north_m": torch.tensor([500.0, 500.0])}
    tokens = made(place)
    moved = (tokens[1] - tokens[0]).norm(dim=-1)
    assert moved.argmax() == 9 and moved[0] < 0.05 * moved[9]


def test_the_paper_encodes_both_coordinates_by_one_network() -> None:
    made = encoder(encoder="paper")
    half_east, half_north = (side / 2 for side in PARIS.extent_m)
    tokens = made({"east_m": torch.tensor([0.3 * half_east]), "north_m": torch.tensor([0.3 * half_north])})
    torch.testing.assert_close(tokens[0, 0], tokens[0, 1], atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("kind", ["multiscale", "paper"])
def test_half_a_place_is_none(kind: str) -> None:
    made = encoder(encoder=kind)
    assert all(values.isnan().all() for values in made.nowhere(made.complete(LOUVRE, 1, CPU)).values())
    nowhere = made(null_place(made.complete(LOUVRE, 1, CPU)))
    half = made({"east_m": torch.tensor([float("nan")]), "north_m": torch.tensor([5.0])})
    assert torch.equal(half, nowhere)
    assert torch.equal(made(made.complete({}, 1, CPU)), nowhere)
    assert not torch.equal(made(made.complete(LOUVRE, 1, CPU)), nowhere)


def test_degrees_become_metres_from_the_centre() -> None:
    latitude, longitude = PARIS.center
    place = encoder().complete({"latitude": [latitude, 48.8606], "longitude": [longitude, 2.3376]}, 2, CPU)
    east, north = PARIS.to_metres(48.8606, 2.3376)
    torch.testing.assert_close(place["east_m"], torch.tensor([0.0, float(east)]), atol=1e-3, rtol=1e-6)
    torch.testing.assert_close(place["north_m"], torch.tensor([0.0, float(north)]), atol=1e-3, rtol=1e-6)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"latitude": 40.7, "longitude": -74.0}, "outside Paris .*latitude 48.8.* to .*longitude 2.2"),
        ({"latitude": 2.3376, "longitude": 48.8606}, "did you mean 48.8606, 2.3376"),
        ({"latitude": [48.86, 0.0], "longitude": [2.33, 0.0]}, "latitude 0, longitude 0 is outside"),
        ({"latitude": 48.86}, "needs both latitude and longitude"),
        ({"azimuth_deg": 3.0}, "has no 'azimuth_deg'"),
    ],
)
def test_a_place_that_cannot_be(place: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        encoder().complete(place, 2 if isinstance(place.get("latitude"), list) else 1, CPU)


def test_tokens_are_of_east_and_north_by_hand() -> None:
    made, east, north = encoder(scales=3, directions=2), torch.tensor([700.0]), torch.tensor([-300.0])
    tokens = made({"east_m": east, "north_m": north})
    for scale, token in enumerate(made.scale_tokens):
        waves = plane_waves(east, north, made.wavelengths[scale], 2, scale * GOLDEN % 1)
        torch.testing.assert_close(tokens[:, scale], token.mlp(waves))
    made, (half_east, half_north) = encoder(encoder="paper", frequencies=4), (side / 2 for side in PARIS.extent_m)
    tokens = made({"east_m": torch.tensor([0.25 * half_east]), "north_m": torch.tensor([-0.6 * half_north])})
    expected = made.coordinate_token.mlp(positional_encoding(torch.tensor([0.25, -0.6]), 4))
    torch.testing.assert_close(tokens[0], expected, atol=1e-4, rtol=1e-4)
