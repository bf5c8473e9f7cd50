"""Settings: read once, in app.py, from environment variables with the prefix ROUNDSMAN_."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every knob of Roundsman. The table in docs/settings.md is generated from these descriptions."""

    model_config = SettingsConfigDict(env_prefix="ROUNDSMAN_", extra="ignore")

    home: Path = Field(Path("var"), description="Folder of all state: database, ledger checkpoints, keys, models.")
    database_url: str | None = Field(None, description="SQLAlchemy URL; without it one SQLite file under home.")
    city: str = Field("berkeley", description="The city whose operation is asked about.")
    cities_folder: Path = Field(Path("cities"), description="Where city folders are looked for by name.")
    host: str = Field("127.0.0.1", description="Address the server listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the server listens on.")
    model_url: str | None = Field(None, description="OpenAI-compatible server; without it the embedded engine starts.")
    model_name: str = Field("roundsman", description="Model name sent to the server at model_url.")
    model_key: SecretStr | None = Field(None, description="API key for the server at model_url.")
    model_prompt: Literal["small", "llama3"] = Field(
        "small", description="Prompt style: `small` (embedded model) or `llama3` (Llama 3.1)."
    )
    adapter: Path | None = Field(None, description="LoRA adapter (GGUF) for the embedded engine; default: the shipped.")
    model_threads: int | None = Field(
        None, ge=1, le=64, description="Threads of the embedded engine; by default one a core, two at most."
    )
    decision_deadline_s: float = Field(20.0, gt=0, description="Longest wait for one decision of the model.")
    question_deadline_s: float = Field(60.0, gt=0, description="Longest wait for one whole question.")
    max_steps: int = Field(8, ge=1, le=12, description="Most tool calls in one question.")
    solve_seconds: float = Field(2.0, gt=0, le=120, description="Time the route solver gets for a plan in chat.")
    matrix_kind: Literal["great-circle", "osrm", "valhalla", "given"] = Field(
        "great-circle",
        description="Where distances come from: great circle times a stated detour factor, a server, or a given file.",
    )
    matrix_url: str | None = Field(
        None, description="Address of the OSRM or Valhalla server; for `given` the path of a csv file."
    )
    seed: int = Field(0, description="Seed of every random choice in deterministic parts.")
    open_demo: bool = Field(
        True, description="Without a key, callers on loopback act as the demo manager. Never on other addresses."
    )
    chat_secret: SecretStr | None = Field(None, description="Signs chat sessions; made and kept under home if unset.")
    embedder: str = Field(
        "all-MiniLM-L6-v2",
        description="Embedding model: the installed one, a sentence-transformers model by folder or fetched name, or "
        "`openai:NAME` (needs openai_key). After a change run `roundsman reindex`.",
    )
    embedder_numbers: int | None = Field(
        None, ge=8, le=4096, description="Numbers of an `openai:` vector, where the model can give fewer than its own."
    )
    openai_key: SecretStr | None = Field(
        None, description="Key for `openai:` embeddings; texts and questions then leave the house."
    )
    openai_url: str | None = Field(None, description="Another server that speaks OpenAI's embeddings API.")
    weaviate_url: str | None = Field(
        None, description="HTTP address of Weaviate; with it and a PostgreSQL database_url, search runs on these two."
    )
    weaviate_grpc_port: int = Field(50051, ge=1, le=65535, description="Port of Weaviate's gRPC on the same host.")
    weaviate_key: SecretStr | None = Field(None, description="API key for Weaviate.")
    weaviate_replicas: int = Field(3, ge=1, le=21, description="Copies of each vector in Weaviate; at most its nodes.")
    weaviate_wait_s: float = Field(
        0.3, gt=0, le=10, description="Longest wait of one search for Weaviate; then it is answered without."
    )
    forecaster: Literal["chronos", "timesfm"] | None = Field(
        None,
        description="A foundation forecaster beside the trained members, for bins with sensors; needs forecaster_at.",
    )
    forecaster_at: str | None = Field(
        None,
        description="HTTP address of the forecaster, or for `chronos` a folder with its weights; nothing is fetched.",
    )
    forecaster_key: SecretStr | None = Field(None, description="Bearer token for the server at forecaster_at.")
    forecaster_share: float = Field(
        0.25, gt=0, lt=1, description="How much the forecaster's levels count beside the members'; stated, not learnt."
    )
    postgres_statement_timeout_ms: int = Field(15_000, gt=0, description="Longest SQL statement on PostgreSQL.")

    def url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.home / 'roundsman.db'}"
