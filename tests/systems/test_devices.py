"""Devices and number formats: what is chosen, and what is refused where the machine lacks it."""

import pytest
import torch

from gpslift.errors import UserError
from gpslift.schema.lift import LiftConfig
from systems.devices import choose_device, choose_precision, cpu_precision


def test_what_is_asked_for_is_refused_where_the_machine_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(LiftConfig(device="auto")).type == "cpu"
    with pytest.raises(UserError, match=r"device=cuda.*no CUDA"):
        choose_device(LiftConfig(device="cuda"))
    with pytest.raises(UserError, match="precision=fp16 needs a GPU"):
        choose_precision(LiftConfig(precision="fp16"))
    assert cpu_precision(LiftConfig(precision="fp16")) == cpu_precision(LiftConfig(precision="auto"))
    assert cpu_precision(LiftConfig(precision="32")) == "32-true"


@pytest.mark.parametrize(("amx", "avx512", "expected"), [(0, 0, "32-true"), (1, 1, "bf16-mixed"), (0, 1, "32-true")])
def test_auto_takes_bf16_only_where_the_processor_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, amx: int, avx512: int, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(amx))
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(avx512))
    assert choose_precision(LiftConfig()) == expected
    assert choose_precision(LiftConfig(precision="32")) == "32-true"
    assert choose_precision(LiftConfig(precision="bf16")) == "bf16-mixed"
