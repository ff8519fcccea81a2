# Mailweir: test, bench, deny. Everything a target needs it installs itself, or says what to install.

CARGO ?= cargo
# What the end-to-end tests drive: Debian package and a file that shows it is there.
TOOLS := nats-server:/usr/sbin/nats-server postfix:/usr/sbin/smtp-source clamav-daemon:/usr/sbin/clamd \
         clamav-testfiles:/usr/share/clamav-testfiles swaks:/usr/bin/swaks

.PHONY: test bench soak deny tools

test: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) build --locked --package mailweir
	$(CARGO) test --workspace --locked

bench: tools
	$(CARGO) build --release --locked --package mailweir
	$(CARGO) bench --locked --package tests --bench table

# Random faults; the same seed makes the same faults. `make test` runs a minute of it.
SECONDS ?= 600
SEED ?= 1
soak: tools
	$(CARGO) build --locked --package mailweir
	SOAK_SECONDS=$(SECONDS) SOAK_SEED=$(SEED) $(CARGO) test --locked --package tests --test soak

# Bans, licences and sources need no network; advisories are checked where their database can be fetched.
deny:
	@command -v cargo-deny >/dev/null || { echo "make deny needs cargo-deny: cargo install --locked cargo-deny" >&2; exit 1; }
	$(CARGO) fetch --locked --quiet
	cargo-deny --offline --config .deny.toml check --hide-inclusion-graph bans licenses sources
	@cargo-deny --config .deny.toml fetch db 2>/dev/null \
	  && cargo-deny --offline --config .deny.toml check advisories \
	  || echo "advisories not checked: their database cannot be fetched here"

tools:
	@missing=; \
	for tool in $(TOOLS); do [ -e "$${tool#*:}" ] || missing="$$missing $${tool%%:*}"; done; \
	[ -z "$$missing" ] && exit 0; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "installing$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else \
	  echo "the end-to-end tests need:$$missing (Debian package names); install them and run make test again" >&2; exit 1; \
	fi
