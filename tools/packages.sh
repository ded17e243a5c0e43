# shellcheck shell=bash
# ./dev test packages: the release is made twice and compared, looked at, and installed into a Debian of its own whose
# process 1 is systemd.

. tools/release.sh

PACKAGES_PACKAGES=("${RELEASE_PACKAGES[@]}" debootstrap lintian man-db python3-venv zsh)
# What a Debian has to have before the package goes in: it is installed without a network.
PACKAGES_ROOT=(
  systemd procps logrotate haproxy curl ca-certificates
  libfcgi0ldbl libhttp-parser2.9 libjansson4 libcurl4 libssl3 libpcre2-8-0 libseccomp2 libyaml-0-2 libsqlite3-0 libjose0
)
PACKAGES_DIR=build/packages

test_packages() {
  local commit job jobs=() first=$PWD/$PACKAGES_DIR/release second=$PWD/$PACKAGES_DIR/again
  headline "packages: built twice, installed, run by systemd"
  need_packages "${PACKAGES_PACKAGES[@]}"
  need_npm_packages
  mkdir -p "$PACKAGES_DIR"
  # What is being worked on is tried, too; in a fresh clone that is HEAD.
  commit=$(git stash create 2>/dev/null || true)
  commit=${commit:-HEAD}
  need_debian_root &
  jobs+=($!)
  need_validator &
  jobs+=($!)
  release_of "$commit" "$first"
  release_again "$commit" "$second"
  for job in "${jobs[@]}"; do wait "$job" || die "see above"; done
  run_node packages tests/packages/*.test.mjs
}

# A Debian with nothing of ours, kept for the next time.
need_debian_root() {
  local root=$PACKAGES_DIR/root log=$LOG_DIR/debootstrap.log made
  made="bookworm ${PACKAGES_ROOT[*]}"
  [ "$(cat "$root.made" 2>/dev/null)" != "$made" ] || return 0
  say "making a Debian in $root"
  rm -rf "$root" "$root.made"
  if ! timeout 900 debootstrap --variant=minbase --include="$(IFS=, && echo "${PACKAGES_ROOT[*]}")" bookworm "$root" "$(apt_mirror)" \
      >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    die "debootstrap failed: see above and $log"
  fi
  printf '%s\n' "$made" >"$root.made"
}

# What holds an SBOM against the schema of CycloneDX.
need_validator() {
  mkdir -p "$SDK_DIR"
  installed_once validator tests/packages/requirements.txt install_python "$SDK_DIR/validator" tests/packages/requirements.txt
}
