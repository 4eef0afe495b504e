"""What the other tests here rely on, on a GPU and on the stand-in for one: tensors of two devices do not mix."""

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def test_tensors_of_two_devices_do_not_mix() -> None:
    there, here = torch.ones(3, device="cuda"), torch.ones(3)
    assert (there + here.to("cuda")).device.type == (there * 2.0).device.type == (there + here[0]).device.type == "cuda"
    with pytest.raises(RuntimeError, match="same device"):
        there + here
    with pytest.raises(RuntimeError, match="same device"):
        torch.nn.Linear(3, 1)(there)


def test_numbers_leave_the_device_only_when_asked() -> None:
    there = torch.arange(3.0, device="cuda")
    assert there.tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="numpy"):
        there.numpy()
    assert there.cpu().numpy().sum() == 3


def test_gradients_cross_devices_where_tensors_were_moved() -> None:
    weight = torch.tensor([2.0, 3.0], requires_grad=True)
    there = weight.to("cuda")
    (there.square().sum().cpu() * 2).backward()
    assert weight.grad is not None
    assert weight.grad.device.type == "cpu"
    assert weight.grad.tolist() == [8, 12]
