"""Where people and programs meet Roundsman: terminal, HTTP, chat page. A surface shows; it decides nothing."""
