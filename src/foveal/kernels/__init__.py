"""Native CPU kernels for attention modules and for the layers of the ConvNet."""

from foveal.kernels.dispatch import native_kernels, unavailable_reason

__all__ = ["native_kernels", "unavailable_reason"]
