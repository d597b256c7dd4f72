"""The test set by class, a few images at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from foveal.plotting import make_thumbnail, to_data_uri
from foveal.web.errors import whole_number
from foveal.web.loaded_study import Served

ON_A_PAGE = 12


def examples(served: Served, kind: str, page: str) -> dict[str, Any]:
    """Return one page of the test images of a class, in their order, with how many variants are right.

    Args:
        served: the networks and their images.
        kind: the number of the class, as the client wrote it.
        page: the number of the page, as the client wrote it.
    """
    label = whole_number("class", kind, range(len(served.data.classes)))
    rows = np.flatnonzero(served.data.test.labels == label)
    pages = max(1, -(-len(rows) // ON_A_PAGE))
    at = whole_number("page", page, range(pages))
    return {
        "class": label,
        "page": at,
        "pages": pages,
        "count": len(rows),
        "examples": [
            {
                "row": int(row),
                "picture": to_data_uri(make_thumbnail(np.asarray(served.data.test.images[row]))),
                "right": int(served.right[row]),
            }
            for row in rows[at * ON_A_PAGE : (at + 1) * ON_A_PAGE]
        ],
    }
