"""From hits to a checked answer.

Read in this order: `context` (which hits fit into the prompt), `sentences` (texts cut into sentences), `claims` (what a
sentence states), `evidence` (what the notes say about it), `citation_marks` and `draft` (an answer while it arrives),
`abstention` (when to say that the notes do not cover the question), `writer` (the whole way, as a stream of `events`),
`conversation` (follow-up questions).
"""
