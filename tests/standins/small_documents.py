"""One small document of every format, with the words that must come out of it and those that must not."""

from __future__ import annotations

import json
from dataclasses import dataclass

from standins.small_pdf import Line, lines_from, pdf_bytes

MARKDOWN = """---
title: Unread
---
# Animals

Wolves hunt in packs.

## Cats and *lions*

Cats sleep: é, ü, 猫, 🐈.

| name | legs |
|------|------|
| tiger | four |

```python
# not a heading
purr = 1
```

Setext heading
--------------

The end.
"""

HTML = """<!doctype html>
<html><head><title>Zoo page</title><style>.invisible1 {}</style></head>
<body><nav>invisible2</nav>
<h1>Animals</h1>
<p>Wolves hunt
in packs.</p>
<h2>Cats &amp; lions</h2>
<p hidden>invisible3</p><div style="display: none">invisible4</div>
<ul><li>Cats sleep</li><li>Lions roar</li></ul>
<table><tr><th>name</th><th>legs</th></tr>
<tr><td>tiger</td><td>four</td></tr></table>
<pre>
def purr():
    return 1
</pre>
<script>invisible5()</script>
<p>The end.</p></body></html>
"""

NOTEBOOK = {
    "nbformat": 4,
    "metadata": {},
    "cells": [
        {"cell_type": "markdown", "source": ["# Animals\n", "\n", "Wolves hunt in packs."]},
        {
            "cell_type": "code",
            "source": "legs = 4\nprint(legs)",
            "outputs": [
                {"output_type": "stream", "text": ["fourfold\n"]},
                {
                    "output_type": "display_data",
                    "data": {"image/png": "invisible1", "text/plain": "<Figure invisible2>"},
                },
            ],
        },
        {"cell_type": "raw", "source": ""},
        {"cell_type": "markdown", "source": "## Cats\n\nCats sleep."},
    ],
}

CSV = 'animal,says\nwolf,"It howls at the moon, and\nin packs."\ncat,It says meow when it is hungry\n'

TEXT = "Wolves hunt in packs.\r\n\r\nCats sleep\r\nall day long.\r\n"

PDF = pdf_bytes(
    [
        [Line("Animals", 780, 20), *lines_from(740, ["Wolves hunt in packs.", "Cats sleep all day long."])],
        [],
        [Line("Lions", 780, 16), *lines_from(740, ["Lions roar at night, and tigers do so too."])],
    ]
)


@dataclass(frozen=True)
class SmallDocument:
    """A document's file, words that its text holds, and places: for some words, what their place must say."""

    suffix: str
    data: bytes
    words: tuple[str, ...]
    places: dict[str, str]


SMALL_DOCUMENTS = (
    SmallDocument(
        ".md",
        MARKDOWN.encode(),
        ("Wolves", "packs", "猫", "🐈", "tiger", "purr", "Setext", "end"),
        {
            "Wolves": "Animals, line 6",
            "Cats sleep": "Animals > Cats and lions, line 10",
            "purr": "Animals > Cats and lions, line 18",
            "The end": "Animals > Setext heading, line 24",
        },
    ),
    SmallDocument(
        ".txt",
        TEXT.encode(),
        ("Wolves", "packs", "Cats", "long"),
        {"Wolves": "line 1", "Cats": "line 3", "long": "line 4"},
    ),
    SmallDocument(
        ".html",
        HTML.encode(),
        ("Wolves", "packs", "Cats & lions", "Cats sleep", "roar", "tiger | four", "    return 1", "end"),
        {
            "Wolves": "Animals, line 5",
            "packs": "Animals, line 6",
            "Lions roar": "Animals > Cats & lions, line 9",
            "four": "Animals > Cats & lions, line 11",
            "return": "Animals > Cats & lions, line 14",
            "The end": "Animals > Cats & lions, line 17",
        },
    ),
    SmallDocument(
        ".ipynb",
        json.dumps(NOTEBOOK).encode(),
        ("Wolves", "packs", "legs = 4", "fourfold", "Cats sleep"),
        {
            "Wolves": "Animals, cell 1, line 3",
            "print(legs)": "Animals, cell 2, line 2",
            "fourfold": "Animals, cell 2",
            "Cats sleep": "Animals > Cats, cell 4, line 3",
        },
    ),
    SmallDocument(
        ".csv",
        CSV.encode(),
        ("animal: wolf", "howls", "packs", "cat", "meow"),
        {"howls": "wolf, line 2", "packs": "wolf, line 3", "meow": "cat, line 4"},
    ),
    SmallDocument(
        ".pdf",
        PDF,
        ("Wolves", "packs", "Cats", "roar", "tigers"),
        {"Wolves": "Animals, page 1", "roar": "Animals > Lions, page 3"},
    ),
)
