# shellcheck shell=bash
# ./dev coverage: which lines of app/ the unit tests run, and what the end-to-end tests add. With clang's counters
# (-fprofile-instr-generate), which each program writes when it ends in order: what is killed tells nothing.

. tools/test.sh

COVERAGE_DIR=build-coverage

# coverage [--e2e [FILE...]] [--files]
coverage() {
  local with_e2e=0 by=--floors files=()
  while [ $# -gt 0 ]; do
    case $1 in
      --e2e) with_e2e=1 ;;
      --files) by=--files ;;
      *.test.mjs) files+=("$(callers_path "$1")") ;;
      *) die "coverage [--files] [--e2e [FILE.test.mjs...]], not: $1" ;;
    esac
    shift
  done
  need_packages "${TEST_PACKAGES[@]}"
  build "$COVERAGE_DIR" clang -Dtests=true -Db_lundef=false \
    -Dc_args='-fprofile-instr-generate -fcoverage-mapping' -Dc_link_args=-fprofile-instr-generate
  rm -rf "$COVERAGE_DIR/profiles"
  mkdir "$COVERAGE_DIR/profiles"
  coverage_unit
  [ "$with_e2e" = 0 ] || coverage_e2e "${files[@]}"
  python3 tools/coverage.py "$COVERAGE_DIR" "$by"
  [ "$failed" = 0 ]
}

# One file for each program, which adds to what stands there (%m).
coverage_unit() {
  LLVM_PROFILE_FILE=$PWD/$COVERAGE_DIR/profiles/unit-%4m.profraw run_meson "$COVERAGE_DIR" unit
}

coverage_e2e() {
  need_npm_packages
  [ $# -gt 0 ] || set -- "${E2E_TESTS[@]}"
  MGW_BIN=$PWD/$COVERAGE_DIR/mgw MGW_BIN_RELEASE=$PWD/$COVERAGE_DIR/mgw \
    LLVM_PROFILE_FILE=$PWD/$COVERAGE_DIR/profiles/e2e-%4m.profraw run_node coverage-e2e "$@"
}
