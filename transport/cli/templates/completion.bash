
# Where the package bash-completion is missing: the words as bash splits them.
if ! declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
    __chainwright_init_completion()
    {
        cur="${COMP_WORDS[COMP_CWORD]}"
        prev="${COMP_WORDS[COMP_CWORD-1]}"
        words=("${COMP_WORDS[@]}")
        cword=$COMP_CWORD
    }
fi
