# shellcheck shell=bash
# ./dev test sdks: the SDKs of other languages, installed below build/sdks.

# git: one of the servers is of it.
SDK_PACKAGES=(python3-venv openjdk-17-jdk-headless maven git)
SDK_DIR=build/sdks

need_sdks() {
  need_packages "${SDK_PACKAGES[@]}"
  mkdir -p "$SDK_DIR"
  local job jobs=()
  # Each waits for its registry most of the time.
  for job in "need_python 1" "need_python 2" need_java; do
    $job &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || die "see above"; done
}

# installed_once NAME FILE COMMAND...: installs what FILE lists, unless it has been.
installed_once() {
  local name=$1 hash log=$LOG_DIR/$1.log
  hash=$(sha256sum <"$2")
  shift 2
  [ "$(cat "$SDK_DIR/$name.installed" 2>/dev/null)" != "$hash" ] || return 0
  say "installing: $name"
  if ! "$@" </dev/null >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "cannot install $name: see above and $log"
  fi
  printf '%s\n' "$hash" >"$SDK_DIR/$name.installed"
}

need_python() {
  local list=tests/e2e/sdks/python/requirements$1.txt
  installed_once "python$1" "$list" install_python "$SDK_DIR/python$1" "$list"
}

# Debian's, whatever other Python stands before it: the lists are for that.
install_python() {
  rm -rf "$1" && /usr/bin/python3 -m venv "$1" &&
    "$1/bin/pip" install --quiet --no-input --no-compile --disable-pip-version-check --requirement "$2"
}

need_java() {
  local version dir=tests/e2e/sdks/java
  for version in java0 java1 java2; do
    cat "$dir/pom.xml" "$dir/Driver.java" >"$SDK_DIR/$version.files"
    installed_once "$version" "$SDK_DIR/$version.files" install_java "$version" "$dir"
  done
}

# install_java PROFILE DIR
install_java() {
  local to=$PWD/$SDK_DIR/$1
  rm -rf "$to" && mkdir -p "$to" &&
    mvn --batch-mode --quiet -Dmaven.repo.local="$PWD/$SDK_DIR/m2" --activate-profiles "$1" --file "$2/pom.xml" \
      dependency:copy-dependencies -DoutputDirectory="$to" &&
    javac -encoding UTF-8 -cp "$to/*" -d "$to" "$2/Driver.java"
}
