"""Gallery of the page: the test images of a class, a few at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from foveal.plotting import make_thumbnail, to_data_uri
from foveal.web.errors import parse_index
from foveal.web.loaded_study import LoadedStudy

_IMAGES_PER_PAGE = 12


def list_examples(study: LoadedStudy, class_text: str, page_text: str) -> dict[str, Any]:
    """Return one page of the test images of a class, with the number of variants that are correct.

    Args:
        study: the loaded study.
        class_text: the number of the class, as the request has it.
        page_text: the number of the page, as the request has it.
    """
    test = study.data.test
    label = parse_index("class", class_text, range(len(study.data.classes)))
    indices = np.flatnonzero(test.labels == label)
    page_count = max(1, -(-len(indices) // _IMAGES_PER_PAGE))
    page = parse_index("page", page_text, range(page_count))
    shown = indices[page * _IMAGES_PER_PAGE : (page + 1) * _IMAGES_PER_PAGE]
    return {
        "class": label,
        "page": page,
        "page_count": page_count,
        "image_count": len(indices),
        "examples": [
            {
                "index": int(index),
                "picture": to_data_uri(make_thumbnail(np.asarray(test.images[index]))),
                "correct_count": int(study.correct_counts[index]),
            }
            for index in shown
        ],
    }
