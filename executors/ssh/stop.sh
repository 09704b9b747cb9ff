# $1 number of the command's process and of its process group.
send() { kill "-$1" -- "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null; }
send TERM "$1" || exit 0
n=0
while send 0 "$1" && [ "$n" -lt 20 ]; do
	n=$((n + 1))
	sleep 0.1
done
send KILL "$1"
