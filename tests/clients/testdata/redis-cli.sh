# Writes rising numbers with redis-cli, as scripts do: sh redis-cli.sh MASTER KEY HOST:PORT...
# Each write asks anew where the master is.
name=$1 key=$2
shift 2
n=0
while :; do
  n=$((n + 1))
  for node in "$@"; do
    master=$(redis-cli -h "${node%:*}" -p "${node##*:}" SENTINEL GET-MASTER-ADDR-BY-NAME "$name" 2>/dev/null | tr '\n' ' ')
    [ -n "$master" ] && break
  done
  redis-cli -h "${master%% *}" -p "$(echo "$master" | cut -d' ' -f2)" SET "$key" "$n" >/dev/null || echo "set $n at $master"
  sleep 0.05
done
