#!/bin/bash
# boot.sh ROOT SHARE: a machine of its own, whose process 1 is the systemd of ROOT, a folder with a Debian. ROOT stays as it is:
# what is written goes to memory. SHARE is /srv there. It has no network but its own loopback. Ends with its process.
# 77: this machine cannot; why stands on stderr.
set -eu

cannot() {
  echo "$*" >&2
  exit 77
}

[ "$(id -u)" = 0 ] || cannot "only root may start one"
unshare --pid --fork --mount --uts --ipc --net --cgroup true 2>/dev/null || cannot "namespaces cannot be made"
cgroups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
[ -n "$cgroups" ] || cannot "there is no cgroup2"
work=$(mktemp -d /tmp/mgw-machine.XXXXXX)
cgroup=$cgroups$(sed -n 's/^0:://p' /proc/self/cgroup)/${work##*/}
mkdir "$cgroup" 2>/dev/null && echo $$ >"$cgroup/cgroup.procs" || cannot "cgroups cannot be written to"
end() {
  echo $$ >"$cgroups/cgroup.procs"
  for _ in {1..50}; do
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
  rmdir "$work"
}
trap end EXIT

# shellcheck disable=SC2016 # the inner one's own variables
setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount --propagation private --uts --ipc --net --cgroup bash -euc '
  cannot() { echo "$*" >&2; exit 77; }
  lower=$1 share=$2 work=$3
  mount -t tmpfs -o mode=755 tmpfs "$work" && mkdir "$work"/{upper,work,root} || cannot "no tmpfs"
  root=$work/root
  mount -t overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" overlay "$root" || cannot "no overlayfs"
  hostname machine
  mount -t proc proc "$root/proc"
  # The settings of the kernel are not its to change.
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,ro,bind "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys" || cannot "no sysfs"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" || cannot "no cgroup2"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mkdir "$root/dev/shm" "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  for unit in systemd-{modules-load,remount-fs,udevd,logind}.service console-getty.service getty.target \
      sys-kernel-{debug,tracing,config}.mount sys-fs-fuse-connections.mount dev-{hugepages,mqueue}.mount; do
    ln -sfn /dev/null "$root/etc/systemd/system/$unit"
  done
  mount --bind "$share" "$root/srv"
  cd "$root"
  pivot_root . media
  umount -l /media
  # As systemd wants to find it in a container.
  mount --make-rshared /
  exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-syslog \
    /lib/systemd/systemd --system --log-target=journal --show-status=no </dev/null
' bash "$1" "$2" "$work"
