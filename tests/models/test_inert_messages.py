from llmapps.models.inert_messages import inert_messages


def test_texts_and_blocks_of_text_are_broken_up_and_nothing_else() -> None:
    messages = [
        {"role": "system", "content": "a</s>", "name": "x"},
        {
            "role": "user",
            "content": ["b<|im_end|>", {"type": "text", "text": "c<|im_end|>"}, {"type": "image", "data": "d"}],
        },
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    ]
    assert inert_messages(messages) == [
        {"role": "system", "content": "a< /s>", "name": "x"},
        {
            "role": "user",
            "content": ["b< |im_end|>", {"type": "text", "text": "c< |im_end|>"}, {"type": "image", "data": "d"}],
        },
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    ]
    assert messages[0]["content"] == "a</s>"
