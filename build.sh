#!/usr/bin/env bash
# Builds, serves and tests sdxl-web; installs what that needs and says what it does.
#   ./build.sh                              builds www/pkg
#   ./build.sh serve [PORT]                 builds, then serves the page on 127.0.0.1
#   ./build.sh test [native|wasm|browser]   runs every test, or one part of them
#   ./build.sh bench [OPTION...]            measures this machine's GPU at SDXL's size; --help tells the options
#   ./build.sh check-reference DIR          compares the engine with another reference set of diffusers
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

NATIVE_PROFILE=release
WASM_TARGET_DIR=$PWD/target/wasm
WASM_OPT_FLAGS=(-O2 --enable-simd --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext
  --enable-mutable-globals --enable-reference-types --enable-multivalue)
WASM_TEST_TIMEOUT=900

source tools/setup.sh

build() {
  need_wasm_target
  need_wasm_bindgen
  need_npm_packages
  timed "compiling for $WASM_TARGET" compile_wasm
  timed "wasm-bindgen" bind_wasm
  optimize_wasm
  publish_wasm
}

compile_wasm() { with_wasm_toolchain cargo build --locked --release --lib --no-default-features --target "$WASM_TARGET"; }

bind_wasm() {
  bound=$WASM_TARGET_DIR/bound
  rm -rf "$bound"
  wasm-bindgen --remove-name-section --remove-producers-section --target web --out-dir "$bound" --out-name sdxl_web \
    "$WASM_TARGET_DIR/$WASM_TARGET/release/sdxl_web.wasm"
}

# wasm-opt takes minutes: its result is kept under a name made of everything that goes into it.
optimize_wasm() {
  local input=$bound/sdxl_web_bg.wasm key
  key=$(cat "$input" package-lock.json - <<<"${WASM_OPT_FLAGS[*]}" | sha256sum | cut -d' ' -f1)
  optimized=$WASM_TARGET_DIR/optimized/$key.wasm
  if [ -f "$optimized" ]; then
    say "wasm-opt: nothing changed"
    return
  fi
  rm -rf "$WASM_TARGET_DIR/optimized"
  mkdir -p "$WASM_TARGET_DIR/optimized"
  timed "wasm-opt" node_modules/.bin/wasm-opt "${WASM_OPT_FLAGS[@]}" "$input" -o "$optimized.part"
  node tools/sizes.mjs "$optimized.part" >"$optimized.sizes"
  mv "$optimized.part" "$optimized"
}

# www/pkg changes only once everything is ready, and all of it at once.
publish_wasm() {
  cp "$optimized" "$bound/sdxl_web_bg.wasm"
  rm -rf www/pkg
  mkdir -p www
  mv "$bound" www/pkg
  say "www/pkg is built; the wasm is $(cat "$optimized.sizes")"
}

serve() {
  # The server checks this too, but only after a build of many minutes.
  [[ ${1-0} =~ ^[0-9]+$ ]] || fail "\"$1\" is not a port."
  build
  exec node tools/serve.mjs "$@"
}

test_native() {
  need_rust
  need_vulkan
  need_browser
  timed "native tests" with_vulkan cargo test --locked --profile "$NATIVE_PROFILE"
  need_npm_packages
  timed "types of the page" check_types
  timed "lints of the page" node_modules/.bin/eslint .
  timed "page tests" node --test tests/page/*.test.js
}

# The page, the worker and what runs in Node know different globals, so each is a project of its own.
check_types() {
  local project
  for project in www/page www/worker .; do
    node_modules/.bin/tsc --project "$project"
  done
}

bench() {
  need_rust
  cargo run --quiet --locked --profile "$NATIVE_PROFILE" --bin bench -- "$@"
}

# DIR is what make_reference.py wrote; single files of make_tensors.py in it, or one folder below it, are checked as well.
check_reference() {
  [ -d "${1-}" ] || fail "\"${1-}\" is not a folder: ./build.sh check-reference DIR, with what make_reference.py wrote."
  need_rust
  need_vulkan
  need_browser
  with_vulkan cargo test --locked --profile "$NATIVE_PROFILE" --test reference -- "$(cd "$1" && pwd)" "${@:2}"
}

# Where no Vulkan driver could be installed, Chromium's software one serves; it has no f16.
with_vulkan() {
  local folder vulkan=()
  if [ -z "${VK_DRIVER_FILES-}" ] && ! compgen -G "/usr/share/vulkan/icd.d/*.json" >/dev/null; then
    for folder in "$(dirname "$(readlink -f "$CHROME")")" /usr/lib/chromium /opt/google/chrome; do
      [ -f "$folder/vk_swiftshader_icd.json" ] || continue
      say "no Vulkan driver is installed: the native GPU tests run on the browser's SwiftShader, in f32 only"
      vulkan=(VK_DRIVER_FILES="$folder/vk_swiftshader_icd.json" LD_LIBRARY_PATH="$folder")
      break
    done
  fi
  env "${vulkan[@]}" "$@"
}

# The engine's own tests in a browser, with real WebGPU.
test_wasm() {
  need_wasm_target
  need_wasm_bindgen
  need_wasm_pack
  need_node
  need_browser
  timed "wasm tests" run_wasm_pack
}

run_wasm_pack() {
  local webdriver=$WASM_TARGET_DIR/webdriver.json
  mkdir -p "$WASM_TARGET_DIR"
  webdriver_json >"$webdriver"
  export WASM_BINDGEN_TEST_WEBDRIVER_JSON=$webdriver WASM_BINDGEN_TEST_TIMEOUT=$WASM_TEST_TIMEOUT
  with_wasm_toolchain wasm-pack --log-level warn test --release --headless --chrome --chromedriver "$CHROMEDRIVER" \
    --mode no-install -- --locked --no-default-features --test web
}

# webdriver.json with the browser's path in it, which differs between machines.
webdriver_json() {
  node -p 'const c = JSON.parse(fs.readFileSync("webdriver.json")); c["goog:chromeOptions"].binary = process.env.CHROME;
    JSON.stringify(c)'
}

test_browser() {
  build
  need_browser
  timed "browser tests" node --test tests/browser/*.test.js
}

run_tests() {
  case ${1-all} in
    native) test_native ;;
    wasm) test_wasm ;;
    browser) test_browser ;;
    all)
      test_native
      test_wasm
      test_browser
      ;;
    *) fail "there is no test part \"$1\"; choose native, wasm or browser." ;;
  esac
}

case ${1-build} in
  build) timed "build" build ;;
  serve) serve "${@:2}" ;;
  test) timed "tests" run_tests "${@:2}" ;;
  bench) bench "${@:2}" ;;
  check-reference) check_reference "${@:2}" ;;
  *) fail "there is no \"$1\"; use ./build.sh, ./build.sh serve [PORT], ./build.sh test [native|wasm|browser], ./build.sh bench or ./build.sh check-reference DIR." ;;
esac
