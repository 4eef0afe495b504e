"""Tensors that say they are on a CUDA device, and compute on the CPU; with others they mix as CUDA's do."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("cuda", 0)
INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}
"""Their indices may be anywhere, as on CUDA."""
COPIES = {"copy_", "_to_copy"}


class DeviceTensor(Tensor):
    """A tensor of the stand-in device. inner: its numbers, on the CPU."""

    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls: Any, inner: Tensor) -> "DeviceTensor":
        tensor = Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
        )
        tensor.inner = inner
        return tensor

    @classmethod
    def __torch_dispatch__(cls, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(operator, args, kwargs or {})

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.inner.__reduce_ex__(protocol)  # in checkpoints there is no device to stand in for

    def tolist(self) -> Any:
        return self.inner.tolist()

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.numpy()


class StandInMode(TorchDispatchMode):
    """While it is on, what is asked for on CUDA is made on the stand-in device."""

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(operator, args, kwargs or {})


def compute(operator: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Has the CPU compute. Raises RuntimeError where a CUDA tensor meets one that is not, unless that is a scalar."""
    name = operator._schema.name.split("::")[1]
    tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
    there = any(isinstance(tensor, DeviceTensor) for tensor in tensors)
    here = any(tensor.ndim > 0 and not isinstance(tensor, DeviceTensor) for tensor in tensors)
    if there and here and name not in INDEXED | COPIES:
        shapes = [(tensor.device.type, tuple(tensor.shape)) for tensor in tensors]
        raise RuntimeError(f"Expected all tensors to be on the same device: {operator} of {shapes}")
    asked = kwargs.get("device")
    if asked is not None:
        there = torch.device(asked).type == "cuda"
        kwargs = kwargs | ({"device": torch.device("cpu")} if there else {})
    elif name in INDEXED | COPIES:
        there = isinstance(args[0], DeviceTensor)
    inner_args, inner_kwargs = tree_map(
        _inner, (args, kwargs | ({"pin_memory": False} if "pin_memory" in kwargs else {}))
    )
    result = operator(*inner_args, **inner_kwargs)
    if not there:
        return result
    outer = tree_map(lambda value: DeviceTensor(value) if isinstance(value, Tensor) else value, result)
    return outer if asked is not None else return_and_correct_aliasing(operator, args, kwargs, outer)


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, DeviceTensor) else value
