# shellcheck shell=bash
# ./dev up: mgw behind HAProxy on this machine, in the foreground, until Ctrl-C.

RUN_DIR=$PWD/build/run
admin_secret=
admin_login=
admin_shown=
mgw_pid=   # who serves
mgw_child= # ends when it does
mgw_lines=above
haproxy_pid=
signals=0
prefixers=()

up() {
  local config=${MGW_CONFIG:-}
  [ -z "$config" ] || config=$(callers_path "$config")
  while [ $# -gt 0 ]; do
    case $1 in
      --config)
        [ $# -ge 2 ] || die "--config needs a file"
        config=$(callers_path "$2")
        shift 2
        ;;
      --config=*)
        config=$(callers_path "${1#--config=}")
        shift
        ;;
      *) die "up does not know $1 (only --config FILE)" ;;
    esac
  done

  export MGW_BIND=${MGW_BIND:-127.0.0.1}
  export MGW_TLS_PORT=${MGW_TLS_PORT:-8443}
  export MGW_HTTP_PORT=${MGW_HTTP_PORT:-8080}
  export MGW_STATS_PORT=${MGW_STATS_PORT:-8404}
  # For HAProxy alone: mgw, and what it runs, need not have it.
  admin_secret=${MGW_ADMIN_SECRET:-}
  unset MGW_ADMIN_SECRET
  export MGW_SOCKET=$RUN_DIR/fcgi.sock
  export MGW_LISTEN=unix:$MGW_SOCKET
  [ ${#MGW_SOCKET} -lt 100 ] ||
    die "the path $MGW_SOCKET is too long for a socket (99 bytes at most): move the checkout to a shorter path"
  if [ -n "${MGW_AUTH_TOKENS_FILE:-}" ]; then
    MGW_AUTH_TOKENS_FILE=$(callers_path "$MGW_AUTH_TOKENS_FILE")
  fi
  [ -z "$config" ] || [ -r "$config" ] || die "cannot read the configuration $config"

  need_packages "${UP_PACKAGES[@]}"
  make_run_dir
  port_must_be_free "$MGW_TLS_PORT" MGW_TLS_PORT
  port_must_be_free "$MGW_HTTP_PORT" MGW_HTTP_PORT
  port_must_be_free "$MGW_STATS_PORT" MGW_STATS_PORT
  build build gcc -Dtests=false
  if [ -n "$config" ]; then
    build/mgw --check-config "$config" >/dev/null || die "$config: mend the configuration as said above"
    export MGW_CONFIG=$config
  fi
  make_certificate
  make_admin_secret
  # Every stream is a descriptor in mgw and two in HAProxy, which sees to its own limit.
  ulimit -S -n "$(most_descriptors)"

  trap on_signal INT TERM HUP
  trap remove_pid_files EXIT
  start_mgw
  start_haproxy
  wait_for_health
  [ "$signals" -gt 0 ] || [ -n "$(first_gone)" ] || print_addresses
  watch_both
}

make_run_dir() {
  need_log_dir
  mkdir -p "$RUN_DIR" && [ -w "$RUN_DIR" ] || die "cannot write to $RUN_DIR: remove it, or run as its owner"
  exec {up_lock}>"$RUN_DIR/lock"
  flock -n "$up_lock" || die "./dev up runs already in this directory (process $(cat "$RUN_DIR/dev.pid" 2>/dev/null)): end it first"
  end_leftover mgw
  end_leftover haproxy
  rm -f "$RUN_DIR"/*.{pid,began}
  printf '%s\n' $$ >"$RUN_DIR/dev.pid"
}

# When a process began, in ticks since the machine did (proc(5), stat).
began_of() {
  sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

# A ./dev up that was killed outright may have left its children.
end_leftover() {
  local pid began
  pid=$(cat "$RUN_DIR/$1.pid" 2>/dev/null) || return 0
  began=$(cat "$RUN_DIR/$1.began" 2>/dev/null) || return 0
  # Only if it is ours still: ids are used again. (What mgw's own environment says nobody can read.)
  [ -n "$began" ] && [ "$(began_of "$pid")" = "$began" ] || return 0
  say "ending $1 (process $pid), left by an earlier ./dev up"
  kill -KILL "$pid"
}

port_must_be_free() {
  local port=$1 name=$2 line owner
  case $port in
    *[!0-9]* | '') die "$name=$port is no port number" ;;
  esac
  [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || die "$name=$port is no port number (1 to 65535)"
  [ "$(id -u)" = 0 ] || [ "$port" -ge "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" ] ||
    die "port $port ($name) needs root: choose one from 1024 on, such as $name=$((port + 8000)) ./dev up"
  line=$(ss -Htlnp "sport = :$port" | head -n 1)
  [ -n "$line" ] || return 0
  owner=$(sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/ by \1 (process \2)/p' <<<"$line")
  die "port $port is in use$owner: end that, or choose another: $name=$((port + 1000)) ./dev up"
}

make_certificate() {
  local pem=$RUN_DIR/localhost.pem
  if [ -n "${MGW_CERT:-}" ]; then
    MGW_CERT=$(callers_path "$MGW_CERT")
    [ -r "$MGW_CERT" ] || die "cannot read the certificate MGW_CERT=$MGW_CERT"
    return 0
  fi
  export MGW_CERT=$pem
  openssl x509 -checkend 86400 -noout -in "$pem" >/dev/null 2>&1 && return 0

  say "making a certificate for localhost: $pem"
  (
    umask 077
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 \
      -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' \
      -keyout "$pem.key" -out "$pem.crt" 2>"$LOG_DIR/openssl.log"
    cat "$pem.crt" "$pem.key" >"$pem"
  ) || die "openssl could not make $pem: see $LOG_DIR/openssl.log"
  # Clients are given the certificate alone.
  mv "$pem.crt" "$RUN_DIR/localhost.crt"
  chmod 644 "$RUN_DIR/localhost.crt"
  rm "$pem.key"
}

# Kept from one run to the next: what asks for metrics is told of it once.
make_admin_secret() {
  local file=$RUN_DIR/admin.secret
  if [ -n "$admin_secret" ]; then
    [ ${#admin_secret} -ge 16 ] || die "MGW_ADMIN_SECRET is too short: 16 characters at least"
    admin_login="mgw:\$MGW_ADMIN_SECRET"
    admin_shown="as MGW_ADMIN_SECRET has it"
    return 0
  fi
  [ -s "$file" ] || (umask 077 && openssl rand -hex 24 >"$file") || die "cannot make the secret $file"
  chmod 600 "$file" && admin_secret=$(cat "$file") || die "cannot read $file: remove it, or run as its owner"
  [ ${#admin_secret} -ge 16 ] || die "the secret in $file is too short: remove it"
  admin_login="mgw:\$(cat '$file')"
  admin_shown="in $file"
}

most_descriptors() {
  local hard
  hard=$(ulimit -Hn)
  [ "$hard" != unlimited ] && [ "$hard" -lt 200000 ] || hard=200000
  printf '%s\n' "$hard"
}

# start NAME PROGRAM...: in a process group of its own, so that Ctrl-C reaches ./dev alone, which ends both in
# order; and ended by the kernel if ./dev is killed outright. Its output gets its name before each line.
start() {
  local name=$1 out
  shift
  exec {out}> >(prefix "$name")
  prefixers+=($!)
  setsid setpriv --pdeathsig TERM "$@" >&"$out" 2>&1 </dev/null {up_lock}>&- {out}>&- &
  started=$!
  exec {out}>&-
  note "$name" "$started"
}

# For who looks, and for end_leftover.
note() {
  printf '%s\n' "$2" >"$RUN_DIR/$1.pid"
  began_of "$2" >"$RUN_DIR/$1.began"
}

prefix() {
  trap '' INT TERM HUP
  exec {up_lock}>&-
  exec sed -u "s/^/$(printf '%-7s' "$1") | /"
}

start_mgw() {
  local tries
  rm -f "$MGW_SOCKET"
  start mgw build/mgw
  mgw_pid=$started
  mgw_child=$started
  # HAProxy's first check should find it.
  for ((tries = 0; tries < 100; tries++)); do
    [ ! -S "$MGW_SOCKET" ] || return 0
    kill -0 "$mgw_pid" 2>/dev/null || return 0
    sleep 0.05
  done
}

# The process that listens at mgw's socket, as the kernel knows it.
who_serves() {
  python3 - "$MGW_SOCKET" 2>/dev/null <<'PYTHON'
import socket, struct, sys
with socket.socket(socket.AF_UNIX) as one:
    one.settimeout(5)
    one.connect(sys.argv[1])
    print(struct.unpack("3i", one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
PYTHON
}

# mgw has ended: another may have taken its place (mgw --replace). That is none of our children, and one that is waits
# for its end.
follow_successor() {
  local pid
  pid=$(who_serves) && [ "$pid" != "$mgw_pid" ] && kill -0 "$pid" 2>/dev/null || return 1
  setsid setpriv --pdeathsig TERM tail --pid="$pid" -f /dev/null {up_lock}>&- &
  mgw_child=$!
  mgw_pid=$pid
  mgw_lines="where it was started"
  note mgw "$pid"
}

start_haproxy() {
  MGW_ADMIN_SECRET=$admin_secret start haproxy haproxy -db -f haproxy/haproxy.cfg
  haproxy_pid=$started
}

wait_for_health() {
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    [ "$signals" = 0 ] || return 0
    # Who ended, and how, is for watch_both to say.
    [ -z "$(first_gone)" ] || return 0
    ! curl -skf --max-time 1 -o /dev/null "https://$MGW_BIND:$MGW_TLS_PORT/health" || return 0
    sleep 0.1
  done
  say "./dev: https://$MGW_BIND:$MGW_TLS_PORT/health does not answer after 20 s: see the logs above" >&2
  end_both 1
}

print_addresses() {
  cat <<TEXT

mgw is up.

  https://localhost:$MGW_TLS_PORT/mcp      MCP (Streamable HTTP); /sse for clients of the older kind
  http://localhost:$MGW_HTTP_PORT/mcp       the same without TLS, from this machine only
  http://localhost:$MGW_STATS_PORT/           what it does now, "Add to Cursor": user mgw, password $admin_shown
  http://localhost:$MGW_STATS_PORT/metrics   mgw's metrics; HAProxy's: /haproxy/metrics, /haproxy/stats. The same secret:

    curl -u "$admin_login" http://localhost:$MGW_STATS_PORT/metrics

For Cursor, in .cursor/mcp.json (of the project, or of your home directory):

  {
    "mcpServers": {
      "mgw": { "url": "https://localhost:$MGW_TLS_PORT/mcp" }
    }
  }

The certificate is self-signed: start the editor with NODE_EXTRA_CA_CERTS=$RUN_DIR/localhost.crt,
or go without TLS:

  {
    "mcpServers": {
      "mgw": { "url": "http://localhost:$MGW_HTTP_PORT/mcp" }
    }
  }

Ctrl-C ends both.

TEXT
}

# The first signal asks mgw to finish, the second to end at once, the third leaves it no choice.
on_signal() {
  signals=$((signals + 1))
  if [ "$signals" = 1 ]; then
    say
    say "ending: mgw finishes the calls that run. Ctrl-C again ends at once."
  fi
  [ -z "$mgw_pid" ] || kill -"$([ "$signals" -lt 3 ] && echo TERM || echo KILL)" "$mgw_pid" 2>/dev/null || return 0
}

remove_pid_files() {
  rm -f "$RUN_DIR"/{mgw,haproxy,dev}.pid "$RUN_DIR"/{mgw,haproxy}.began
}

# How a process ended, in words.
ending() {
  if [ "$1" -gt 128 ]; then
    printf 'by signal %s' "$(kill -l $(($1 - 128)))"
  else
    printf 'with code %s' "$1"
  fi
}

watch_both() {
  local who='' code=0
  while [ "$signals" = 0 ]; do
    code=0
    # wait -n does not tell of one whose end bash has printed already.
    who=$(first_gone)
    if [ -n "$who" ]; then
      wait "$who" 2>/dev/null || code=$?
    else
      wait -n -p who "$mgw_child" "$haproxy_pid" 2>/dev/null || code=$?
    fi
    [ -n "${who:-}" ] || continue
    { [ "$who" = "$mgw_child" ] && follow_successor; } || break
    say "./dev: mgw was replaced: process $mgw_pid serves; its log is where it was started"
  done
  case ${who:-} in
    "$mgw_child")
      mgw_pid=
      if [ "$signals" = 0 ]; then
        say "./dev: mgw ended$([ "$mgw_lines" != above ] || echo " $(ending $code)"): its last lines are $mgw_lines. Ending HAProxy." >&2
        code=1
      fi
      ;;
    "$haproxy_pid")
      haproxy_pid=
      say "./dev: HAProxy ended $(ending $code): its last lines are above. Ending mgw." >&2
      code=1
      ;;
    *) code=0 ;;
  esac
  end_both "$code"
}

first_gone() {
  local pid
  for pid in "$mgw_child" "$haproxy_pid"; do
    kill -0 "$pid" 2>/dev/null || { printf '%s\n' "$pid" && return; }
  done
}

# mgw first, so that what it still answers reaches the clients; and who has taken its place, if one has.
end_both() {
  local result=$1 code=0
  if [ -n "$mgw_pid" ]; then
    [ "$signals" -gt 0 ] || kill -TERM "$mgw_pid" 2>/dev/null || code=0
    await "$mgw_child" || code=$?
    while follow_successor; do
      kill -TERM "$mgw_pid" 2>/dev/null || true
      await "$mgw_child" || true
    done
    if [ "$code" != 0 ]; then
      say "./dev: mgw ended $(ending $code)" >&2
      result=1
    fi
  fi
  if [ -n "$haproxy_pid" ] && kill -TERM "$haproxy_pid" 2>/dev/null; then
    # Its code does not matter: mgw is gone, it has nothing to finish.
    await "$haproxy_pid" || code=$?
  fi
  await_last_lines
  exit "$result"
}

# Answers with the exit code of the process, however many signals come meanwhile.
await() {
  local pid=$1 code=0 again=0
  wait "$pid" 2>/dev/null || code=$?
  while kill -0 "$pid" 2>/dev/null; do
    code=0
    wait "$pid" 2>/dev/null || code=$?
  done
  # The last wait may have been cut short by a signal just as the process ended.
  wait "$pid" 2>/dev/null || again=$?
  [ "$again" = 127 ] || code=$again
  return "$code"
}

await_last_lines() {
  local pid tries
  for pid in "${prefixers[@]}"; do
    for ((tries = 0; tries < 20; tries++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
  done
}
