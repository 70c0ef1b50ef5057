# Sourced by build.sh and .ci/run, in the repository's root: one `need_...` function for each thing the build needs.
# Each installs what is missing where that is possible (Debian as root, rustup, crates.io, npm) and otherwise says
# what to install. Running them again costs next to nothing.

source tools/say.sh

RUST_MINIMUM=1.95
NODE_MINIMUM=20.19
NODE_FROM_NPM=22.23.3
WASM_PACK_VERSION=0.15.1
WASM_TARGET=wasm32-unknown-unknown
# Debian's `rustc` is too old in every release; `rustc-web`, kept up to date for Chromium and Firefox, is new enough.
DEBIAN_RUST=(rustc-web cargo-web)

# Tools that cargo and npm install for this build are found even in a shell that was never told of them.
export PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

# --- Debian packages -------------------------------------------------------------------------------------------------

on_debian_as_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# packages WHAT_FOR PACKAGE...: installs Debian packages, or says which ones are missing.
packages() {
  local what=$1
  shift
  on_debian_as_root || fail "$what is missing. On Debian: sudo apt-get install $*"
  say "installing $what ($*)"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends "$@" >&2
}

need_c_compiler() {
  command -v cc >/dev/null || packages "a C compiler" gcc libc6-dev
}

# --- Rust ------------------------------------------------------------------------------------------------------------

# at_least VERSION MINIMUM
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

rustc_version() { "$1" --version 2>/dev/null | cut -d' ' -f2; }

need_rust() {
  need_c_compiler
  if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    on_debian_as_root || fail "Rust is missing. Install it with rustup (https://rustup.rs), then run this again."
    packages "Debian's current Rust" "${DEBIAN_RUST[@]}"
    hash -r
  fi
  local version
  version=$(rustc_version rustc)
  at_least "$version" "$RUST_MINIMUM" ||
    fail "Rust $version is too old, $RUST_MINIMUM or newer is needed: rustup update stable (https://rustup.rs)"
}

# has_wasm_target RUSTC: whether that compiler has the standard library for wasm32.
has_wasm_target() {
  local libraries
  libraries=$("$1" --print target-libdir --target "$WASM_TARGET" 2>/dev/null) && [ -d "$libraries" ]
}

# Decides which toolchain builds for wasm32; `with_wasm_toolchain` then runs it.
need_wasm_target() {
  need_rust
  WASM_PATH=$PATH
  if has_wasm_target rustc; then return; fi
  if command -v rustup >/dev/null; then
    say "adding the Rust target $WASM_TARGET"
    if rustup target add "$WASM_TARGET" >&2; then return; fi
  fi
  need_debian_wasm_target
  WASM_PATH=/usr/bin:$PATH
  say "wasm is built by Debian's Rust $(rustc_version /usr/bin/rustc)"
}

need_debian_wasm_target() {
  if [ -x /usr/bin/rustc ] && has_wasm_target /usr/bin/rustc; then return; fi
  on_debian_as_root || fail "Rust has no $WASM_TARGET. Install Rust with rustup, then: rustup target add $WASM_TARGET"
  packages "Debian's current Rust with what wasm needs" "${DEBIAN_RUST[@]}" rust-web-src rust-web-llvm lld-22
  build_wasm_standard_library
}

# Debian packages no standard library for wasm32, but its source; it is built once, into Debian's compiler.
build_wasm_standard_library() (
  say "building Rust's standard library for $WASM_TARGET (about a minute)"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  mkdir src
  echo '#![no_std]' >src/lib.rs
  printf '[package]\nname = "sysroot"\nversion = "0.0.0"\nedition = "2021"\n' >Cargo.toml
  # `test` is in the list because `cargo test` links it.
  env -u CARGO_TARGET_DIR -u RUSTFLAGS PATH="/usr/bin:$PATH" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_PROFILE_RELEASE_PANIC=abort \
    /usr/bin/cargo build --quiet --release -Zbuild-std=std,panic_abort,test --target "$WASM_TARGET" >&2
  libraries=$(/usr/bin/rustc --print target-libdir --target "$WASM_TARGET")
  mkdir -p "$libraries.part"
  cp "target/$WASM_TARGET/release/deps/"*.rlib "$libraries.part/"
  mv "$libraries.part" "$libraries"
)

# Runs a command with the toolchain for wasm32. Its artefacts have a folder of their own, since it can be another
# version of cargo than the native one. RUSTFLAGS would replace the flags of .cargo/config.toml.
with_wasm_toolchain() {
  env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS PATH="$WASM_PATH" CARGO_TARGET_DIR="$WASM_TARGET_DIR" "$@"
}

