# Mailweir: test, test-nats, bench, soak, deny. Everything a target needs it installs itself, or says what to install.

CARGO ?= cargo
# Most tests wait for most of their time, so more of them run at once than there are cores; the end-to-end tests bound
# among themselves what loads the machine.
export RUST_TEST_THREADS ?= 8
# What the end-to-end tests drive: Debian package and a file that shows it is there.
TOOLS := nats-server:/usr/sbin/nats-server postfix:/usr/sbin/smtp-source clamav-daemon:/usr/sbin/clamd \
         clamav-testfiles:/usr/share/clamav-testfiles swaks:/usr/bin/swaks \
         spamd:/usr/sbin/spamd rspamd:/usr/bin/rspamd

# The versions of nats-server that `test-nats` runs against, as the Debian suites that have them; sid has the newest.
NATS_SUITES ?= bookworm trixie sid
# Where their packages come from: the system's own source of Debian.
DEBIAN ?= $(shell . /etc/os-release; apt-get indextargets --format '$$(REPO_URI) $$(RELEASE)' 'Created-By: Packages' \
            | while read -r uri suite; do [ "$$suite" = "$$VERSION_CODENAME" ] && echo "$$uri" && break; done)
# End-to-end tests with a nats-server in them, by a part of their names.
NATS_TESTS := distributed nats cluster workers overload two_ingresses

.PHONY: test test-nats bench soak deny tools

# Compiles and lints in one pass, as `cargo clippy` does it with `cargo check`: that would look at all dependencies once more,
# for a fifth of the whole run.
LINTED := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings

# The tests of the whole workspace bring the binary that they drive; a build of its own would compile most of it twice.
test: tools
	$(CARGO) fmt --all --check
	$(LINTED) $(CARGO) test --workspace --all-targets --locked --no-run
	$(LINTED) $(CARGO) test --workspace --locked

# The distributed part, once with each nats-server. The tests start the one that comes first in PATH.
test-nats: tools $(NATS_SUITES:%=target/nats/%)
	$(CARGO) build --locked --package mailweir
	@for suite in $(NATS_SUITES); do \
	  directory=$$(readlink -f target/nats/$$suite)/usr/sbin; \
	  echo "=== $$suite: $$("$$directory/nats-server" --version)"; \
	  PATH="$$directory:$$PATH" $(CARGO) test --locked --package bus --test nats || exit 1; \
	  PATH="$$directory:$$PATH" $(CARGO) test --locked --package tests --test e2e -- $(NATS_TESTS) || exit 1; \
	  PATH="$$directory:$$PATH" $(CARGO) test --locked --package tests --test faults || exit 1; \
	done

# A link to target/nats/VERSION, where the package of that suite is unpacked. The system stays as it is: apt has sources,
# lists and cache of its own; the keys are the system's. An old mirror of sid will do, so its date is not checked.
target/nats/%:
	@set -e; apt="$(CURDIR)/target/nats/apt-$*"; rm -rf "$$apt"; mkdir -p "$$apt/lists/partial" "$$apt/cache/archives/partial"; \
	[ -n "$(DEBIAN)" ] || { echo "no mirror of Debian among apt's sources: make test-nats DEBIAN=http://deb.debian.org/debian" >&2; exit 1; }; \
	echo "deb $(DEBIAN) $* main" > "$$apt/sources.list"; \
	{ apt-config dump | grep '^Acquire::https\?::' || true; printf '%s;\n' "Dir::State \"$$apt\"" 'Dir::State::status "/dev/null"' \
	  "Dir::Cache \"$$apt/cache\"" "Dir::Etc::sourcelist \"$$apt/sources.list\"" 'Dir::Etc::sourceparts "/dev/null"' \
	  'Dir::Etc::parts "/dev/null"' 'Dir::Etc::main "/dev/null"' 'Acquire::Languages "none"' 'Acquire::Retries "3"' \
	  'Acquire::Check-Valid-Until "false"' "APT::Sandbox::User \"$$(id -un)\""; } > "$$apt/apt.conf"; \
	export APT_CONFIG="$$apt/apt.conf"; cd "$$apt"; \
	apt-get update -qq && apt-get download -qq nats-server \
	  || { echo "the nats-server of Debian $* cannot be had from $(DEBIAN)" >&2; exit 1; }; \
	version=$$(dpkg-deb -f nats-server_*.deb Version); version=$${version%%-*}; \
	dpkg-deb -x nats-server_*.deb "../$$version"; rm -rf "$$apt"; cd ..; \
	"./$$version/usr/sbin/nats-server" --version; ln -sfn "$$version" "$*"

# All tables, or some: `make bench ONLY="hop feed"`; tests/benches/table/main.rs has their names.
ONLY ?=
bench: tools
	$(CARGO) build --release --locked --package mailweir
	$(CARGO) bench --locked --package tests --bench table $(if $(ONLY),-- --only $(ONLY))

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
