# $1 mark, $2 seconds, $3 command, $4 1: variables come first on standard input,
# $5 length of the input that follows, written for printf %b, $6 the script that
# stops the command. The end of standard input after that means that the caller
# is gone: then the command is stopped.
if [ "$4" = 1 ]; then
	vars=
	while IFS= read -r line && [ "$line" != "$1" ]; do
		vars="$vars$line
"
	done
	eval "$vars"
	unset vars line
fi
input=
if [ "$5" != 0 ]; then
	if printf x | head -c 1 >/dev/null 2>&1; then
		input=$(head -c "$5" && echo x)
	else
		input=$(dd bs=1 count="$5" 2>/dev/null && echo x)
	fi
	input=${input%x}
fi
# The command runs in the foreground: the shell would start it with signals
# ignored in the background. Descriptor 4 tells the process that watches.
run='
echo "$0 $$"
echo "$$" >&4
exec 4>&-
if timeout -k 2 9 true 2>/dev/null; then
	exec timeout -k 2 "$1" "${SHELL:-/bin/sh}" -c "$2"
fi
exec "${SHELL:-/bin/sh}" -c "$2"'
exec 3<&0 5>&1
{
	printf %b "$input" 2>/dev/null 3<&- 4>&- 5>&- | sh -c "$run" "$1" "$2" "$3" 3<&- >&5 5>&-
	echo "$?" >&4
} 4>&1 | {
	read -r job
	{
		while read -r line; do :; done
		sh -c "$6" chainwright "$job"
	} <&3 3<&- 5>&- >/dev/null 2>&1 &
	exec 3<&- 5>&-
	read -r code
	kill "$!"
	exit "${code:-255}"
}
