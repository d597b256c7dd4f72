"""Constants shared by the C code and its callers: defined here, passed to the compiler with `-D`."""

from __future__ import annotations

BLOCK_SIZE = 64
"""Values that a convolution computes at once, and that it may read after the last channel."""

IMAGES_PER_GROUP = 8
"""Images over which the weight gradient of a small convolution is summed before groups are added."""

PARTS_PER_IMAGE = 8
"""Parts of each image if there are fewer images than this; otherwise a thread takes whole images."""

STRIPS = 64
"""Strips into which batch norm with ReLU cuts the positions of a batch."""

LOGITS_SUM, LOGITS_PRODUCT, EXP_FACTORS = range(3)
"""Encodings of BAM's logits per channel and per position: see `encode_logits`."""

COMPILER_DEFINITIONS = tuple(
    f"-D{name}={value}"
    for name, value in {
        "BLOCK_SIZE": BLOCK_SIZE,
        "IMAGES_PER_GROUP": IMAGES_PER_GROUP,
        "PARTS_PER_IMAGE": PARTS_PER_IMAGE,
        "STRIPS": STRIPS,
        "LOGITS_SUM": LOGITS_SUM,
        "LOGITS_PRODUCT": LOGITS_PRODUCT,
        "EXP_FACTORS": EXP_FACTORS,
    }.items()
)
