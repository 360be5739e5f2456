# Everything a person does with this repository. `make run` and `make test` are all you need.

CARGO ?= cargo

.PHONY: run test ui bench clean

# Build the UI (if npm is there) and the daemon, then start it. Ctrl-C stops it.
run: ui
	$(CARGO) run --release --bin at-daemon

# Build the UI and compress its files; without npm the daemon shows its own small page instead.
ui:
	@if command -v npm >/dev/null 2>&1; then \
	  cd ui && npm ci --no-audit --no-fund --silent && npm run build --silent; \
	else \
	  echo "npm not found: building without the web UI (install Node 20 to get it)"; \
	fi

# Everything: format, lints, house rules, all tests, real clients, a real browser. Installs what it needs. One profile for
# lints and tests, so that build scripts and macros are built once.
test:
	tests/setup.sh
	$(CARGO) fmt --all --check
	$(MAKE) ui
	cd ui && npm test --silent
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	$(CARGO) clippy --release -p tundra-sdk --all-features --all-targets -- -D warnings
	TUNDRA_REQUIRE_UI=1 $(CARGO) test --release --workspace
	$(CARGO) test --release -p tundra-sdk --all-features
	$(CARGO) test --manifest-path crates/tundra/loom/Cargo.toml --target-dir target/loom

# The benchmarks, each figure beside its goal; `cargo xtask bench --help` has more.
bench: ui
	$(CARGO) run --release --package xtask -- bench

# Remove what was built.
clean:
	$(CARGO) clean
	rm -rf ui/dist ui/node_modules
