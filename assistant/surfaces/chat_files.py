"""What Chainlit finds on disk: its configuration, texts and pictures, in a folder under `home` that it may fill."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path

from domain.settings import Settings

PAGE = Path(__file__).parent / "page"
SECRET_BYTES = 48
ABOUT = """# Roundsman

Ask about bins, forecasts, rounds, records and the fleet, in your own words. Every number in an answer comes from a
result that is shown with its reasons. Nothing is sent to a crew before a person has approved exactly what is shown.
"""


def prepare(settings: Settings) -> Path:
    """Writes the folder and points Chainlit at it. To be called before Chainlit is imported.

    The environment is how Chainlit is configured; nothing of ours is read from it here. A `.env` file of the working
    directory is not loaded, a `DATABASE_URL` of another program not used.
    """
    folder = (settings.home / "chat").resolve()
    (folder / ".chainlit").mkdir(parents=True, exist_ok=True)
    (folder / ".chainlit" / "config.toml").write_text(config(settings), encoding="utf-8")
    (folder / "chainlit.md").write_text(ABOUT, encoding="utf-8")
    shutil.copytree(PAGE, folder / "public", dirs_exist_ok=True)
    os.environ["CHAINLIT_APP_ROOT"] = str(folder)
    os.environ["CHAINLIT_ENV_FILE"] = str(folder / "none.env")
    os.environ["CHAINLIT_AUTH_SECRET"] = chat_secret(settings)
    return folder


def chat_secret(settings: Settings) -> str:
    """The secret that signs chat sessions: of the settings, or made once and kept where only we can read it."""
    if settings.chat_secret and settings.chat_secret.get_secret_value().strip():
        return settings.chat_secret.get_secret_value()
    file = settings.home / "keys" / "chat"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(SECRET_BYTES), encoding="ascii")
    return file.read_text(encoding="ascii")


def config(settings: Settings) -> str:
    """Chainlit's config.toml: own origin only, no uploads, no HTML, tool steps shown, nothing that calls home."""
    names = {"localhost", "127.0.0.1", settings.host}
    origins = sorted(f"http://{name}:{settings.port}" for name in names)
    return f"""[project]
allow_origins = {json.dumps(origins)}
transports = ["websocket"]
session_timeout = 3600
user_session_timeout = 43200
cache = false

[features]
unsafe_allow_html = false
latex = false
user_message_markdown = false
edit_message = false
auto_tag_thread = false
allow_thread_sharing = false
favorites = false

[features.spontaneous_file_upload]
enabled = false

[features.audio]
enabled = false

[features.mcp]
enabled = false

[UI]
name = "Roundsman"
description = "A conversational operations assistant for waste-collection rounds."
default_theme = "light"
layout = "wide"
cot = "tool_call"
confirm_new_chat = false
custom_css = "/public/chat.css"
alert_style = "modern"

[meta]
generated_by = "2.12.0"
"""
