# Two commands do everything: `make serve` and `make test`.

# Architecture to convert and serve, or the tag of a converted model.
DEFAULT := efficientnet_lite0
MODEL ?= $(or $(CLASSIFIER_MODEL),$(DEFAULT))
# A state_dict of your own (.pth, .safetensors; path or URL) and its class names.
WEIGHTS ?=
LABELS ?=
# A JSON file that says how it was trained (docs/preprocessing.md).
PREPROCESSING ?=
# Which entry of that checkpoint, if several fit the network.
ENTRY ?=
# sigmoid for a network that was trained so, and the least confidence of a decision: a number or a
# JSON file with one per class.
ACTIVATION ?=
THRESHOLD ?=
# Arithmetic of the network: fp32, fp16 for GPUs, int8, or bf16 for OpenVINO.
PRECISION ?=
# Your own photographs for int8 and bf16, and what such a model may be: less-accurate, slower.
CALIBRATION ?=
ALLOW ?=
HOST ?= 127.0.0.1
PORT ?= 3000
PYTHON ?= python3

# As it stands in a URL: IPv6 addresses in brackets.
URL_HOST := $(if $(findstring :,$(HOST)),[$(HOST)],$(HOST))

# Seconds that requests in flight are given after Ctrl-C or SIGTERM.
GRACE := 30

SHELL := bash
VENV := .venv
BIN := $(VENV)/bin

export BENTOML_DO_NOT_TRACK ?= True
export ORT_DISABLE_TELEMETRY ?= 1
# Images for containers often set it. Every process would compile all that it imports: a start
# took three times as long.
unexport PYTHONDONTWRITEBYTECODE

# Whether a model is asked for: in the environment or on the command line.
GIVEN := $(if $(filter file,$(origin MODEL)),$(CLASSIFIER_MODEL),$(MODEL))$(WEIGHTS)$(LABELS)$(PREPROCESSING)$(PRECISION)$(ACTIVATION)$(THRESHOLD)$(CALIBRATION)

# Prints the tag of the model that was asked for last, which is the one that is given, if any.
STORED = $(BIN)/python -m conversion.store

CONVERT = $(BIN)/python -m conversion.convert_to_onnx --architecture $(MODEL) \
	$(if $(WEIGHTS),--weights '$(WEIGHTS)') $(if $(LABELS),--labels '$(LABELS)') $(if $(ENTRY),--entry '$(ENTRY)') \
	$(if $(PREPROCESSING),--preprocessing '$(PREPROCESSING)') $(if $(PRECISION),--precision '$(PRECISION)') \
	$(if $(ACTIVATION),--activation '$(ACTIVATION)') $(if $(THRESHOLD),--threshold '$(THRESHOLD)') \
	$(if $(CALIBRATION),--calibration '$(CALIBRATION)') $(ALLOW:%=--allow-%)

# Written by `make tune`. What the environment has is put back over it.
TUNED ?= tuned.env
LOAD_TUNED = if [ -f '$(TUNED)' ]; then \
		echo "with the settings of $(TUNED); those of the environment win"; \
		own=$$(export -p | grep ' CLASSIFIER_'); \
		set -a; . '$(abspath $(TUNED))'; set +a; eval "$$own"; \
	fi

# A model that `make tune` found better than the one asked for by its architecture.
STAND_IN = if [ "$$tag" = "$$TUNED_FOR" ] && [ "$$tag" != '$(MODEL)' ]; then \
		echo "instead, as tuned: $$TUNED_MODEL"; tag=$$TUNED_MODEL; \
	fi

.PHONY: screenshot serve model evaluate batch bento tune test lint format end-to-end faults soak hostile costliest fuzz overload wrk bench bench-peers check help
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

serve: $(BIN)/.serving ## Convert the model if need be and serve it (MODEL= WEIGHTS= LABELS= HOST= PORT=)
	@$(BIN)/python -m serving.workers.address '$(HOST)' '$(PORT)'
	@case '$(MODEL)' in \
		image_classifier:*) tag='$(MODEL)'; $(BIN)/python -m serving.workers.model_store "$$tag" || exit 1; \
			$(STORED) "$$tag" >/dev/null 2>&1 || echo "not kept as the model asked for last" ;; \
		*) tag=$$($(CONVERT)) || exit 1 ;; \
	esac; \
	echo; \
	echo "serving $$tag; in another terminal:"; \
	echo "    curl -F image=@test_images/coffee.jpg http://$(URL_HOST):$(PORT)/classify"; \
	echo "    curl http://$(URL_HOST):$(PORT)/health"; \
	echo; \
	$(LOAD_TUNED); \
	$(STAND_IN); \
	CLASSIFIER_MODEL=$$tag exec $(BIN)/bentoml serve --host $(HOST) --port $(PORT) \
		--timeout-graceful-shutdown $(GRACE)

model: $(BIN)/.serving ## Only convert (MODEL= WEIGHTS= LABELS=)
	@$(CONVERT)

