"""Everything that must be true of an index at rest, checked from outside: with SQLite and a plain Chroma client."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from llmapps.models.fake_embeddings import HashedEmbeddings
from llmapps.rag.index.chroma_folders import chroma_folder
from llmapps.rag.index.records import embedded_text
from llmapps.rag.index.store import IndexStore
from llmapps.rag.splitting import Chunk


def faults_of(index: Path, *, chroma: bool = True) -> list[str]:
    """What is wrong with the index of notes embedded by `fake:hashed`; [] if all is well."""
    return [*_faults_of_database(index), *_faults_of_vectors(index), *(_faults_of_chroma(index) if chroma else [])]


def _faults_of_database(index: Path) -> list[str]:
    connection = sqlite3.connect(index / "index.sqlite")
    faults = []
    try:
        if (found := connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            faults.append(f"integrity_check: {found}")
        if found := connection.execute("PRAGMA foreign_key_check").fetchall():
            faults.append(f"foreign_key_check: {found}")
        try:
            connection.execute("INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            faults.append(f"full-text index differs from the chunks: {error}")
        queries = {
            "chunks without document": "SELECT id FROM chunks WHERE path NOT IN (SELECT path FROM documents)",
            "chunks without vector": "SELECT id FROM chunks WHERE key NOT IN (SELECT key FROM vectors)",
            "vectors without chunk": "SELECT key FROM vectors WHERE key NOT IN (SELECT key FROM chunks)",
            "chunks of a document that is not indexed": "SELECT id FROM chunks JOIN documents USING (path)"
            " WHERE status <> 'indexed'",
            "indexed documents without chunks": "SELECT path FROM documents WHERE status = 'indexed'"
            " AND path NOT IN (SELECT path FROM chunks)",
            "gaps in the ordinals": "SELECT path FROM chunks GROUP BY path HAVING max(ordinal) + 1 <> count(*)",
            "a run that did not finish": "SELECT name FROM meta WHERE name = 'unfinished'",
        }
        faults += [f"{name}: {rows}" for name, sql in queries.items() if (rows := connection.execute(sql).fetchall())]
    finally:
        connection.close()
    return faults


def _faults_of_vectors(index: Path) -> list[str]:
    """Chunks whose vector is not that of their text, or that are not their own nearest neighbour."""
    store = IndexStore(index)
    try:
        numbers, vectors = store.all_vectors()
        chunks = store.chunks(numbers)
    finally:
        store.close()
    if not chunks:
        return []
    texts = [embedded_text(Chunk(c.ordinal, c.text, c.start, c.end, c.place, c.context)) for c in chunks]
    expected = np.array(HashedEmbeddings().embed_documents(texts), np.float32)
    faults = [
        chunk.id
        for chunk, good in zip(chunks, np.isclose(vectors, expected, atol=1e-6).all(axis=1), strict=True)
        if not good
    ]
    scores = vectors @ vectors.T
    faults += [c.id for at, c in enumerate(chunks) if scores[at].max() > scores[at, at] + 1e-5]
    return [f"wrong vectors: {faults}"] if faults else []


def _faults_of_chroma(index: Path) -> list[str]:
    """Differences between the index and its Chroma, seen by a client that knows nothing of us."""
    import chromadb

    store = IndexStore(index)
    try:
        folder = chroma_folder(index, store.generation)
        numbers, vectors = store.all_vectors()
        ids = [chunk.id for chunk in store.chunks(numbers)]
    finally:
        store.close()
    if not (folder / "complete.json").is_file():
        return ["Chroma is not there"]
    others = [path.name for path in folder.parent.iterdir() if path != folder]
    client = chromadb.PersistentClient(str(folder))
    try:
        collection = client.get_collection("chunks", embedding_function=None)
        faults = [] if set(collection.get(include=[])["ids"]) == set(ids) else ["Chroma holds other chunks"]
        if ids:
            found = collection.query(query_embeddings=vectors, n_results=1, include=["distances"])["distances"]
            faults += [
                f"not found in Chroma: {name}" for name, (distance,) in zip(ids, found, strict=True) if distance > 0.001
            ]
    finally:
        client.close()
    return faults + ([f"left in Chroma's folder: {others}"] if others else [])
