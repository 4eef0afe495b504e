"""Place tokens: inputs, nulls, and what is unknown."""

import pytest
import torch

from gpslift.conditioning.azimuth import harmonic_features
from gpslift.conditioning.landmark_place import ELEVATION_HARMONICS, LandmarkPlaceEncoder
from gpslift.conditioning.place import Place, concatenate_places, null_place
from gpslift.errors import UserError

NAN = float("nan")
CPU = torch.device("cpu")


@pytest.fixture
def encoder() -> LandmarkPlaceEncoder:
    torch.manual_seed(0)
    return LandmarkPlaceEncoder(width=32, log_width_mean=4.6, log_width_std=0.1)


def place(azimuth: list[float], width: list[float], elevation: list[float]) -> Place:
    return {
        "azimuth_deg": torch.tensor(azimuth),
        "frame_width_m": torch.tensor(width),
        "elevation_deg": torch.tensor(elevation),
    }


def test_one_token_an_input_in_a_fixed_order(encoder: LandmarkPlaceEncoder) -> None:
    tokens = encoder(place([10.0, 20.0], [100.0, 100.0], [5.0, 5.0]))
    assert tokens.shape == (2, 3, 32)
    assert encoder.inputs == ("azimuth_deg", "frame_width_m", "elevation_deg")
    assert not torch.equal(tokens[0, 0], tokens[1, 0]) and torch.equal(tokens[0, 1:], tokens[1, 1:])
    assert encoder.pool(tokens).shape == (2, encoder.pooled_width) == (2, 96)


@pytest.mark.parametrize(
    ("options", "inputs"),
    [
        ({"frame_width": False}, ("azimuth_deg", "elevation_deg")),
        ({"elevation": False}, ("azimuth_deg", "frame_width_m")),
        ({"frame_width": False, "elevation": False}, ("azimuth_deg",)),
        ({"encoder": "paper"}, ("azimuth_deg", "frame_width_m", "elevation_deg")),
    ],
)
def test_inputs_may_be_left_out(options: dict[str, object], inputs: tuple[str, ...]) -> None:
    encoder = LandmarkPlaceEncoder(width=8, **options)
    assert encoder.inputs == inputs
    assert encoder(encoder.complete({"azimuth_deg": [1.0]}, 1, CPU)).shape == (1, len(inputs), 8)
    assert encoder.pooled_width == 8 * len(inputs)


def test_an_unknown_encoder_is_told_which_there_are() -> None:
    with pytest.raises(ValueError, match="unknown encoder fourier; there are harmonic and paper"):
        LandmarkPlaceEncoder(width=8, encoder="fourier")


def test_what_is_unknown_gives_its_own_null(encoder: LandmarkPlaceEncoder) -> None:
    tokens = encoder(place([NAN, 10.0, 10.0, 10.0], [100.0, NAN, 100.0, 0.0], [5.0, 5.0, NAN, 5.0]))
    assert torch.equal(tokens[0, 0], encoder.azimuth_token.null)
    assert torch.equal(tokens[1, 1], encoder.frame_width_token.null)
    assert torch.equal(tokens[3, 1], encoder.frame_width_token.null)  # no frame is 0 m wide
    assert torch.equal(tokens[2, 2], encoder.elevation_token.null)
    assert torch.equal(tokens[0, 1], tokens[2, 1])  # and the others are as they were
    nulls = [encoder.azimuth_token.null, encoder.frame_width_token.null, encoder.elevation_token.null]
    nowhere = encoder(null_place(place([10.0], [100.0], [5.0])))
    assert torch.equal(nowhere[0], torch.stack(nulls))


def test_guidance_leads_away_from_an_unknown_azimuth_not_from_another_framing(encoder: LandmarkPlaceEncoder) -> None:
    nowhere = encoder.nowhere(place([10.0], [100.0], [5.0]))
    assert nowhere["azimuth_deg"].isnan().all()
    assert nowhere["frame_width_m"].tolist() == [100] and nowhere["elevation_deg"].tolist() == [5]


def test_unknown_inputs_send_no_gradient_but_to_the_null(encoder: LandmarkPlaceEncoder) -> None:
    encoder(place([NAN], [NAN], [NAN])).sum().backward()
    assert (encoder.azimuth_token.null.grad == 1).all()
    weight_gradients = [p.grad for name, p in encoder.named_parameters() if "mlp" in name]
    assert all(grad is None or not grad.any() for grad in weight_gradients)


def test_frame_widths_are_scaled_by_the_photos_own(encoder: LandmarkPlaceEncoder) -> None:
    """e^4.6 = 99.48 m is the mean: there x = 0, and the token is that of (0, sin 0, cos 0)."""
    tokens = encoder(place([0.0, 0.0], [float(torch.tensor(4.6).exp()), float(torch.tensor(4.7).exp())], [0.0, 0.0]))
    mlp = encoder.frame_width_token.mlp
    assert torch.allclose(tokens[0, 1], mlp(torch.tensor([0.0, 0.0, 1.0])), atol=1e-4)
    one = torch.tensor([1.0])
    assert torch.allclose(tokens[1, 1], mlp(torch.cat([one, one.sin(), one.cos()])), atol=1e-4)


def test_a_place_is_completed_from_numbers_lists_and_nothing(encoder: LandmarkPlaceEncoder) -> None:
    whole = encoder.complete({"azimuth_deg": [1, 2, 3], "frame_width_m": 90.0, "elevation_deg": None}, 3, CPU)
    assert whole["azimuth_deg"].tolist() == [1, 2, 3]
    assert whole["frame_width_m"].tolist() == [90, 90, 90]
    assert whole["elevation_deg"].isnan().all()
    assert encoder.complete({}, 2, CPU)["azimuth_deg"].isnan().all()


def test_names_that_no_place_has_are_refused_and_inputs_it_does_not_hear_are_left_out() -> None:
    encoder = LandmarkPlaceEncoder(width=8, elevation=False)
    with pytest.raises(UserError, match="a place has no 'azimuth'; it has azimuth_deg, frame_width_m, elevation_deg"):
        encoder.complete({"azimuth": [1.0]}, 1, CPU)
    assert set(encoder.complete({"azimuth_deg": 1.0, "elevation_deg": 3.0}, 1, CPU)) == set(encoder.inputs)


def test_places_are_joined() -> None:
    one, two = place([1.0], [2.0], [3.0]), place([4.0, 5.0], [6.0, 7.0], [8.0, 9.0])
    assert concatenate_places([one, two])["azimuth_deg"].tolist() == [1, 4, 5]


def test_half_precision_weights_take_full_precision_places(encoder: LandmarkPlaceEncoder) -> None:
    where = place([10.0], [100.0], [NAN])
    tokens = encoder(where)
    assert torch.allclose(encoder.bfloat16()(where).float(), tokens, atol=0.05)


def test_elevations_are_told_with_their_sign(encoder: LandmarkPlaceEncoder) -> None:
    tokens = encoder(place([0.0, 0.0], [100.0, 100.0], [-20.0, 20.0]))
    features = harmonic_features(torch.tensor([-20.0, 20.0]), ELEVATION_HARMONICS)
    torch.testing.assert_close(tokens[:, 2], encoder.elevation_token.mlp(features))
    assert not torch.allclose(tokens[0, 2], tokens[1, 2], atol=1e-3)


def test_every_frame_above_0_m_is_known(encoder: LandmarkPlaceEncoder) -> None:
    assert not torch.equal(encoder(place([0.0], [0.5], [0.0]))[0, 1], encoder.frame_width_token.null)
