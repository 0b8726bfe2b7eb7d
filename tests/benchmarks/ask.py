"""How long an answer takes, and how many of its sentences the notes support, with the default model on this machine.

    python tests/benchmarks/ask.py [--model SPEC] [--questions N] [--show] [--json FILE]

Every question is asked twice with the same engine, by turns: with our prompt (few whole hits, the best ones), and with
what tutorials do (four windows of 1,000 characters, the nearest by cosine, stuffed into one prompt). Then once by the
command, as a process of its own, for the time a person waits. --show prints the answers.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from reporting import REPOSITORY, finish, parser, print_table

sys.path.insert(0, str(REPOSITORY))

from llmapps.models.embedding import embed_array
from llmapps.project import find_notes
from llmapps.rag.rag import Rag

QUESTIONS = (
    "What is the difference between RAG and fine-tuning?",
    "Why are the samples of a VAE often blurry?",
    "What does the discriminator of a GAN do?",
    "How does LoRA save memory when a model is fine-tuned?",
    "What is the difference between BERT and GPT?",
    "What is mode collapse?",
    "Why does attention cost more for long texts?",
    "What is a negative prompt in Stable Diffusion?",
    "What does an AI engineer do that a data scientist does not?",
    "What is top-p sampling?",
)
UNANSWERABLE = (
    "Who won the 1998 World Cup?",
    "How do I configure an ingress in Kubernetes?",
    "When is the exam of this course?",
)
WINDOW, STEP, WINDOWS = 1000, 800, 4
PLAIN = "Answer the question based only on the following context:\n\n{context}\n\nQuestion: {question}\n"


class Windows:
    """The notes as tutorials cut them."""

    def __init__(self, rag: Rag) -> None:
        texts = [path.read_text(encoding="utf-8") for path in sorted(find_notes("builtin:").path.glob("*.md"))]
        self.texts = [text[start : start + WINDOW] for text in texts for start in range(0, len(text), STEP)]
        self._embeddings = rag.embeddings
        self._vectors = embed_array(rag.embeddings, self.texts, kind="document")

    def prompt(self, question: str) -> str:
        """Question and nearest windows in one text."""
        scores = self._vectors @ embed_array(self._embeddings, [question], kind="query")[0]
        best = sorted(range(len(self.texts)), key=lambda index: -scores[index])[:WINDOWS]
        return PLAIN.format(context="\n\n".join(self.texts[index] for index in best), question=question)


def plainly(rag: Rag, windows: Windows, question: str) -> dict[str, float]:
    """Seconds and prompt tokens of the tutorial's way."""
    start = time.perf_counter()
    first, tokens = 0.0, 0
    for chunk in rag.model.stream(windows.prompt(question)):
        if chunk.text and not first:
            first = time.perf_counter() - start
        if chunk.usage_metadata:
            tokens = chunk.usage_metadata["input_tokens"]
    return {"first_token": first, "total": time.perf_counter() - start, "prompt_tokens": tokens}


def main() -> None:
    """Measure, and print tables and JSON."""
    options = parser(__doc__)
    options.add_argument("--model")
    options.add_argument("--questions", type=int, default=len(QUESTIONS))
    options.add_argument("--show", action="store_true")
    given = options.parse_args()
    questions = QUESTIONS[: given.questions]
    with Rag.open("builtin:", model=given.model) as rag:
        rag.sync()
        windows = Windows(rag)
        rag.ask("What is a token?")  # loads the model
        rows: list[dict[str, Any]] = []
        for question in questions:
            answer = rag.ask(question)
            other = plainly(rag, windows, question)
            claims = [sentence for sentence in answer.sentences if sentence.status != "no-claim"]
            rows.append(
                {
                    "question": question,
                    "hits_s": answer.timings_s["sync"] + answer.timings_s["retrieve"],
                    "first_s": answer.timings_s.get("first_token", 0.0),
                    "total_s": answer.timings_s["total"],
                    "tokens": answer.usage.prompt_tokens if answer.usage else 0,
                    "plain first_s": other["first_token"],
                    "plain tokens": other["prompt_tokens"],
                    "claims": len(claims),
                    "supported": sum(sentence.status in ("supported", "misattributed") for sentence in claims),
                }
            )
            if given.show:
                print(f"{question}\n  {answer}\n  {[sentence.status for sentence in answer.sentences]}\n")
        refused = {question: rag.ask(question).abstained for question in UNANSWERABLE}
    command = _by_command(questions[0], given.model)
    print_table(list(rows[0]), [[str(row["question"])[:44], *list(row.values())[1:]] for row in rows])
    result = {
        "questions": rows,
        "refused": refused,
        "median_first_s": statistics.median(row["first_s"] for row in rows),
        "median_plain_first_s": statistics.median(row["plain first_s"] for row in rows),
        "supported": sum(row["supported"] for row in rows) / max(sum(row["claims"] for row in rows), 1),
        "command_s": command,
    }
    print(f"{result['supported']:.0%} of the sentences supported; refused: {refused}; the command took {command:.1f} s")
    finish(result, given.json)


def _by_command(question: str, model: str | None) -> float:
    start = time.perf_counter()
    words = [sys.executable, "-m", "llmapps", "ask", question, "--notes", "builtin:", "--json"]
    ran = subprocess.run(
        [*words, *(["--model", model] if model else [])],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout)["answer"]
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