# The model that is packed: the one given, else the one asked for last, else the default.
PACKED = $(if $(findstring image_classifier:,$(MODEL)),$(STORED) '$(MODEL)',$(if $(GIVEN),$(CONVERT),$(STORED) || $(CONVERT)))
TELL_PACKED = tag=$$($(PACKED)) || exit 1; \
	echo "packing $$tag"; \
	case $$tag in *:$(DEFAULT)-*) ;; *) \
		echo "not the default, $(DEFAULT); for that: make $@ MODEL=$(DEFAULT)" ;; \
	esac

# The model of `make evaluate` and `make batch`: as for packing, but a tag is not remembered as the
# model asked for last.
ASKED = case '$(MODEL)' in \
		image_classifier:*) tag='$(MODEL)' ;; \
		*) tag=$$($(PACKED)) || exit 1; echo "with $$tag" >&2 ;; \
	esac

# Options of python -m conversion.evaluate, such as '--html mistakes.html --against TAG'.
EVALUATE ?=

evaluate: $(BIN)/.serving ## Evaluate a model on labelled photographs (MODEL= PHOTOGRAPHS= EVALUATE=)
	@[ -n '$(PHOTOGRAPHS)' ] || { echo "error: which photographs? make evaluate PHOTOGRAPHS=folder"; exit 1; }
	@$(ASKED); \
	$(BIN)/python -m conversion.evaluate '$(PHOTOGRAPHS)' --model "$$tag" $(EVALUATE)

$(BIN)/.batching: pyproject.toml | $(BIN)/.serving
	@echo "installing into $(VENV)"
	@$(call INSTALL,batch)
	@touch $@

# The table that `make batch` writes (.parquet, .csv or .jsonl), and options of python -m batch.
OUTPUT ?= predictions.parquet
BATCH ?=

batch: $(BIN)/.batching ## Classify a folder of photographs into a table (MODEL= PHOTOGRAPHS= OUTPUT= BATCH=)
	@[ -n '$(PHOTOGRAPHS)' ] || { echo "error: which photographs? make batch PHOTOGRAPHS=folder"; exit 1; }
	@$(ASKED); \
	exec $(BIN)/python -m batch '$(PHOTOGRAPHS)' --output '$(OUTPUT)' --model "$$tag" $(BATCH)

bento: $(BIN)/.serving ## Build the Bento with the model asked for last (MODEL= WEIGHTS= LABELS=)
	@$(TELL_PACKED); $(BIN)/bentoml build

.PHONY: container container-test

# For machines without GPU, or with: cpu, openvino or gpu.
CONTAINER ?= cpu

container: $(BIN)/.serving ## Build the Bento and its image image_classifier:cpu, :openvino or :gpu (CONTAINER=)
	@$(TELL_PACKED); bash deploy/container/build.sh '$(CONTAINER)'

container-test: $(BIN)/.developing ## Build the CPU image, run, break and stop it
	@bash tests/with_docker.sh bash tests/container.sh

# Processes that run tests; each takes whole files, in the order of tests/conftest.py. One more
# than two processors keep busy: many tests wait.
JOBS ?= 3

test: $(BIN)/.developing ## Run all tests (JOBS=)
	@$(BIN)/python -m pytest -n '$(JOBS)' --dist loadfile --no-loadscope-reorder

lint: $(BIN)/.developing ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .

format: $(BIN)/.developing ## Mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

end-to-end: $(BIN)/.serving $(BIN)/.checking ## Convert, serve, classify, build the Bento, serve it, stop
	@bash tests/end_to_end.sh

# Made anew unless it was finished: an interrupted one may lack anything. Debian and Ubuntu
# ship venv in a package of its own.
$(VENV)/.made:
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
			echo "error: Python has no venv; install it (apt-get install python3-venv)"; exit 1; }; \
		echo "installing python3-venv"; \
		apt-get -qq update && apt-get -qq install -y python3-venv && $(PYTHON) -m venv $(VENV); }
	@touch $@

# Prints what is downloaded: it takes minutes. Python compiles a module when it is first imported;
# compiling all 20,000 of them here would take another minute and a half.
comma := ,
INSTALL = set -o pipefail; $(BIN)/pip install --disable-pip-version-check --progress-bar off --no-compile \
	--editable '.[$1]' | sed -un 's/^ *\(Downloading\|Installing\) /  &/p'

$(BIN)/.serving: pyproject.toml | $(VENV)/.made
	@echo "installing into $(VENV) (PyTorch is large: minutes, and about 6 GB)"
	@$(call INSTALL,convert)
	@touch $@

$(BIN)/.developing: pyproject.toml | $(VENV)/.made
	@echo "installing into $(VENV) (PyTorch is large: minutes, and about 6 GB)"
	@$(call INSTALL,convert$(comma)check$(comma)dev)
	@# The extra `tracing`, in the release of the SDK that is here: pip alone tries hundreds of them.
	@$(BIN)/pip install --quiet --disable-pip-version-check "opentelemetry-exporter-otlp-proto-http==$$( \
		$(BIN)/python -c 'from importlib.metadata import version as v; print(v("opentelemetry-sdk"))')"
	@touch $@ $(BIN)/.serving $(BIN)/.checking $(BIN)/.batching