# --- Tools from crates.io --------------------------------------------------------------------------------------------

# tool_version NAME: "" when there is no such tool.
tool_version() { "$1" --version 2>/dev/null | cut -d' ' -f2 || true; }

# Not --locked: a registry mirror may not have every old version that a tool's own lock file names.
install_from_crates() {
  say "installing $1 $2 from crates.io (some minutes)"
  (cd / && env -u CARGO_TARGET_DIR cargo install --quiet "$1" --version "$2" >&2)
}

# wasm-bindgen's output fits only the library version that it was made for: the one in Cargo.lock.
need_wasm_bindgen() {
  local version
  version=$(awk '$0 == "name = \"wasm-bindgen\"" { getline; gsub(/"/, ""); print $3 }' Cargo.lock)
  [ -n "$version" ] || fail "Cargo.lock names no wasm-bindgen."
  [ "$(tool_version wasm-bindgen)" = "$version" ] && [ "$(tool_version wasm-bindgen-test-runner)" = "$version" ] ||
    install_from_crates wasm-bindgen-cli "$version"
}

need_wasm_pack() {
  [ -n "$(tool_version wasm-pack)" ] || install_from_crates wasm-pack "$WASM_PACK_VERSION"
}

# --- Node and npm ----------------------------------------------------------------------------------------------------

node_is_recent() {
  local version
  version=$(node --version 2>/dev/null) && at_least "${version#v}" "$NODE_MINIMUM"
}

need_node() {
  PATH=$PWD/target/node/node_modules/.bin:$PATH
  if node_is_recent && command -v npm >/dev/null; then return; fi
  command -v npm >/dev/null || packages "Node.js and npm" nodejs npm
  if node_is_recent; then return; fi
  # Debian 12 has Node 18; npm has newer ones.
  say "installing Node $NODE_FROM_NPM from npm, for this folder only (target/node)"
  npm install --silent --no-save --prefix target/node "node@$NODE_FROM_NPM" >&2
  hash -r
  node_is_recent || fail "Node.js $(node --version) is too old, $NODE_MINIMUM or newer is needed: https://nodejs.org"
}

# What npm installs, and the files of it that the page serves.
need_npm_packages() {
  need_node
  if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
    say "installing npm packages"
    npm ci --silent --no-audit --no-fund >&2
    cp package-lock.json node_modules/.installed-lock.json
  fi
  mkdir -p www/vendor
  vendor idb/build/index.js idb.js
  vendor client-zip/index.js client-zip.js
}

# vendor FILE NAME: a file of node_modules as www/vendor/NAME; left alone where it is the same, so that no build sees a change.
vendor() { cmp -s "node_modules/$1" "www/vendor/$2" || cp "node_modules/$1" "www/vendor/$2"; }

# --- Chromium, for tests ---------------------------------------------------------------------------------------------

# first_command NAME...: the path of the first of these commands that there is.
first_command() {
  local name
  for name in "$@"; do
    if command -v "$name"; then return; fi
  done
  return 1
}

find_browser() {
  CHROME=${CHROME:-$(first_command chromium chromium-browser google-chrome google-chrome-stable || true)}
  CHROMEDRIVER=${CHROMEDRIVER:-$(first_command chromedriver chromium.chromedriver || true)}
}

# The native GPU tests need a Vulkan driver. Mesa's lavapipe is a software one that has f16, which Chromium's has not.
need_vulkan() {
  if [ -n "${VK_DRIVER_FILES-}" ] || compgen -G "/usr/share/vulkan/icd.d/*.json" >/dev/null; then return; fi
  if on_debian_as_root; then packages "a software Vulkan driver" mesa-vulkan-drivers libvulkan1; fi
}

# Exports CHROME and CHROMEDRIVER; either can be set beforehand. Their versions have to match.
need_browser() {
  find_browser
  if [ -z "$CHROME" ] || [ -z "$CHROMEDRIVER" ]; then
    on_debian_as_root || fail "the tests need Chromium and its chromedriver. On Debian: sudo apt-get install chromium" \
      "chromium-driver. Elsewhere set CHROME and CHROMEDRIVER to their paths."
    packages "Chromium and its driver" chromium chromium-driver
    find_browser
  fi
  export CHROME CHROMEDRIVER
  [ -x "$CHROME" ] || fail "CHROME=$CHROME is no program."
  [ -x "$CHROMEDRIVER" ] || fail "CHROMEDRIVER=$CHROMEDRIVER is no program."
}
