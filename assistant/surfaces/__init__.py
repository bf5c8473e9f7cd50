"""Where people and programs meet the assistant: page, API, terminal."""