# Seconds that `make soak`, `make costliest` and `make fuzz` take.
SECONDS ?= 600

faults: $(BIN)/.developing ## Break a running service in every way that it must survive
	@$(BIN)/python -m resilience.faults

screenshot: $(BIN)/.developing ## Photograph the page of a running service for the README (URL=)
	@$(BIN)/python -m docs.screenshot '$(URL)'

soak: $(BIN)/.developing ## Send a service mixed and hostile traffic (SECONDS=600)
	@$(BIN)/python -m resilience.soak --seconds $(SECONDS)

hostile: $(BIN)/.developing ## Send a service hostile files and requests, measure each one's cost
	@$(BIN)/python -m hostile

costliest: $(BIN)/.developing ## Look for the costliest file of each image format (SECONDS=600)
	@$(BIN)/python -m hostile.costliest --seconds $(SECONDS)

fuzz: $(BIN)/.developing ## Look for bytes that break decoding or parsing (SECONDS=600)
	@$(BIN)/python -m hostile.fuzz --seconds $(SECONDS)

overload: $(BIN)/.developing ## Send four times more requests than can be answered, for a minute
	@$(BIN)/python -m resilience.overload

# The load generator of the benchmarks.
wrk:
	@command -v wrk >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
			echo "error: wrk is missing; install it (apt-get install wrk)"; exit 1; }; \
		echo "installing wrk"; \
		apt-get -qq update && apt-get -qq install -y wrk; }

# Where `make observe` listens, what it reads and where it keeps its data.
PROMETHEUS_PORT ?= 9095
PROMETHEUS_CONFIG ?= deploy/observability/prometheus.yml
PROMETHEUS_DATA ?= build/prometheus

.PHONY: observe
observe: ## Watch the service on port 3000 with Prometheus and alerts (PROMETHEUS_PORT=9095)
	@command -v prometheus >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
			echo "error: prometheus is missing; install it (apt-get install prometheus)"; exit 1; }; \
		echo "installing prometheus"; \
		apt-get -qq update && apt-get -qq install -y --no-install-recommends prometheus; }
	@echo "Prometheus: http://127.0.0.1:$(PROMETHEUS_PORT)/alerts"
	@mkdir -p '$(PROMETHEUS_DATA)'; exec prometheus --config.file='$(PROMETHEUS_CONFIG)' \
		--storage.tsdb.path='$(PROMETHEUS_DATA)' --web.listen-address=127.0.0.1:$(PROMETHEUS_PORT) \
		--log.level=warn

# Options of python -m benchmarks, such as '--models near_zero --rounds 5'.
BENCH ?=

bench: $(BIN)/.developing wrk ## Measure the service beside its limit and its peers (BENCH= PHOTOGRAPHS=)
	@$(BIN)/python -m benchmarks $(BENCH)

# Options of python -m benchmarks.tune, such as '--p99-ms 100'.
TUNE ?=

tune: $(BIN)/.developing wrk ## Find the best settings for this machine (MODEL= TUNE= PHOTOGRAPHS=)
	@case '$(MODEL)' in image_classifier:*) tag='$(MODEL)' ;; *) tag=$$($(CONVERT)) || exit 1 ;; esac; \
	$(BIN)/python -m benchmarks.tune --model "$$tag" $(TUNE)

BENCHMARKS := build/benchmarks
PEERS := $(patsubst benchmarks/peers/requirements/%.txt,%,$(wildcard benchmarks/peers/requirements/*.txt))

bench-peers: $(PEERS:%=$(BENCHMARKS)/venv-%/.installed) ## Install what the service is compared with

# With what decodes, resizes and classifies in the service. A peer that cannot be installed stands
# in the table as absent.
$(BENCHMARKS)/venv-%/.installed: benchmarks/peers/requirements/%.txt benchmarks/peers/core.txt benchmarks/peers/work.txt $(BIN)/.developing
	@echo "installing $* into $(BENCHMARKS)/venv-$*"
	@mkdir -p $(BENCHMARKS)
	@$(BIN)/pip -qq freeze -r benchmarks/peers/work.txt | sed '/^##/,$$d' > $(BENCHMARKS)/versions.txt
	@$(PYTHON) -m venv $(BENCHMARKS)/venv-$*
	@$(BENCHMARKS)/venv-$*/bin/pip install --quiet --disable-pip-version-check \
		-c $(BENCHMARKS)/versions.txt -r $< && touch $@ || echo "$* could not be installed"

$(BIN)/.checking: pyproject.toml | $(VENV)/.made
	@echo "installing into $(VENV)"
	@$(call INSTALL,check)
	@touch $@

# The deployment that `make check` looks at, and more options (python -m deployment_check --help).
URL ?= http://127.0.0.1:$(PORT)
CHECK ?=

check: $(BIN)/.checking ## Check a running deployment, also under load (URL= CHECK='--seconds 30')
	@$(BIN)/python -m deployment_check --url '$(URL)' --report build/check $(CHECK)
