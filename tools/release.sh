# shellcheck shell=bash
# ./dev release: what others install, in build/release: the sources, Debian's package and its source, an SBOM, the images
# where an engine answers, and the sums of all of it. It is made of what is committed alone, in a folder of its own, and
# whoever makes it again, anywhere, of the same commit and with the same compiler and libraries, gets the same bytes.

RELEASE_PACKAGES=("${BUILD_PACKAGES[@]}" debhelper dpkg-dev xz-utils python3 git)

# release [--check]
release() {
  need_log_dir
  need_packages "${RELEASE_PACKAGES[@]}"
  [ -z "$(git status --porcelain)" ] || say "what is not committed is left out"
  release_of HEAD "$PWD/build/release"
  release_images HEAD build/release
  if [ "${1:-}" = --check ]; then
    release_again HEAD "$PWD/build/release-check"
    release_images HEAD build/release-check
    release_compare build/release build/release-check || die "made twice, and not the same"
    say "made twice: the same bytes"
  fi
  (cd build/release && release_files | xargs sha256sum >SHA256SUMS && sed 's/^/  /' SHA256SUMS)
}

# The parts that must be the same. A .buildinfo tells of the machine, and a .changes has its sum.
release_files() {
  find . -maxdepth 1 -type f ! -name '*.buildinfo' ! -name '*.changes' ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort
}

release_version() {
  git show "$1:meson.build" | sed -nE "s/^ *version: '(.*)',/\1/p" | head -n 1
}

# release_of COMMIT DIR
release_of() (
  local version name log
  version=$(release_version "$1")
  name=mgw-$version
  log=$PWD/$LOG_DIR/${2##*/}.log
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$1")
  export SOURCE_DATE_EPOCH
  say "making $name of $(git rev-parse --short "$1") in ${2#"$PWD/"}"
  rm -rf "$2"
  mkdir -p "$2/tree"
  git -c tar.umask=0022 archive --prefix "$name/" "$1" | tar -x -p --no-same-owner -C "$2/tree"
  release_tarball "$2/tree" "$name" >"$2/$name.tar.xz"
  # As a stranger's machine has it: no flags and no cache of this one's.
  if ! (cd "$2/tree/$name" && env -u CC -u CFLAGS -u LDFLAGS dpkg-buildpackage -us -uc "-j$(nproc)") >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "the package cannot be built: see above and $log"
  fi
  dpkg-deb -x "$2"/tree/mgw_"$version"_*.deb "$2/tree/root"
  python3 tools/sbom.py "$2/tree/root/usr/bin/mgw" mgw "$version" uthash-dev >"$2/$name.cdx.json"
  find "$2/tree" -maxdepth 1 -type f -exec mv -t "$2" {} +
  rm -rf "$2/tree"
)

release_tarball() {
  tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu -c "$2" | xz -T1 -6
}

# Elsewhere: another folder, time zone, language and umask.
release_again() (
  umask 027
  export TZ=Pacific/Kiritimati LC_ALL=C.UTF-8
  release_of "$@"
)

# release_compare DIR DIR: tells what is not the same.
release_compare() {
  local a b
  a=$(cd "$1" && release_files | xargs sha256sum)
  b=$(cd "$2" && release_files | xargs sha256sum)
  diff <(printf '%s\n' "$a") <(printf '%s\n' "$b")
}

# release_images COMMIT DIR: by the engine, if one answers; then without what tells of the moment of the build.
release_images() {
  local version image
  version=$(release_version "$1")
  timeout 10 docker info >/dev/null 2>&1 || { say "no engine answers (docker): no images" && return; }
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$1")
  export SOURCE_DATE_EPOCH
  for image in mgw mgw-haproxy; do
    say "making the image $image:$version"
    { release_image "$1" "$image" "$image:$version" && python3 tools/image.py "$image:$version" "$2/$image-$version-image.tar.gz"; } \
      >"$LOG_DIR/$image-image.log" 2>&1 || die "it cannot be made: see $LOG_DIR/$image-image.log"
  done
}

# release_image COMMIT IMAGE TAG: of the commit's files alone, and of nothing that was kept. MGW_BUILD_NETWORK: as of docker build.
release_image() {
  local from=$1: file=app/Dockerfile
  [ "$2" = mgw ] || { from=$1:haproxy && file=Dockerfile; }
  git archive "$from" | docker build --no-cache --network "${MGW_BUILD_NETWORK:-default}" -t "$3" -f "$file" -
}
