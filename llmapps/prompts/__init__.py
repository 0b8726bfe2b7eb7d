"""Prompts are files: `prompts/NAME.prompt` in the project or built in, read strictly, rendered to messages.

Read `template` first (what stands between the braces), then `front_matter` (what stands above), then `prompt_file`
(the two together, found by name); `messages` is what comes out. The format is a part of the open dotprompt format: YAML
front matter, `{{handlebars}}`, `{{role "system"}}`.
"""

from llmapps.prompts.messages import Message, to_langchain
from llmapps.prompts.prompt_file import Prompt, load_prompt, parse_prompt

__all__ = ["Message", "Prompt", "load_prompt", "parse_prompt", "to_langchain"]
