# SPDX-License-Identifier: Apache-2.0
"""The page of the documentation that shows every page of the admin: ``docs/pages.md``, one small picture for each page.

Beside each other: in light, in dark, and 390 px wide.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path

from playwright.sync_api import Browser

from tests.stack import ROOT

HEIGHT = 330
TITLE = (
    "# Every page\n\n"
    "In light, in dark, and on a phone 390 px wide; long pages are cut off. Made by `python -m tests.screenshots`, which also says when\n"
    "a page is wider than its window, or has no picture.\n"
)


def write(browser: Browser, pictures: Path, names: Iterable[str], looks: Sequence[str]) -> None:
    """Write ``docs/pages.md`` and its pictures from the large ones in `pictures`, ``NAME`` + look + ``.png``."""
    target = ROOT / "docs" / "images" / "pages"
    target.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport={"width": 1040, "height": HEIGHT})
    lines = [TITLE]
    for name in names:
        shown = "".join(_image(pictures / f"{name}{look}.png") for look in looks)
        page.set_content(f"<body style='margin:0;display:flex;gap:6px;background:#888'>{shown}</body>")
        page.screenshot(path=target / f"{name}.jpg", type="jpeg", quality=60)
        lines.append(f"## {name}\n\n![{name}](images/pages/{name}.jpg)\n")
    page.close()
    (ROOT / "docs" / "pages.md").write_text("\n".join(lines))


def _image(path: Path) -> str:
    width = 152 if path.stem.endswith("-mobile") else 438
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f"<img src='data:image/png;base64,{data}' "
        f"style='width:{width}px;height:{HEIGHT}px;object-fit:cover;object-position:top'>"
    )
