"""Search: a question in, the best chunks out.

Read in this order: `words` (what to look for), `dense` (by meaning), `fusion` (two rankings made one), `searcher`,
`leading` (which hits are worth a model's time).
"""
