#!/bin/sh
# Makes a picture of a terminal program as it really runs.
#
# Usage: shoot.sh OUT.png COLSxROWS KEYS… -- COMMAND…
#
# KEYS are sent one after the other, named as tmux send-keys names them, with two
# more: wait:SECONDS, and until:TEXT, which waits (two minutes at most) until TEXT
# is on the screen. Needs tmux, and for rasterise.py a Python with Pillow (PYTHON
# chooses it) and the fonts of fonts-dejavu-core. OUT.txt gets the screen as text
# instead.
set -eu

here=$(dirname "$0")
[ $# -ge 4 ] || { sed -n '2,11p' "$0" | cut -c3- >&2; exit 2; }
out=$1 size=$2
shift 2
cols=${size%x*} rows=${size#*x}

keys=
while [ "$1" != -- ]; do
    keys="$keys
$1"
    shift
    [ $# -gt 1 ] || { echo "shoot.sh: found no -- COMMAND" >&2; exit 2; }
done
shift

socket=agar-shoot-$$
tm() { tmux -L "$socket" -f /dev/null "$@"; }
trap 'tm kill-server 2>/dev/null || true' EXIT

# The status line would take a row; remain-on-exit keeps the last screen of a
# program that ends.
tm new-session -d -x "$cols" -y "$rows" sh
tm set -g status off
tm set -g default-terminal tmux-256color
tm set -g remain-on-exit on
tm set -g escape-time 0
tm respawn-pane -k "$(printf 'COLORTERM=truecolor LANG=C.UTF-8 exec'; for a in "$@"; do printf " '%s'" "$(printf %s "$a" | sed "s/'/'\\\\''/g")"; done)"

see() {
    n=0
    until tm capture-pane -p | grep -qF -- "$1"; do
        n=$((n + 1))
        [ $n -lt 480 ] || { echo "shoot.sh: never saw: $1" >&2; tm capture-pane -p >&2; exit 1; }
        sleep 0.25
    done
}

printf '%s\n' "$keys" | while IFS= read -r key; do
    case $key in
    '') ;;
    wait:*) sleep "${key#wait:}" ;;
    until:*) see "${key#until:}" ;;
    *) tm send-keys "$key"; sleep 0.2 ;;
    esac
done
sleep 0.3

case $out in
*.txt) tm capture-pane -e -p >"$out" ;;
*) tm capture-pane -e -p | "${PYTHON:-python3}" "$here/rasterise.py" "$out" "$size" ;;
esac
