#!/bin/sh
# Starts HAProxy in its container. MGW_CERT is a directory of certificates with their keys (*.pem), or one such
# file; a directory without any gets a self-signed one for localhost, which is made anew when it expires. MGW_CERT
# empty: no TLS.
set -eu

die() {
  echo "haproxy: $*" >&2
  exit 1
}

make_certificate() {
  umask 077
  made=$(mktemp -d "$MGW_CERT/new.XXXXXX") || die "no certificate in $MGW_CERT, and user $(id -u) cannot write there: put one there (certificate and key, *.pem)"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 \
    -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' \
    -keyout "$made/key" -out "$made/crt" 2>"$made/log" || die "openssl made no certificate: $(cat "$made/log")"
  cat "$made/crt" "$made/key" >"$made/pem"
  mv "$made/pem" "$MGW_CERT/localhost.pem"
  rm -r "$made"
  echo "haproxy: made a certificate for localhost: $MGW_CERT/localhost.pem" >&2
}

needs_certificate() {
  [ -d "$MGW_CERT" ] && [ -z "$(find "$MGW_CERT" -maxdepth 1 -name '*.pem' ! -name localhost.pem)" ] &&
    ! openssl x509 -checkend 86400 -noout -in "$MGW_CERT/localhost.pem" >/dev/null 2>&1
}

for pem in ${MGW_CERT:+"$MGW_CERT" "$MGW_CERT"/*.pem}; do
  [ ! -e "$pem" ] || [ -r "$pem" ] || die "user $(id -u) cannot read the certificate $pem: give it to that user, or to group $(id -g)"
done
if [ -z "${MGW_CERT:-}" ]; then
  unset MGW_CERT
elif needs_certificate; then
  make_certificate
fi

# HAProxy's first check should find mgw, which is started after it.
socket=${MGW_SOCKET:-/run/mgw/fcgi.sock}
tries=50
while [ -z "${MGW_BACKEND:-}" ] && [ ! -S "$socket" ] && [ $((tries -= 1)) -gt 0 ]; do
  sleep 0.1
done

# The master reads certificates and configuration again on SIGHUP, and keeps the streams that run.
exec haproxy -W -db -f /etc/haproxy/haproxy.cfg
