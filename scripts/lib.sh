# Shared by the scripts of this folder: where the tree is, how to speak, how to
# run long steps, how to become root for packages. Source it; it does nothing by
# itself.
# shellcheck shell=bash

set -euo pipefail

dbs_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly dbs_root

# CI runners start scripts without it, and the caches of this project live below it.
if [ -z "${HOME:-}" ]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
  export HOME
fi

# -- speaking ------------------------------------------------------------------

say() {
  if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    printf '\033[1m==>\033[0m %s\n' "$*" >&2
  else
    printf '==> %s\n' "$*" >&2
  fi
}

# die MESSAGE [WHAT TO DO]
die() {
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf '  what to do: %s\n' "$2" >&2; fi
  exit 1
}

# Prints the comment block below the interpreter line of a script as its help.
usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"; }

# -- running -------------------------------------------------------------------

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif ! command -v sudo >/dev/null 2>&1; then
    die "installing packages needs root and there is no sudo" \
      "run this as root once: scripts/setup --packages-only"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# run_logged LOG MESSAGE COMMAND...: runs a long step with its output in LOG and
# a line of progress; on failure prints the end of the log and where it is. An
# interrupt ends the step with everything it started.
run_logged() {
  local log=$1 what=$2 started=$SECONDS pid status=0 ticks=0
  shift 2
  mkdir -p "$(dirname "$log")"
  say "$what (log: $log)"
  set -m # a process group of its own, so that all of it can be ended
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  set +m
  trap 'kill -- -'"$pid"' 2>/dev/null; exit 130' INT TERM
  if [ -t 2 ]; then
    while kill -0 "$pid" 2>/dev/null; do
      if [ $((ticks++ % 5)) -eq 4 ]; then
        printf '\r    %4d s  %.100s\033[K' $((SECONDS - started)) \
          "$(tail -n 1 "$log" 2>/dev/null | tr -d '\r')" >&2
      fi
      sleep 0.2
    done
    printf '\r\033[K' >&2
  fi
  wait "$pid" || status=$?
  trap - INT TERM
  if [ "$status" -ne 0 ]; then
    tail -n 30 "$log" >&2
    die "$what failed" "read $log, mend the cause and run the same command again"
  fi
  say "$what: done in $((SECONDS - started)) s"
}

# Compilers at a time: one per core, but no more than memory holds (a file that
# includes CAF and Asio takes about 1.2 GB). BUILD_JOBS overrides it.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1200000) }' /proc/meminfo)
  if [ "$memory" -lt 1 ]; then memory=1; fi
  echo "${BUILD_JOBS:-$((cores < memory ? cores : memory))}"
}

# build_preset PRESET [TARGET...]: configures what is not configured yet and
# builds the targets, or everything.
build_preset() {
  local preset=$1 dir=$dbs_root/build/$1 what
  shift
  what="$preset: building ${*:-everything}"
  if [ ! -e "$dir/build.ninja" ]; then
    run_logged "$dbs_root/build/$preset-configure.log" "$preset: configuring" \
      cmake -S "$dbs_root" --preset "$preset"
  fi
  run_logged "$dbs_root/build/$preset-build.log" "$what" \
    ninja -C "$dir" -j "$(build_jobs)" "$@"
}
