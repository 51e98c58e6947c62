# shellcheck shell=bash
# Real mosh clients, each in a terminal of a private tmux.

LAB_ASKED=$((RANDOM % 1000))

lab_tmux() {
	tmux -S $LAB/tmux.sock -f $LAB/tmux.conf "$@"
}

# mosh_start NAME HOST USER@ADDRESS [ARGUMENT OF MOSH...]
mosh_start() {
	[ -e $LAB/tmux.conf ] || printf 'set -g %s\n' 'remain-on-exit on' 'exit-empty off' >$LAB/tmux.conf
	lab_tmux new-session -d -s "$1" -x 80 -y 24 \
		nsenter --net="/run/netns/$2" -- \
		env -u TMUX mosh --ssh="ssh -F $LAB/ssh_config" "${@:4}" "$3"
}

mosh_screen() {
	lab_tmux capture-pane -p -t "=$1:"
}

mosh_type() {
	lab_tmux send-keys -t "=$1:" -l "$2" && lab_tmux send-keys -t "=$1:" Enter
}

mosh_shows() {
	mosh_screen "$1" 2>/dev/null | grep -Eq -e "$2"
}

# mosh_wait NAME REGEX [SECONDS]: long enough for a slow emulated machine
mosh_wait() {
	wait_for "${3:-60}" mosh_shows "$1" "$2"
}

# The shell at the other end does a sum: an answer that no echo on this side can give, each time another.
mosh_answers() {
	mosh_wait "$1" '^ready ' || return 1
	LAB_ASKED=$((LAB_ASKED + 1))
	mosh_type "$1" "echo \$((7 * $LAB_ASKED))-ok"
	mosh_wait "$1" "^$((7 * LAB_ASKED))-ok"
}

mosh_ended() {
	[ "$(lab_tmux display-message -p -t "=$1:" '#{pane_dead}')" = 1 ]
}

# mosh_close NAME: leave the shell, and wait for mosh to end in good order
mosh_close() {
	mosh_type "$1" exit
	wait_for 60 mosh_ended "$1" && lab_tmux kill-session -t "=$1"
}
