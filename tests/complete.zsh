#!/usr/bin/env zsh
# What zsh itself offers at the end of a line, a word a line, on a terminal of its own:
#
#	zsh -f complete.zsh FOLDER WORK LINE
#
# The functions are those in FOLDER; WORK is where files may be made, where the line is typed, and where the programs are
# that completion asks.
zmodload zsh/zpty zsh/zselect || exit 1
folder=$1 work=$2 typed=$3
offered=$work/offered.zsh said=$work/said.zsh
: >$offered >$said

# Whatever completion adds goes through compadd; words that it only looks at are not offered.
cat >$work/setup.zsh <<END
PROMPT= fpath=(${(q)folder} \$fpath)
autoload -Uz compinit && compinit -u -d ${(q)work}/dump.zsh
compadd() {
	local -a matches

	if [[ \${@[1,(i)(-|--)]} != *-[OAD]\ * ]]; then
		builtin compadd -O matches "\$@"
		print -rl -- \$matches >>${(q)offered}
	fi
	builtin compadd "\$@"
}
zle-line-init() { print ready >>${(q)said} }
over() { print over >>${(q)said} }
zle -N zle-line-init
zle -N over
bindkey '^I' complete-word
bindkey '^X^X' over
cd ${(q)work}
END

# until_said WORD: what the terminal shows is read meanwhile, so that nobody waits for room
until_said() {
	local shown

	repeat 1000; do
		grep -qx $1 $said && return
		while zpty -rt shell shown; do :; done
		zselect -t 1
	done
	print -u2 "zsh has not said: $1"
	exit 1
}

export TERM=xterm PATH=$work:$PATH
zpty -b shell zsh -f -i
zpty -w shell "source ${(q)work}/setup.zsh"
until_said ready
zpty -n -w shell $typed$'\t\x18\x18'
until_said over
zpty -d shell
grep . $offered | sort -u
exit 0
