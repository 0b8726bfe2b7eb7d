"""`python -m llmapps` is the `llmapps` command."""

from llmapps.cli import main

if __name__ == "__main__":
    main()
