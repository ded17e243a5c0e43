#!/bin/sh
# An MCP server over pipes for a crowd: $1 is its name. Each session has its own, so it must cost next to nothing:
# a shell without a fork but for a delay, during which it reads on (answers overtake each other).

say() {
  printf '{"jsonrpc":"2.0",%s}\n' "$1"
}

# cut_out TEXT BEFORE: what stands in TEXT behind BEFORE, up to a comma, a quote or a brace.
cut_out() {
  found=${1#*"$2"}
  found=${found%%[,\"\}]*}
}

while IFS= read -r line; do
  case $line in
    *'"id":'*) ;;
    *) continue ;; # a notification
  esac
  cut_out "$line" '"id":' && id=$found
  case $line in
    *'"method":"initialize"'*)
      cut_out "$line" '"protocolVersion":"'
      say "\"id\":$id,\"result\":{\"protocolVersion\":\"$found\",\"serverInfo\":{\"name\":\"$1\",\"version\":\"1\"},\"capabilities\":{\"tools\":{}}}"
      ;;
    *'"method":"tools/list"'*)
      say "\"id\":$id,\"result\":{\"tools\":[{\"name\":\"work\",\"inputSchema\":{\"type\":\"object\"}}]}"
      ;;
    *'"how":"never"'*) ;;
    *)
      cut_out "$line" '"token":"' && token=$found
      answer="\"id\":$id,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"$1 $token\"}]}"
      case $line in
        *'"progressToken":'*)
          cut_out "$line" '"progressToken":'
          say "\"method\":\"notifications/progress\",\"params\":{\"progressToken\":$found,\"progress\":1,\"message\":\"$token\"}"
          ;;
      esac
      case $line in
        *'"how":"chatty"'*) (sleep 0.1 && say "$answer") & ;;
        *) say "$answer" ;;
      esac
      ;;
  esac
done
