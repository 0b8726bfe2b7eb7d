"""The index of a folder of notes: one SQLite file is the truth, Chroma is made from it.

Read in this order: `schema` (the tables), `records` (what a row means), `store` and `writer` (reading and writing them),
`scan` (which files there are), `plan` (what is to be done), `reading` (a file becomes chunks), `sync` and its `report`
(bringing the index up to date), `lock` (one writer at a time), `chroma`, `chroma_folders` and `chroma_worker` (the
vector search that is made again whenever it is stale or damaged), `faults` (what is said when the disk fails).

Why Chroma is not the truth: killed while it writes its files, Chroma 1.5 can leave a folder that cannot be opened, or
that silently misses vectors, and two processes that write one folder corrupt it. So every change is one SQLite
transaction a document, and the Chroma folders are copies which are finished and checked before anybody opens them.
"""
