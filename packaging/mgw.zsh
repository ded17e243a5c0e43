#compdef mgw
# zsh completion for mgw(1): of what its own help says.

# A command a line: its words, and in capitals what they stand for. These two have more options than the help has room for.
_mgw_commands() {
  local command
  "$1" --help 2>/dev/null | sed -n 's/^  mgw //p' | sed 's/  .*//; s/, mgw /\n/g' | tr -d '[]'
  for command in probe inspect; do
    "$1" $command --help 2>/dev/null | tr -s ' \n' ' ' | sed 's/^usage: mgw //; s/$/\n/' | tr -d "[]'"
  done
}

_mgw() {
  local prev=$words[CURRENT-1] line next=
  local -a lines of offered
  lines=(${(f)"$(_mgw_commands $words[1])"})
  if (( CURRENT == 2 )); then
    # Of a command its name; of what goes without one, its options.
    for line in $lines; do
      of=(${=line})
      [[ $of[1] = -* ]] && offered+=(${(M)of:#-*}) || offered+=($of[1])
    done
    compadd -- ${(u)offered}
    return
  fi
  lines=(${(M)lines:#$words[2]( *|)})
  for line in $lines; do
    of=(${=line})
    (( $of[(Ie)$prev] == 0 )) || next+=" $of[$of[(Ie)$prev]+1]"
    offered+=(${(M)of:#--*})
  done
  next=${next# }
  if [[ $next = FILE* || ("$lines" = *FILE...* && $PREFIX != -*) ]]; then
    _files
  elif [[ $next = [a-z]* && $PREFIX != -* ]]; then
    compadd -- ${=next}
  elif [[ $prev != -* || -z $next || $next = -* ]]; then
    compadd -- ${(u)offered}
  fi
}

_mgw "$@"
