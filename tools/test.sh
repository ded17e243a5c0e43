# shellcheck shell=bash
# ./dev test, lint, soak and bench. Each part adds to the two counts; the last line is their sum.

. tools/lint.sh
. tools/sdks.sh
. tools/infra.sh
. tools/packages.sh

passed=0
failed=0
asked_part=
# Who failed, for the end of what is printed: a line each, "part: test (file)".
failures=()
E2E_TESTS=(tests/e2e/{streams,door,clients,upstreams,rest,login,conformance,operation,observe,status,probe}/*.test.mjs)
NODE_LIMIT=${NODE_LIMIT:-25m}

run_tests() {
  local part
  asked_part=${1:-all}
  case $asked_part in
    all) set -- unit fuzz e2e sdks attacks infra packages lint compose ;;
    unit | fuzz | e2e | sdks | attacks | infra | packages | lint | compose) ;;
    *) die "no such part of the tests: $1 (unit, e2e, sdks, attacks, infra, packages, compose, fuzz, lint)" ;;
  esac
  need_log_dir
  [ "$1" = lint ] || need_packages "${TEST_PACKAGES[@]}"
  for part in "$@"; do
    "test_$part"
  done
  finish
}

finish() {
  say
  if [ ${#failures[@]} -gt 0 ]; then
    say "failed:"
    printf '  %s\n' "${failures[@]}"
  fi
  say "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}

headline() {
  say
  say "== $*"
}

# add NAME PASSED FAILED: a part that ran no test has failed.
add() {
  passed=$((passed + $2))
  failed=$((failed + $3))
  if [ $(($2 + $3)) = 0 ]; then
    say "$1: no test ran"
    failed=$((failed + 1))
    failures+=("$1: no test ran")
  else
    say "$1: $2 passed, $3 failed"
  fi
}

sanitizers() {
  # Without abort_on_error Criterion exits 0 after a leak.
  export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1
  export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
}

test_unit() {
  local compiler
  for compiler in gcc clang; do
    headline "unit tests, $compiler with ASan and UBSan"
    # clang's sanitizers are in the program alone, so that a library has names left open.
    build "build-asan-$compiler" "$compiler" -Dsanitize=true -Dtests=true -Db_lundef=false
    run_meson "build-asan-$compiler" unit
  done
}

test_fuzz() {
  headline "fuzz targets, a short run each"
  build build-fuzz clang -Dfuzz=true -Dsanitize=true -Dtests=false -Db_lundef=false
  run_meson build-fuzz fuzz
}

# run_meson DIR SUITE
run_meson() {
  local counts
  sanitizers
  # Its exit code says no more than the counts, which come from the log it leaves.
  rm -f "$1/meson-logs/$2.json"
  meson test -C "$1" --suite "$2" --no-rebuild --print-errorlogs --logbase "$2" </dev/null ||
    say "meson test $2 in $1: some failed, see above and $1/meson-logs/$2.txt"
  counts=$(python3 tools/count_meson.py "$1/meson-logs/$2.json")
  # shellcheck disable=SC2086 # two numbers
  add "$2 ($1)" $counts
  name_failures "$2 ($1)" < <(python3 tools/count_meson.py --failed "$1/meson-logs/$2.json")
}

# name_failures PART: keeps the lines of stdin for the end.
name_failures() {
  local line
  while read -r line; do
    failures+=("$1: $line")
  done
}

test_e2e() {
  headline "end to end: real HAProxy, real clients"
  need_npm_packages
  find_dex
  find_collector
  build build gcc -Dtests=false
  build build-asan-gcc gcc -Dsanitize=true -Dtests=true -Db_lundef=false
  run_node e2e "${E2E_TESTS[@]}"
}

test_sdks() {
  headline "clients and servers of other SDKs: Python, Java, FastMCP"
  need_npm_packages
  need_sdks
  build build gcc -Dtests=false
  build build-asan-gcc gcc -Dsanitize=true -Dtests=true -Db_lundef=false
  run_node sdks tests/e2e/sdks/*.test.mjs
}

test_attacks() {
  headline "attacks: what they cost mgw, and how long others wait"
  need_npm_packages
  build build gcc -Dtests=false
  build build-asan-gcc gcc -Dsanitize=true -Dtests=true -Db_lundef=false
  # One after the other: each is measured.
  run_node attacks --test-concurrency=1 tests/e2e/attacks/*.test.mjs
}

# run_node NAME FILE...: node's own test runner, with the Node of package-lock.json. Who calls may name other programs to test.
run_node() {
  local name=$1 tap=$LOG_DIR/$1.tap counts code=0
  shift
  sanitizers
  export MGW_BIN=${MGW_BIN:-$PWD/build-asan-gcc/mgw} MGW_BIN_RELEASE=${MGW_BIN_RELEASE:-$PWD/build/mgw}
  rm -f "$tap"
  # Bounded, whatever a test leaves running: a file ends with its last test.
  timeout --kill-after=10 "$NODE_LIMIT" tests/e2e/node_modules/.bin/node --test --test-force-exit \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$tap" "$@" </dev/null || code=$?
  counts=$(count_tap "$tap")
  # shellcheck disable=SC2086 # two numbers
  set -- $counts
  # A runner that ends badly without a failed test has failed all the same.
  if [ "$code" != 0 ] && [ "$2" = 0 ]; then
    set -- "$1" 1
    failures+=("$name: its runner ended with $code")
  fi
  add "$name" "$1" "$2"
  [ "$2" = 0 ] || name_failures "$name" < <(failed_of_tap "$tap")
}

# find_go_program NAME FOLDER PACKAGE VARIABLE: a program in Go that is there already (VARIABLE), or from Go's registry. Without it its tests
# are skipped.
find_go_program() {
  local to=$PWD/build/$1/$1 log=$LOG_DIR/$1.log
  export "$4=${!4:-$to}"
  [ ! -x "${!4}" ] || return 0
  command -v go >/dev/null || return 0
  say "installing: $1"
  (cd "$2" && CGO_ENABLED=0 timeout 900 go build -o "$to" "$3") </dev/null >"$log" 2>&1 && return
  say "$1 is not to be had here, and is left out: see $log"
}

# Dex, an OpenID provider.
find_dex() {
  find_go_program dex tests/e2e/login/dex github.com/dexidp/dex/cmd/dex MGW_TEST_DEX
}

# The OpenTelemetry collector's receiver.
find_collector() {
  find_go_program collector tests/e2e/observe/collector . MGW_TEST_COLLECTOR
}

# A test that was skipped or left for later has not passed, but where it is the machine that cannot.
count_tap() {
  [ -f "$1" ] || { echo 0 0 && return; }
  awk '
    /^# pass /                         { passed = $3 }
    /^# (fail|cancelled|skipped|todo) / { failed += $3 }
    /# SKIP this machine cannot: /      { failed-- }
    END                                { print passed + 0, failed + 0 }
  ' "$1"
}

# Each test that failed of itself, not because one within it did: its name, and the file and line where it stands.
failed_of_tap() {
  if [ ! -f "$1" ]; then
    echo "its runner left no $1"
    return
  fi
  awk '
    /^ *ok /                  { name = "" }
    /^ *not ok / && !/# TO[D]O/ { name = $0; sub(/^ *not ok [0-9]+ - /, "", name) }
    /^ *location: / && name   { place = $0; sub(/^ *location: ./, "", place); sub(/:[0-9]+.$/, "", place); sub(/^.*\/tests\//, "tests/", place) }
    /^ *failureType: / && name {
      if ($0 !~ /subtestsFailed/) print name " (" place ")"
      name = ""
    }
    /# (SKIP|TO[D]O)/ && !/# SKIP this machine cannot: / { sub(/^ *(not )?ok [0-9]+ - /, ""); print }
  ' "$1"
}

test_lint() {
  local check
  headline "lint"
  need_packages "${LINT_PACKAGES[@]}"
  # The analysers read how each file is compiled.
  build build gcc -Dtests=false
  for check in "${LINT_CHECKS[@]}"; do
    if "lint_$check"; then
      say "ok: $check"
      passed=$((passed + 1))
    else
      say "FAILED: $check"
      failed=$((failed + 1))
      failures+=("lint: $check")
    fi
  done
}

test_compose() {
  headline "containers: docker-compose.yml for real"
  . tests/compose/suite.sh
  compose_suite
}

soak() {
  need_log_dir
  need_packages "${TEST_PACKAGES[@]}"
  need_npm_packages
  build build gcc -Dtests=false
  build build-asan-gcc gcc -Dsanitize=true -Dtests=true -Db_lundef=false
  headline "the idle proof at true times"
  run_node soak tests/e2e/soak/{idle,crowd}.mjs
  headline "the configuration read again under many streams"
  MGW_RELOAD_STREAMS=9000 run_node soak-reload tests/e2e/operation/reload.test.mjs
  headline "attacks, longer ones"
  run_node soak-attacks tests/e2e/soak/attacks.mjs
  finish
}

# Only what is committed counts of COMMIT; it is built as it was then.
bench_against() {
  local commit old
  commit=$(git rev-parse --verify "$1^{commit}") || die "bench --against: git does not know $1"
  old=$PWD/build-bench/against/$commit
  if [ ! -x "$old/build/mgw" ]; then
    rm -rf "$old"
    mkdir -p "$old"
    git archive "$commit" | tar -x -C "$old"
    (cd "$old" && build build gcc -Dtests=false)
  fi
  exec tests/e2e/node_modules/.bin/node tests/bench/against.mjs --mgw "$old/build/mgw" "${@:2}"
}

bench() {
  local node=(tests/e2e/node_modules/.bin/node tests/bench/bench.mjs)
  need_log_dir
  need_packages "${TEST_PACKAGES[@]}"
  need_npm_packages
  if [[ " $* " = *" --peers "* ]]; then
    need_npm_packages tests/bench/peers
    find_tbxark
    # A client too, with the others.
    node=(taskset -c 1 tests/e2e/node_modules/.bin/node tests/bench/peers/peers.mjs)
  fi
  build build gcc -Dtests=false
  build build-bench gcc -Dbench=true -Dtests=false
  # HAProxy needs two descriptors a stream.
  ulimit -S -n "$(ulimit -H -n)"
  export MGW_BIN=$PWD/build/mgw MGW_BENCH_DIR=$PWD/build-bench/tests/bench
  [ "${1:-}" != --against ] || bench_against "${2:?bench --against COMMIT}" "${@:3}"
  exec "${node[@]}" "$@"
}

# TBXark's mcp-proxy, a program in Go: one that is there already (MGW_BENCH_TBXARK), or from Go's registry. Where it cannot
# be had the table says so.
find_tbxark() {
  local dir=$PWD/build-bench/go log=$LOG_DIR/go.log
  [ -z "${MGW_BENCH_TBXARK:-}" ] || return 0
  export MGW_BENCH_TBXARK=$dir/mcp-proxy
  [ ! -x "$MGW_BENCH_TBXARK" ] || return 0
  say "installing: TBXark/mcp-proxy"
  GOBIN=$dir timeout 300 go install github.com/tbxark/mcp-proxy@v0.43.2 </dev/null >"$log" 2>&1 && return
  MGW_BENCH_TBXARK=
  say "TBXark/mcp-proxy is not to be had here, and is left out: see $log"
}
