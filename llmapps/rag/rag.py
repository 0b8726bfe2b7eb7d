"""`Rag`: ask a folder of notes.

from llmapps import Rag

rag = Rag.open("my-notes/")
print(rag.ask("What is the difference between RAG and fine-tuning?"))
"""

from __future__ import annotations

import asyncio
import datetime
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from llmapps.models.embedding import embed_array
from llmapps.project import Notes, Project, find_notes, find_project
from llmapps.prompts import Prompt, load_prompt
from llmapps.rag.answering.abstention import covers
from llmapps.rag.answering.conversation import Turn, history_messages
from llmapps.rag.answering.evidence import EvidenceChecker
from llmapps.rag.answering.writer import AnswerPlan, Event, Finished, abstain, write_answer
from llmapps.rag.chat import Chat
from llmapps.rag.course import load_course
from llmapps.rag.index.report import SyncOptions, SyncReport
from llmapps.rag.index.schema import FILE_NAME
from llmapps.rag.index.store import IndexStore
from llmapps.rag.index.sync import sync_notes
from llmapps.rag.model_choice import open_chat_model, open_embeddings
from llmapps.rag.question import require_question
from llmapps.rag.search.leading import leading_hits
from llmapps.rag.search.searcher import Searcher, SearchResult
from llmapps.rag.syncing import sync_unless_busy
from llmapps.settings import Settings, SourcedSettings, check_value, load_settings
from llmapps.types import Answer, Hit

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool


class Rag:
    """Answers questions over one folder of notes. The notes are only read; the index lies elsewhere.

    Nothing is loaded before it is needed: a search needs the embedding, an answer also the chat model.

    Attributes:
        sync_options: how the index is brought up to date before each question.
        on_sync: told the report of each sync.
        as_of: the day whose released units are searched; None: today.
    """

    def __init__(self, notes: Notes, settings: Settings, project: Project | None = None, download: Any = None) -> None:
        self.notes = notes
        self.settings = settings
        self.project = project
        self.sync_options = SyncOptions()
        self.on_sync: Callable[[SyncReport], None] | None = None
        self.as_of: datetime.date | None = None
        self._download = download
        self._lock = threading.RLock()
        self._model: BaseChatModel | None = None
        self._embeddings: Embeddings | None = None
        self._searcher: tuple[Searcher, IndexStore] | None = None

    @classmethod
    def open(
        cls,
        notes: str | Path | None = None,
        *,
        model: str | BaseChatModel | None = None,
        embedding: str | Embeddings | None = None,
        project: str | Path | None = None,
        **settings: Any,
    ) -> Rag:
        """The notes, ready to be asked.

        Args:
            notes: a folder or a file; None: the project's notes, else the built-in course.
            model: a model spec, or any LangChain chat model; None: as set.
            embedding: a model spec, or any LangChain embeddings; None: as set.
            project: the folder of the project; None: the one the working directory lies in, if any.
            settings: any other field of `Settings`, such as `top=6`.

        Raises:
            NotesError: no such folder.
            SettingsError: an unknown setting or a wrong value.
        """
        found = find_project(at=Path(project)) if project is not None else find_project()
        flags = {**settings, "notes": None if notes is None else str(notes)}
        flags |= {name: value for name, value in (("model", model), ("embedding", embedding)) if isinstance(value, str)}
        sourced = load_settings(flags, project_file=found.marker if found else None)
        rag = cls.from_settings(sourced, found)
        if model is not None and not isinstance(model, str):
            rag._model = model
        if embedding is not None and not isinstance(embedding, str):
            rag._embeddings = embedding
        return rag

    @classmethod
    def from_settings(cls, sourced: SourcedSettings, project: Project | None, download: Any = None) -> Rag:
        """Like `open`, with settings that were loaded already; `download` is told about weights that are fetched."""
        return cls(find_notes(sourced.values.notes, project), sourced.values, project, download)

    # --- the index ------------------------------------------------------------------------------------

    def sync(self, options: SyncOptions | None = None) -> SyncReport:
        """Bring the index up to date with the notes; unchanged files cost a stat each."""
        report = sync_notes(self.notes, self.embeddings, options or self.sync_options)
        self._tell(report)
        return report

    def _sync_unless_busy(self) -> None:
        with self._lock:  # of several threads one syncs, and the others find it done
            report = sync_unless_busy(self.notes, self.embeddings, self.sync_options)
        if report:
            self._tell(report)

    def _tell(self, report: SyncReport) -> None:
        for note in self.missing_notes():
            report.warnings.append(f'{self.notes.course_file} names "{note}", but there is no such note: correct it.')
        if self.on_sync:
            self.on_sync(report)

    def missing_notes(self) -> list[str]:
        """Notes that the course file names and that are not there; none where only a part of the course is searched."""
        if self.notes.course_prefix or self.notes.path.is_file():
            return []
        searcher, store = self._open_searcher()
        return searcher.course.missing(store.documents()) if searcher.course.units else []

    # --- search ---------------------------------------------------------------------------------------

    def search(self, question: str, top: int | None = None) -> list[Hit]:
        """The `top` best hits for a question, best first."""
        question = require_question(question)
        if top is not None:
            check_value("top", top, "search")
        self._sync_unless_busy()
        return list(self.look_up(question, top).hits)

    def look_up(self, question: str, top: int | None = None) -> SearchResult:
        """The hits together with how well they fit, in the index as it is: without a sync, unless there is no index."""
        return self._open_searcher()[0].search(question, top or self.settings.top, self.as_of)

    def _open_searcher(self) -> tuple[Searcher, IndexStore]:
        with self._lock:
            if self._searcher is not None and self._searcher[1].is_replaced:
                self._searcher = None  # somebody deleted the index, and it was made anew
            if self._searcher is None and not (self.notes.index / FILE_NAME).is_file():
                self.sync()  # which may open it too, to see which notes are missing
            if self._searcher is None:
                store = IndexStore(self.notes.index)
                course = load_course(self.notes.course_file, self.notes.course_prefix)
                self._searcher = Searcher(store, self.embeddings, course), store
            return self._searcher

    # --- answers --------------------------------------------------------------------------------------

    def ask(self, question: str, turns: Sequence[Turn] = ()) -> Answer:
        """The answer, every sentence checked.

        Raises:
            QuestionError: the question is empty, or too long for the model's context.
            ProviderError: the model failed.
        """
        *_, last = self.stream(question, turns)
        assert isinstance(last, Finished)
        return last.answer

    async def aask(self, question: str) -> Answer:
        """Like `ask`, without blocking the event loop."""
        return await asyncio.to_thread(self.ask, question)

    def stream(self, question: str, turns: Sequence[Turn] = ()) -> Iterator[Event]:
        """The answer as it is written: `Found`, then `Token` and `Checked`, at the end `Finished`.

        Args:
            question: in plain words.
            turns: of a conversation so far; see `Chat`.
        """
        question = require_question(question)
        # The model is loaded by a process of its own: it gets ready while this one searches.
        if start := getattr(self.model, "start", None):
            start()
        begun = time.perf_counter()
        self._sync_unless_busy()
        synced = time.perf_counter()
        result = self.look_up(question)
        timings = {"sync": synced - begun, "retrieve": time.perf_counter() - synced}
        if not result.hits or not covers(result.similarity, result.coverage, self.baseline()):
            timings["total"] = sum(timings.values())
            yield Finished(abstain(question, result.hits, self.model_label, timings))
            return
        hits = leading_hits(result.hits)
        yield from write_answer(self._plan(), question, hits, timings, history_messages(turns))

    def chat(self) -> Chat:
        """A conversation about the notes, which remembers what was said."""
        return Chat(self)

    def _plan(self) -> AnswerPlan:
        return AnswerPlan(
            model=self.model,
            label=self.model_label,
            prompt=self.prompt("answer"),
            room=self.settings.context_tokens - self.settings.max_tokens,
            strict=self.settings.strict_answers,
            new_checker=self.evidence_checker,
        )

    def evidence_checker(self, question: str, hits: Sequence[Hit]) -> EvidenceChecker:
        """What checks sentences of an answer against these hits."""
        return EvidenceChecker(
            question,
            hits,
            embed=lambda texts: embed_array(self.embeddings, texts, kind="document"),
            rarity=self._rarity,
            baseline=self.baseline(),
        )

    def baseline(self) -> float:
        """The similarity of questions that have nothing to do with the notes, for this embedding and these notes."""
        return self._open_searcher()[0].baseline()

    def _rarity(self, words: Sequence[str]) -> dict[str, float]:
        """The weight of each word: higher, the fewer chunks hold it."""
        store = self._open_searcher()[1]
        count = store.chunk_count()
        return {word: math.log(1 + count / (1 + found)) for word, found in store.document_frequencies(words).items()}

    # --- parts ----------------------------------------------------------------------------------------

    @property
    def model(self) -> BaseChatModel:
        """The chat model; made when it is first used."""
        with self._lock:
            if self._model is None:
                self._model = open_chat_model(self.settings, self._download)
            return self._model

    @property
    def model_label(self) -> str:
        """How the model is named in answers."""
        return str(getattr(self._model, "label", "") or self.settings.model)

    @property
    def embeddings(self) -> Embeddings:
        """The embedding model; made when it is first used."""
        with self._lock:
            if self._embeddings is None:
                self._embeddings = open_embeddings(self.settings, self._download)
            return self._embeddings

    def prompt(self, name: str) -> Prompt:
        """A prompt of the project, else the built-in one."""
        return load_prompt(name, self.project)

    def retriever(self, top: int | None = None) -> BaseRetriever:
        """The search as a LangChain retriever."""
        from llmapps.rag.langchain_parts import NotesRetriever  # noqa: PLC0415 - brings LangChain

        return NotesRetriever(rag=self, top=top)

    def runnable(self) -> Runnable[str, Answer]:
        """`ask` as a LangChain Runnable."""
        from langchain_core.runnables import RunnableLambda

        return RunnableLambda(self.ask, afunc=self.aask, name="ask_notes")

    def tool(self) -> BaseTool:
        """The search as a LangChain tool for agents."""
        from llmapps.rag.langchain_parts import search_tool  # noqa: PLC0415 - brings LangChain

        return search_tool(self)

    def close(self) -> None:
        """Let go of the index and of the model's process."""
        if self._searcher is not None:
            self._searcher[1].close()
            self._searcher = None
        if close := getattr(self._model, "close", None):
            close()

    def __enter__(self) -> Rag:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
