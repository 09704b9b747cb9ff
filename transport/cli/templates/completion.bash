# bash completion for chainwright
#   source <(chainwright completion bash)
_chainwright() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" cmd="" i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${COMP_WORDS[i]}" in
{{- range .}}
            {{.Name}}) cmd="{{.Name}}"; break ;;
{{- end}}
        esac
    done
    case "$cmd" in
{{- range .}}
        {{.Name}})
            case "$prev" in
{{- range .Flags}}{{if .Takes}}
                --{{.Name}}{{if .Short}}|-{{.Short}}{{end}}) {{if .Values}}COMPREPLY=($(compgen -W "{{words .Values}}" -- "$cur")){{else if .Files}}COMPREPLY=($(compgen -f -- "$cur")){{else}}:{{end}}; return ;;
{{- end}}{{end}}
            esac
            if [[ "$cur" == -* ]]; then
                COMPREPLY=($(compgen -W "{{range .Flags}}--{{.Name}} {{end}}" -- "$cur"))
            else
                {{if .Words}}COMPREPLY=($(compgen -W "{{words .Words}}" -- "$cur")){{else if .Files}}COMPREPLY=($(compgen -f -- "$cur")){{else}}:{{end}}
            fi
            ;;
{{- end}}
        *) COMPREPLY=($(compgen -W "{{range .}}{{.Name}} {{end}}" -- "$cur")) ;;
    esac
}
complete -o filenames -F _chainwright chainwright
