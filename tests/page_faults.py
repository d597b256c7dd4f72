"""Page faults of training steps in this process; the tests of the allocator run it in new processes."""

import resource
import sys

import torch
from torch.nn.functional import cross_entropy

from foveal import keep_freed_memory
from foveal.models import build_model

WARM_UP_STEPS = 10
STEPS = 4


def count_page_faults() -> int:
    """Return the page faults of training steps after others that warm up."""
    model = build_model("convnet", attention="cbam").to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.rand(128, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(len(images), dtype=torch.long)
    for step in range(WARM_UP_STEPS + STEPS):
        if step == WARM_UP_STEPS:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
        model.zero_grad(set_to_none=True)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def fail_with_page_faults() -> None:
    """Raise the number of page faults of the process that loads the data of a run."""
    raise RuntimeError(count_page_faults())


if __name__ == "__main__":
    if "keep" in sys.argv:
        keep_freed_memory()
    print(count_page_faults())
