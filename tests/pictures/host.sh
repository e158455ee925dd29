#!/bin/bash
# A small Debian host for one terminal session, in mount, host name and network namespaces of its own:
#   tests/pictures/host.sh REPOSITORY LOG demo|failure
# The paths, the name and the port are those of a host as docs/install/lxc.md makes it, so that nothing in the
# session has to be replaced. What it writes is in memory, and gone with it. There is no systemd.
set -euo pipefail
repository=$1 log=$2 session=$3

exec 3>&1 4>&2 >"$log" 2>&1

hostname tower
ip link set lo up
memory=$(mktemp -d)
mount -t tmpfs -o mode=0755 tmpfs "$memory"

# Shows a directory at a place, with whatever is written there in memory.
show_at() {
    local own
    own=$(mktemp -d -p "$memory")
    mkdir -p "$2" "$own/upper" "$own/work"
    mount -t overlay -o "lowerdir=$1,upperdir=$own/upper,workdir=$own/work" overlay "$2"
}
for place in /etc /opt /var; do show_at "$place" "$place"; done
mkdir -p /opt/mast /opt/bin
show_at "$repository" /opt/mast-nix
# What runs this has installed everything, and there is no network.
touch /opt/mast-nix/.venv/runtime
systemd-sysusers /opt/mast-nix/systemd/sysusers.conf
mount --bind "$repository/build/release" /opt/mast
mount -t tmpfs -o mode=0755 tmpfs /run
# Where the demo's random directory goes, and the repository may lie below /tmp.
mkdir /run/tmp
export TMPDIR=/run/tmp

cat >/opt/bin/mast-agent <<'END'
#!/bin/sh
PYTHONPATH=/opt/mast-nix/agent exec /opt/mast-nix/.venv/bin/python -m mast_agent "$@"
END
chmod 0755 /opt/bin/mast-agent
export PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C.UTF-8 TERM=xterm-256color

# Types a command, and runs it, on the terminal.
show() {
    printf '\033[32mroot@tower\033[0m:~# %s\n' "$1" >&3
    bash -c "$1" >&3 2>&4 || true
}

demo() {
    cd /opt/mast-nix
    show 'make demo'
}

# PostgreSQL as Debian's package makes it, and in it what lxc.md says, but for the right to log in.
failure() {
    cd /
    rm -rf /etc/postgresql /var/lib/postgresql /var/log/postgresql
    install -d -o postgres -g postgres /etc/postgresql /var/lib/postgresql /var/log/postgresql
    install -d -o postgres -g postgres -m 2775 /run/postgresql
    pg_createcluster "$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)" main -- --no-sync
    pg_ctlcluster "$(pg_lsclusters -h | cut -d' ' -f 1)" main start -- -o '-c fsync=off'
    trap 'pg_ctlcluster "$(pg_lsclusters -h | cut -d" " -f 1)" main stop -m immediate' EXIT
    runuser -u postgres -- createuser mast
    runuser -u postgres -- createdb --owner=mast mast
    install -o root -g mast -m 0640 /dev/null /etc/mast.env
    cat >/etc/mast.env <<END
DATABASE_URL=ecto://mast@localhost/mast?socket_dir=/run/postgresql
SECRET_KEY_BASE=$(head -c 48 /dev/urandom | base64 -w 0)
MAST_VAULT_KEY=$(head -c 32 /dev/urandom | base64 -w 0)
END
    mapfile -t variables </etc/mast.env
    env "${variables[@]}" RELEASE_DISTRIBUTION=none setpriv --reuid mast --regid mast --clear-groups -- \
        /opt/mast/bin/mast eval 'Mast.Release.migrate()'
    runuser -u postgres -- psql -c 'ALTER ROLE mast NOLOGIN'
    export MAST_AGENT_USER=mast MAST_AGENT_ENV_FILE=/etc/mast.env MAST_BIN=/opt/mast/bin/mast
    show 'mast-agent enroll'
    show 'mast-agent status'
    mast-agent status --json >/run/status.json || true
    # What is carried out is what was printed.
    show "$(/usr/bin/python3 -c 'import json; print(*json.load(open("/run/status.json"))["commands"], sep="\n")')"
    show 'mast-agent enroll'
}

"$session"
