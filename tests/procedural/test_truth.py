"""What a mesh is compared with knows the facts of the true shape."""

from dataclasses import replace

import pytest

from gpslift.geo.landmarks import load_landmark
from gpslift.metrics import mesh_truth, outer_surface
from gpslift.procedural.truth import SHAPE_FACTS, comparison_with, true_mesh


def test_a_comparison_is_told_the_facts_and_the_landmarks_own_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (mesh_truth, "SAMPLES", 100),
        (mesh_truth, "VIEW_SIZE", 8),
        (outer_surface, "PIXELS", 40),
    ):
        monkeypatch.setattr(module, name, value)
    facts, landmark = replace(SHAPE_FACTS["stonehenge"], turns=3), load_landmark("stonehenge")
    made = comparison_with(true_mesh("stonehenge"), facts, landmark, seed=5)
    assert (made.mirror_deg, made.upper_from_m, made.turns, made.seed) == (50.0, 1.0, 3, 5)
    assert ([*made.low], [*made.high]) == ([*landmark.own_volume[0]], [*landmark.own_volume[1]])
