# bash completion for mgw(1): of what its own help says.

# A command a line: its words, and in capitals what they stand for. These two have more options than the help has room for.
_mgw_commands() {
  local command
  "$1" --help 2>/dev/null | sed -n 's/^  mgw //p' | sed 's/  .*//; s/, mgw /\n/g' | tr -d '[]'
  for command in probe inspect; do
    "$1" $command --help 2>/dev/null | tr -s ' \n' ' ' | sed 's/^usage: mgw //; s/$/\n/' | tr -d "[]'"
  done
}

_mgw() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words next
  words=$(_mgw_commands "${COMP_WORDS[0]}")
  if ((COMP_CWORD == 1)); then
    # Of a command its name; of what goes without one, its options.
    words=$(awk '$1 !~ /^-/ { print $1; next } { for (i = 1; i <= NF; i++) if ($i ~ /^-/) print $i }' <<<"$words" | sort -u)
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    return
  fi
  words=$(awk -v command="${COMP_WORDS[1]}" '$1 == command' <<<"$words")
  next=$(awk -v prev="$prev" '{ for (i = 1; i < NF; i++) if ($i == prev) print $(i + 1) }' <<<"$words")
  if [[ $next = FILE* || ($words = *FILE... && $cur != -*) ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  elif [[ $next = [a-z]* && $cur != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$next" -- "$cur")
  elif [[ $prev != -* || -z $next || $next = -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(grep -o -- '--[a-z-]*' <<<"$words" | sort -u)" -- "$cur")
  fi
}

complete -F _mgw mgw
