# Every target sets up .venv on first use; later runs start at once.
VENV := .venv/bin
DEMO := build/demo
SAMPLE := build/panel

.PHONY: help demo test lint e2e panel bench screenshots messages clean
help:  ## list the targets
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

.venv/.ready: pyproject.toml scripts/setup.sh
	@scripts/setup.sh

demo: .venv/.ready  ## Foley for the sample cut: a new timeline, WAVs and a preview film
	@mkdir -p $(DEMO) && cp -r vatt_plugin/sample_cut/demo.otio vatt_plugin/sample_cut/media $(DEMO)/
	@$(VENV)/vatt generate $(DEMO)/demo.otio -o $(DEMO)/demo_foley.otio \
	    --preview $(DEMO)/demo_foley.mp4 --force

test: .venv/.ready  ## the whole test suite, end-to-end tests included
	@$(VENV)/python -m pytest

e2e: .venv/.ready  ## only the end-to-end tests
	@$(VENV)/python -m pytest -m e2e

lint: .venv/.ready  ## ruff, mypy strict, import contracts
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@$(VENV)/lint-imports

panel: .venv/.ready  ## open the panel on the sample cut
	@[ -e $(SAMPLE)/demo.otio ] || (mkdir -p $(SAMPLE) && cp -r vatt_plugin/sample_cut/demo.otio vatt_plugin/sample_cut/media $(SAMPLE)/)
	@$(VENV)/vatt panel $(SAMPLE)/demo.otio

bench: .venv/.ready  ## seconds per stage on this machine
	@$(VENV)/vatt bench

screenshots: .venv/.ready  ## every pane and theme into build/screenshots/
	@$(VENV)/python scripts/screenshots.py

messages: .venv/.ready  ## the template of the panel's catalogues, for translators
	@$(VENV)/python scripts/messages.py

clean:  ## remove what the targets above made, except .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
