"""What counts as running out of memory, in the words that torch and the libraries under it have for that."""

import pytest
import torch

from netspace.errors import TrainingError
from netspace.training.device import is_out_of_memory, usable_device

STARVED = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of ..."),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("could not create a primitive"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"),
]
OTHERWISE_BROKEN = [
    RuntimeError("CUDA error: device-side assert triggered"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
]


@pytest.mark.parametrize("error", STARVED, ids=str)
def test_a_lack_of_memory_is_known_by_class_or_words(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", OTHERWISE_BROKEN, ids=str)
def test_no_other_error_of_the_same_libraries_passes_for_it(error):
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("error", [STARVED[2], OTHERWISE_BROKEN[0]], ids=str)
def test_a_device_that_cannot_be_used_says_first_that_its_memory_is_full(error, monkeypatch):
    def refuse(*_args, **_options):
        raise error

    monkeypatch.setattr(torch, "empty", refuse)
    with pytest.raises(TrainingError) as raised:
        usable_device("cuda:0")
    message = str(raised.value)
    assert message.startswith("out of memory: cannot use the device 'cuda:0'") == (error is STARVED[2])
    assert "\n" not in message
