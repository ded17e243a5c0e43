# shellcheck shell=bash
# What is made for others to install: meson install, a Debian package, man pages, an SBOM.

test_packages() {
  headline "packages"
  add packages 0 0
}
