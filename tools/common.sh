# shellcheck shell=bash
# What all commands of ./dev share: messages, packages, builds. Runs at the top of the repository.

BUILD_PACKAGES=(
  gcc libc6-dev meson ninja-build pkg-config
  libfcgi-dev libhttp-parser-dev libjansson-dev libcurl4-openssl-dev libssl-dev libpcre2-dev uthash-dev libseccomp-dev libyaml-dev libsqlite3-dev libjose-dev
)
UP_PACKAGES=("${BUILD_PACKAGES[@]}" haproxy openssl curl iproute2)
# clang's sanitizers and fuzzer are in libclang-rt; llvm has the program that puts names to their addresses.
TEST_PACKAGES=(
  "${UP_PACKAGES[@]}" libcriterion-dev clang libclang-rt-14-dev llvm
  spawn-fcgi libfcgi-bin nghttp2-client jq sqlite3 libtest-json-schema-acceptance-perl chromium
  nginx apache2-bin caddy
  prometheus
)
LINT_PACKAGES=("${UP_PACKAGES[@]}" libcriterion-dev clang-format clang-tidy cppcheck shellcheck jq)

LOG_DIR=build/log

say() {
  printf '%s\n' "$*"
}

die() {
  printf './dev: %s\n' "$*" >&2
  exit 1
}

# Relative paths on the command line are the caller's, who need not stand at the top.
callers_path() {
  case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$MGW_CALLER_DIR/$1" ;;
  esac
}

need_log_dir() {
  mkdir -p "$LOG_DIR" 2>/dev/null && [ -w "$LOG_DIR" ] ||
    die "cannot write to $PWD/$LOG_DIR (made by another user?): remove the build directories, or run as their owner"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

missing_packages() {
  local package
  declare -A installed=()
  while read -r package; do
    installed[$package]=1
  done < <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p')
  for package in "$@"; do
    [ -n "${installed[$package]:-}" ] || printf '%s\n' "$package"
  done
}

need_packages() {
  local missing log=$LOG_DIR/apt.log

  command -v dpkg-query >/dev/null ||
    die "this is made for Debian 12 (no dpkg here); elsewhere: docker compose up"
  mapfile -t missing < <(missing_packages "$@" | sort -u)
  [ ${#missing[@]} -gt 0 ] || return 0

  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    die "packages are missing and there is no sudo; as root: apt-get install ${missing[*]}"
  need_log_dir
  say "installing: ${missing[*]}"
  apt_install "${missing[@]}" >"$log" 2>&1 && return
  # The lists may be old, or not there at all.
  { as_root apt-get update && apt_install "${missing[@]}"; } >>"$log" 2>&1 && return
  tail -n 15 "$log" >&2
  die "cannot install ${missing[*]}: see above and $log"
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# Where this machine has Debian from: for debootstrap.
apt_mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -n 1
}

# need_npm_packages [DIR]: the npm programs of the tests, as DIR/package-lock.json says. Those of tests/e2e
# bring a Node of their own.
need_npm_packages() {
  local dir=${1:-tests/e2e} log=$LOG_DIR/npm.log hash
  [ -f "$dir/package-lock.json" ] || die "$dir/package-lock.json is missing: is the checkout complete?"
  hash=$(sha256sum <"$dir/package-lock.json")
  [ "$(cat "$dir/node_modules/.installed" 2>/dev/null)" != "$hash" ] || return 0

  command -v npm >/dev/null || need_packages npm nodejs
  need_log_dir
  say "installing: npm packages of $dir"
  if ! (cd "$dir" && npm ci --no-audit --no-fund </dev/null) >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "npm ci failed in $dir: see above and $log"
  fi
  [ "$dir" != tests/e2e ] || "$dir/node_modules/.bin/node" --version >>"$log" 2>&1 ||
    die "the npm package node brought no program $dir/node_modules/.bin/node: see $log"
  printf '%s\n' "$hash" >"$dir/node_modules/.installed"
}

# build DIR COMPILER [MESON OPTION...]
build() {
  local dir=$1 compiler=$2 log=$LOG_DIR/$1.log lock
  shift 2

  need_log_dir
  # Two ./dev at once in one directory would write the same files.
  exec {lock}>"$LOG_DIR/$dir.lock"
  flock "$lock"
  say "building $dir"
  if ! configure "$dir" "$compiler" "$@" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "meson could not configure $dir: see above and $log"
  fi
  if ! ninja -C "$dir" >>"$log" 2>&1; then
    grep -v '^\[[0-9/]*\] ' "$log" | tail -n 40 >&2
    die "the build in $dir failed: see above and $log"
  fi
  exec {lock}>&-
}

configure() {
  local dir=$1 compiler=$2
  shift 2
  if [ -f "$dir/build.ninja" ]; then
    # ninja itself configures anew after a change of meson.build, which lists every file of the program.
    # Test files are found, not listed: only a new configuration sees a new one.
    [ "$dir" != build ] || return 0
    meson setup --reconfigure "$dir" "$@" && return 0
    # Half configured, or by another version of meson: begin anew.
  fi
  rm -rf "$dir/meson-private" "$dir/meson-info" "$dir/build.ninja"
  CC=$compiler meson setup "$dir" "$@"
}
