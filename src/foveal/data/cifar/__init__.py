"""The original CIFAR archives: layouts, file formats and checksums."""
