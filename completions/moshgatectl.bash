# shellcheck shell=bash
# bash completion of moshgatectl and moshgated; bash-completion finds it by the command's name.

# What can be revoked, as the helper tells whoever asks: root everybody's, users their own. compgen -W
# expands what it is given, so names of other than plain characters are left out.
_moshgatectl_selectors() {
	local list

	list=$(command "$@" --json list 2>/dev/null) || return 0
	grep -oE '"(addr|user)":"[A-Za-z0-9._:-]+"|"port":[0-9]+' <<<"$list" | sed 's/^[^:]*://; s/"//g' | sort -u
}

# Whom there is something to say of: who is logged in and who has grants.
_moshgatectl_persons() {
	local command

	for command in list logins; do
		command "$@" --json $command 2>/dev/null
	done | grep -oE '"(addr|user)":"[A-Za-z0-9._:-]+"' | sed 's/^[^:]*://; s/"//g' | sort -u
}

# Who knocked and can be let in.
_moshgatectl_pending() {
	command "$@" --json pending 2>/dev/null | grep -oE '"addr":"[0-9a-f.:]+"' |
		sed 's/^[^:]*://; s/"//g' | sort -u
}

# The words behind the options, and the options that matter for asking: words and ask.
_moshgatectl_read() {
	local i word

	words=() ask=("${COMP_WORDS[0]}")
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-s | --socket)
			[ "${COMP_WORDS[i + 1]-}" = = ] && ((i++))
			((++i < COMP_CWORD)) && ask+=(-s "${COMP_WORDS[i]}")
			;;
		-*) ;;
		*) words+=("$word") ;;
		esac
	done
}

_moshgatectl_files() {
	local IFS=$'\n'

	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

# An IPv6 address is several words to readline if ":" divides them: what stands before is taken off.
_moshgatectl_trim() {
	local before=${1%"${1##*:}"} i

	[[ $1 == *:* && $COMP_WORDBREAKS == *:* ]] || return 0
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=${COMPREPLY[i]#"$before"}
	done
}

# The last word as it was typed, with the colons in it.
_moshgatectl_current() {
	local line=${COMP_LINE:0:COMP_POINT}

	current=${line##*[[:space:]]}
}

_moshgatectl() {
	local current ask words
	local previous=${COMP_WORDS[COMP_CWORD - 1]}

	_moshgatectl_current
	_moshgatectl_read
	COMPREPLY=()
	case $previous:$current in
	-s:* | --socket:*) _moshgatectl_files "$current" ;;
	*:-*)
		mapfile -t COMPREPLY < <(
			compgen -W "-j --json -s --socket -V --version -h --help" -- "$current"
		)
		;;
	*)
		case ${#words[@]}:${words[0]-} in
		0:*)
			mapfile -t COMPREPLY < <(
				compgen -W "status list logins revoke pending allow watch metrics reload doctor" -- "$current"
			)
			;;
		*:revoke)
			[ "${#words[@]}" = 1 ] || [[ $current == *:* ]] || return 0
			mapfile -t COMPREPLY < <(
				compgen -W "all $(_moshgatectl_selectors "${ask[@]}")" -- "$current"
			)
			_moshgatectl_trim "$current"
			;;
		*:allow)
			[ "${#words[@]}" = 1 ] || [[ $current == *:* ]] || return 0
			mapfile -t COMPREPLY < <(
				compgen -W "$(_moshgatectl_pending "${ask[@]}")" -- "$current"
			)
			_moshgatectl_trim "$current"
			;;
		*:doctor)
			[ "${#words[@]}" = 1 ] || [[ $current == *:* ]] || return 0
			mapfile -t COMPREPLY < <(
				compgen -W "$(_moshgatectl_persons "${ask[@]}")" -- "$current"
			)
			_moshgatectl_trim "$current"
			;;
		esac
		;;
	esac
}

_moshgated() {
	local current=${COMP_WORDS[COMP_CWORD]}

	COMPREPLY=()
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	-c) _moshgatectl_files "$current" ;;
	*)
		mapfile -t COMPREPLY < <(
			compgen -W "-c -d -f -t --remove-guard -V --version -h --help" -- "$current"
		)
		;;
	esac
}

complete -F _moshgatectl moshgatectl
complete -F _moshgated moshgated
