"""From hits to a checked answer.

Read in this order: `context` (which hits fit into the prompt), `sentences` (the answer's sentences, as they arrive),
`evidence` (what the notes say about each), `abstention` (when to say that the notes do not cover the question),
`writer` (the whole way, as a stream of events), `conversation` (follow-up questions).
"""
