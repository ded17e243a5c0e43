# shellcheck shell=bash
# ./dev test compose: builds and runs docker-compose.yml with a real engine, and tests it through its published
# ports. Where no engine answers, one of our own is started, with its data in build/compose, and ended. Of ./dev test it is
# a part where the machine lets a container run.

COMPOSE_BASE=debian:bookworm-slim
ENGINE_DATA=$PWD/build/compose/engine

compose=()
engine_dir=
engine_pid=

compose_suite() {
  local log=$LOG_DIR/compose-build.log lock

  docker_answers || need_packages docker.io
  choose_compose || need_packages docker-compose
  need_npm_packages
  exec {lock}>"$LOG_DIR/compose.lock"
  flock -n "$lock" || die "./dev test compose runs already in this directory"
  trap compose_end EXIT
  docker_answers || start_engine || { cannot "no Docker engine answers, nor could one be started" && return; }
  have_base_image || make_base_image
  runs_containers || { cannot "its engine runs no container" && return; }

  export COMPOSE_PROJECT_NAME=mgw-test-$$
  export COMPOSE_FILE=docker-compose.yml:tests/compose/build-network.yml
  export MGW_COMPOSE="${compose[*]}"
  # An engine cannot give more than it has.
  export MGW_NOFILE
  MGW_NOFILE=$(most_files)
  say "building the images"
  if ! timeout 900 "${compose[@]}" build >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    failures+=("compose: the images could not be built: see $log")
    add compose 0 1
    return
  fi
  run_node compose tests/compose/*.test.mjs
}

# cannot WHY: a fault for who has asked for this part, else a part that is left out.
cannot() {
  [ "$asked_part" = all ] || die "$1: see $LOG_DIR/dockerd.log"
  say "compose: left out, this machine cannot: $1 (see $LOG_DIR/dockerd.log)"
}

runs_containers() {
  timeout 60 docker run --rm --network none "$COMPOSE_BASE" true >>"$LOG_DIR/dockerd.log" 2>&1
}

docker_answers() {
  timeout 10 docker info >/dev/null 2>&1
}

# docker-compose is Debian 12's, docker compose what came after it.
choose_compose() {
  ! docker compose version >/dev/null 2>&1 || { compose=(docker compose) && return; }
  compose=(docker-compose)
  command -v docker-compose >/dev/null
}

most_files() {
  local hard
  hard=$(ulimit -Hn)
  [ "$hard" != unlimited ] && [ "$hard" -lt 100000 ] || hard=100000
  printf '%s\n' "$hard"
}

# An engine that leaves the machine's network alone: no packet filter, no bridge but those of the test, whose
# addresses are from the range for tests of networks (RFC 2544); published ports are served by docker-proxy.
start_engine() {
  local tries
  [ "$(id -u)" = 0 ] || { say "only root may start a Docker engine" && return 1; }
  engine_dir=$(mktemp -d /tmp/mgw-engine.XXXXXX)
  export DOCKER_HOST=unix://$engine_dir/docker.sock
  say "starting a Docker engine"
  mkdir -p "$ENGINE_DATA"
  echo '{}' >"$engine_dir/daemon.json"
  setsid setpriv --pdeathsig TERM dockerd --host "$DOCKER_HOST" --data-root "$ENGINE_DATA" \
    --exec-root "$engine_dir/exec" --pidfile "$engine_dir/pid" --config-file "$engine_dir/daemon.json" \
    --iptables=false --ip6tables=false --ip-forward=false --bridge=none \
    --default-address-pool base=198.18.213.0/24,size=29 --host-gateway-ip 198.18.213.1 \
    >"$LOG_DIR/dockerd.log" 2>&1 </dev/null &
  engine_pid=$!
  for ((tries = 0; tries < 300; tries++)); do
    ! docker_answers || { clear_engine && return; }
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 5 "$LOG_DIR/dockerd.log" >&2
  return 1
}

# What a run that was killed outright has left, and images of long ago.
clear_engine() {
  {
    docker ps -aq | xargs -r docker rm -f
    docker network prune -f
    docker volume prune -f
    docker image prune -f --filter until=72h
  } >>"$LOG_DIR/dockerd.log" 2>&1
}

have_base_image() {
  docker image inspect $COMPOSE_BASE >/dev/null 2>&1 ||
    timeout 300 docker pull -q $COMPOSE_BASE >"$LOG_DIR/compose-pull.log" 2>&1
}

# The same Debian from where this machine has its packages, with this machine's way to reach them.
make_base_image() {
  local root log=$LOG_DIR/debootstrap.log
  need_packages debootstrap
  say "$COMPOSE_BASE cannot be pulled: making it with debootstrap"
  root=$(mktemp -d /tmp/mgw-base.XXXXXX)
  if ! timeout 900 debootstrap --variant=minbase bookworm "$root" "$(apt_mirror)" >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -rf "$root"
    die "debootstrap failed: see above and $log"
  fi
  # A machine may have no such settings: then the file is empty.
  apt-config dump | sed -nE '/^Acquire::(http|https|Check-)/p' >"$root/etc/apt/apt.conf.d/90machine"
  tar -C "$root" --exclude './var/cache/apt/archives/*.deb' --exclude './var/lib/apt/lists/*' -c . |
    docker import - $COMPOSE_BASE >/dev/null
  rm -rf "$root"
}

# In a shell of its own, which goes on when a step fails: what is gone already is well, and nothing of this decides whether
# the tests have passed.
compose_end() (
  set +e
  [ -z "${MGW_COMPOSE:-}" ] || timeout 60 "${compose[@]}" down -v --timeout 1 >>"$LOG_DIR/compose-build.log" 2>&1
  [ -n "$engine_pid" ] || return 0
  kill -TERM "$engine_pid" 2>/dev/null
  for ((tries = 0; tries < 300; tries++)); do
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$engine_pid" 2>/dev/null
  # It leaves this one mounted.
  umount "$engine_dir/exec/netns/default" 2>/dev/null
  rm -rf "$engine_dir"
)
