"""How a chat model around a chat model keeps tools and structured output: the inner model's own recipe, re-aimed.

`bind_tools` and `with_structured_output` differ from provider to provider (native tools, a JSON schema, a grammar), and
return a runnable that holds the model. A wrapper asks its inner model for that runnable and puts itself in the model's
place, so that the recipe is the provider's and every call still goes through the wrapper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import Runnable


def rebind(runnable: Runnable[Any, Any], inner: BaseChatModel, outer: BaseChatModel) -> Runnable[Any, Any]:
    """The same runnable with `outer` wherever it held `inner`."""
    from langchain_core.runnables import RunnableBinding, RunnableParallel, RunnableSequence

    if runnable is inner:
        return outer
    if isinstance(runnable, RunnableBinding):
        return runnable.model_copy(update={"bound": rebind(runnable.bound, inner, outer)})
    if isinstance(runnable, RunnableSequence):
        return RunnableSequence(*(rebind(step, inner, outer) for step in runnable.steps), name=runnable.name)
    if isinstance(runnable, RunnableParallel):
        return RunnableParallel({name: rebind(step, inner, outer) for name, step in runnable.steps__.items()})
    return runnable
