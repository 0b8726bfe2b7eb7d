"""Prompts are files: `prompts/NAME.prompt` in the project or built in, read strictly, rendered to messages.

Read `template` first (what stands between the braces), then `prompt_file` (the file around it). The format is a part of
the open dotprompt format: YAML front matter, `{{handlebars}}`, `{{role "system"}}`.
"""

from llmapps.prompts.prompt_file import Prompt, load_prompt, parse_prompt

__all__ = ["Prompt", "load_prompt", "parse_prompt"]
