# Sourced by every script here: how they speak to whoever runs them.

say() { echo "==> $*" >&2; }

fail() {
  echo "sdxl-web: $*" >&2
  exit 1
}

# timed NAME COMMAND...: names a part before it runs and says afterwards how long it took.
timed() {
  local name=$1 start=$SECONDS
  shift
  say "$name"
  "$@"
  say "$name: done in $((SECONDS - start)) s"
}
