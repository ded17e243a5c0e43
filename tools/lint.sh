# shellcheck shell=bash
# The lint checks: each is one test of ./dev lint, and prints what is wrong.

LINT_CHECKS=(format cppcheck tidy scripts haproxy house leftovers)

c_files() {
  git ls-files -co --exclude-standard -- 'app/*.[ch]' 'include/*.h' 'tests/*.[ch]' | xargs -r ls 2>/dev/null
}

lint_format() {
  c_files | xargs -r clang-format --dry-run -Werror
}

lint_cppcheck() {
  cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
    --suppress=missingIncludeSystem -j "$(nproc)" -D_GNU_SOURCE -DMGW_VERSION='"0"' -I include \
    -D'json_object_foreach(o,k,v)=for(;;)' -D'json_array_foreach(a,i,v)=for(;;)' app
}

lint_tidy() {
  # One file at a time: version 14 carries what it learned of a va_list over to the next file.
  git ls-files -co --exclude-standard -- 'app/*.c' |
    xargs -r -n 1 -P "$(nproc)" clang-tidy --quiet -p build --warnings-as-errors='*' 2>/dev/null
}

lint_scripts() {
  # SC2015: "A && B || die" is meant as it stands.
  shellcheck -x -e SC2015 dev .ci/run haproxy/entrypoint.sh packaging/install_once.sh packaging/mgw.bash debian/postinst debian/postrm \
    tests/packages/lib/boot.sh
}

lint_haproxy() {
  local log=$LOG_DIR/haproxy-lint.log
  # What this HAProxy bears, and 3.0 does not.
  ! grep -nE '^ *http-error .* hdr ' haproxy/haproxy.cfg || return 1
  MGW_SOCKET=/run/mgw/fcgi.sock haproxy -c -f haproxy/haproxy.cfg >"$log" 2>&1 && ! grep -i warning "$log" && return
  cat "$log"
  return 1
}

# Floors, circles of files, names and lengths.
lint_house() {
  python3 tools/house.py build
}

# Words that mean unfinished work, tests that are switched off, and machine-made files.
lint_leftovers() {
  local words='TO''DO|FIX''ME|XX''X' off='\.(sk''ip|on''ly)\(' bad=0
  git grep -nwE "$words" -- app include tests haproxy dev tools && bad=1
  git grep -nE "$off" -- tests && bad=1
  git ls-files | grep -E '\.(o|so|a|log|pem|key)$|node_modules/' && bad=1
  return $bad
}
